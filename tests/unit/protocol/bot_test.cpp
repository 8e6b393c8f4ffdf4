// Bulk-Only Transport as bytes.
#include "protocol/bot.h"

#include <gtest/gtest.h>

#include "tests/unit/protocol/seeded.h"

namespace taxgate::bot {
namespace {

TEST(BotFrames, AreTheBytesOfTheStandard) {
  const auto command = encode(CommandBlock{0x04030201, 0x24, true, 0, {0x12, 0, 0, 0, 0x24, 0}});
  EXPECT_EQ(hex(command), "55534243010203042400000080000612000000240000000000000000000000");
  const auto status = encode(StatusBlock{0x04030201, 0x100, Status::failed});
  EXPECT_EQ(hex(status), "55534253010203040001000001");
  EXPECT_EQ(hex(wrap_apdu(Bytes{0x80, 0x04, 0, 0})), "12000480040000");
  EXPECT_EQ(hex(encode(Sense{9, 0xD1, 0x09})),
            "70000900000000"
            "0a00000000d10900000000");
  EXPECT_EQ((Sense{9, 0xD1, 0x09}).text(), "09D109");
}

TEST(BotFrames, SurviveTheWay) {
  const CommandBlock block{7, 5200, false, 1, Bytes(16, 0xFE)};
  EXPECT_EQ(read_command_block(encode(block)), block);
  const StatusBlock status{7, 12, Status::phase_error};
  EXPECT_EQ(read_status_block(encode(status)), status);
  const Sense sense{5, 0x20, 0x01};
  EXPECT_EQ(read_sense(encode(sense)), sense);
  const Inquiry inquiry{"VENDOR", "PRODUCT", "1.00"};
  EXPECT_EQ(read_inquiry(encode(inquiry)), inquiry);
  const Bytes apdu(300, 0x5A), wrapped = wrap_apdu(apdu);
  const auto inside = unwrap_apdu(wrapped);
  ASSERT_TRUE(inside);
  EXPECT_TRUE(std::ranges::equal(*inside, apdu));
}

TEST(BotFrames, RefuseWhatIsNone) {
  auto command = encode(CommandBlock{7, 0, false, 0, {0}});
  for (const auto& [at, value] : {std::pair{0, 0x56}, {13, 0x10}, {14, 0}, {14, 17}}) {
    auto spoilt = command;
    spoilt[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(value);
    const auto read = read_command_block(spoilt);
    ASSERT_FALSE(read) << at;
    EXPECT_EQ(read.error().id, "bot.format");
    EXPECT_EQ(read.error().code, Errc::corrupt);
  }
  EXPECT_FALSE(read_command_block(ByteView(command).first(30)));
  const auto status = encode(StatusBlock{7, 0, Status::passed});
  EXPECT_TRUE(is_status_of(status, 7));
  EXPECT_FALSE(is_status_of(status, 8));
  EXPECT_FALSE(is_status_of(ByteView(status).first(12), 7));
  auto spoilt = status;
  spoilt[12] = 3;
  EXPECT_FALSE(read_status_block(spoilt));
  EXPECT_FALSE(read_sense(Bytes(13, 0x70)));
  EXPECT_FALSE(read_sense(Bytes(18, 0x72)));
  EXPECT_FALSE(read_inquiry(Bytes(35, 0)));
}

TEST(BotFrames, AnAnswerCutByOneByteIsNoAnswer) {
  const Bytes whole = wrap_apdu(Bytes{1, 2, 3, 0x90, 0x00});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto cut = unwrap_apdu(ByteView(whole).first(size));
    ASSERT_FALSE(cut) << size;
    EXPECT_EQ(cut.error().field, "length");
  }
  Bytes padded = whole;
  padded.resize(512);
  EXPECT_EQ(unwrap_apdu(padded)->size(), 5U) << "what follows is padding";
  EXPECT_EQ(unwrap_apdu(Bytes{0x13, 0, 0}).error().field, "mark");
}

TEST(BotFrames, StrangeTextOfADeviceBecomesPrintable) {
  Bytes bytes(36, 0);
  std::ranges::copy(as_bytes("\x03NISEC\n "), bytes.begin() + 8);
  const auto inquiry = read_inquiry(bytes);
  ASSERT_TRUE(inquiry);
  EXPECT_EQ(inquiry->vendor, "NISEC");
  EXPECT_EQ(inquiry->product, "");
}

TEST(BotFrames, AreTotalOnDamagedBytes) {
  auto random = test::seeded();
  const auto command = encode(CommandBlock{1, 2, true, 0, {0xFE, 2}});
  const auto status = encode(StatusBlock{1, 2, Status::passed});
  const std::string seeds[] = {std::string(as_text(command)), std::string(as_text(status)),
                               std::string(as_text(wrap_apdu(Bytes(70)))), std::string(as_text(encode(Sense{})))};
  for (int i = 0; i < 20'000; ++i) {
    const std::string bytes = test::damaged(random, seeds[i % 4]);
    const ByteView view = as_bytes(bytes);
    if (const auto block = read_command_block(view)) {
      EXPECT_EQ(read_command_block(encode(*block)), block);
    }
    if (const auto block = read_status_block(view)) {
      EXPECT_EQ(read_status_block(encode(*block)), block);
    }
    if (const auto apdu = unwrap_apdu(view)) {
      EXPECT_LE(apdu->size() + kCardHead, view.size());
    }
    (void)read_sense(view);
    (void)read_inquiry(view);
  }
}

}  // namespace
}  // namespace taxgate::bot
