// Which layout a library has, told from what it writes; every known one, and everything else refused.
#include "drivers/skf/abi.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

namespace taxgate::skf {
namespace {

/// What a library of this layout writes, byte by byte; the rest keeps the fill.
Bytes written(unsigned ulong, bool packed, std::uint8_t fill, bool reserved = true,
              std::array<std::uint64_t, 8> numbers = {0x401, 0x20200, 1, 0x401, 65536, 60000, 1024, 2048}) {
  Bytes room(kDevInfoRoom, fill);
  std::size_t at = 0;
  const auto text = [&](std::string_view value, std::size_t size) {
    std::memset(room.data() + at, 0, size);
    std::ranges::copy(value, room.begin() + static_cast<std::ptrdiff_t>(at));
    at += size;
  };
  text("\1", 2);
  text("Example Ltd", 64);
  text("Issuer", 64);
  text("key", 32);
  text("SIM0001", 32);
  text("\1", 2);
  text("\2", 2);
  if (!packed) at = (at + ulong - 1) / ulong * ulong;  // padding is not written
  for (const std::uint64_t number : numbers) {
    std::memcpy(room.data() + at, &number, ulong);
    at += ulong;
  }
  if (reserved) text({}, 64);
  return room;
}

Result<DevInfo> told(unsigned ulong, bool packed, bool reserved = true) {
  return read_dev_info(written(ulong, packed, kFirstFill, reserved), written(ulong, packed, kSecondFill, reserved));
}

TEST(SkfAbi, IsToldFromWhatTheLibraryWrites) {
  for (const unsigned ulong : {4U, 8U})
    for (const bool packed : {true, false})
      for (const bool reserved : {true, false}) {
        const auto info = told(ulong, packed, reserved);
        ASSERT_TRUE(info) << ulong << packed << reserved << " " << info.error().left;
        EXPECT_EQ(info->abi.ulong, ulong);
        EXPECT_EQ(info->abi.packed, packed);
        EXPECT_EQ(info->serial, "SIM0001");
        EXPECT_EQ(info->manufacturer, "Example Ltd");
        EXPECT_EQ(info->label, "key");
      }
  EXPECT_EQ(told(4, true)->abi.size, 294U);
  EXPECT_EQ(told(4, false)->abi.size, 296U);
  EXPECT_EQ(told(8, true)->abi.size, 326U);
  EXPECT_EQ(told(8, false)->abi.size, 328U);
}

TEST(SkfAbi, OfADeviceThatNamesNoAlgorithmsIsToldFromTheSizeAlone) {
  const std::array<std::uint64_t, 8> none{};
  const auto info = read_dev_info(written(8, true, kFirstFill, true, none), written(8, true, kSecondFill, true, none));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->abi.size, 326U);
  EXPECT_EQ(
      read_dev_info(written(8, true, kFirstFill, false, none), written(8, true, kSecondFill, false, none)).error().id,
      "skf.abi")
      << "neither size nor content tells";
}

TEST(SkfAbi, ThatNobodyKnowsIsRefused) {
  const auto id = [](const Bytes& first, const Bytes& second) {
    const auto info = read_dev_info(first, second);
    return info ? "taken" : info.error().id;
  };
  auto longer = std::pair(written(4, true, kFirstFill), written(4, true, kSecondFill));
  longer.first[400] = longer.second[400] = 0;  // writes beyond every layout
  EXPECT_EQ(id(longer.first, longer.second), "skf.abi");
  EXPECT_EQ(id(Bytes(kDevInfoRoom, kFirstFill), Bytes(kDevInfoRoom, kSecondFill)), "skf.abi") << "nothing written";
  EXPECT_EQ(id(written(2, true, kFirstFill), written(2, true, kSecondFill)), "skf.abi") << "ULONG of 16 bits";
  EXPECT_EQ(id({}, {}), "skf.abi");
  auto nameless = std::pair(written(4, true, kFirstFill), written(4, true, kSecondFill));
  nameless.first[162] = nameless.second[162] = 0;
  EXPECT_EQ(id(nameless.first, nameless.second), "key.card_format") << "a device without a serial";
}

TEST(SkfAbi, IsHeldAgainstTheLengthOfThePublicKey) {
  const Abi narrow{4, true, 294}, wide{8, true, 326};
  Bytes blob(132);
  blob[1] = 1;  // 256, little-endian
  blob[4 + 63] = 7, blob[4 + 127] = 9;
  const auto key = read_public_key(blob, narrow);
  ASSERT_TRUE(key);
  EXPECT_EQ((*key)[31], 7);
  EXPECT_EQ((*key)[63], 9);
  EXPECT_EQ(read_public_key(blob, wide).error().id, "skf.abi");
  Bytes wider(136);
  wider[1] = 1;
  EXPECT_TRUE(read_public_key(wider, wide));
  EXPECT_EQ(read_public_key(wider, narrow).error().id, "skf.abi");
  Bytes left = blob;
  left[4] = 7;
  EXPECT_EQ(read_public_key(left, narrow).error().id, "skf.abi") << "aligned to the left";
  blob[1] = 4;
  EXPECT_EQ(read_public_key(blob, narrow).error().id, "key.no_key_pair") << "not an SM2 key";
}

TEST(SkfSignature, IsTakenFromTheEndsOfItsTwoFields) {
  Bytes blob(kSignatureBlob);
  blob[32] = 1, blob[127] = 2;
  const auto signature = read_signature(blob);
  ASSERT_TRUE(signature);
  EXPECT_EQ((*signature)[0], 1);
  EXPECT_EQ((*signature)[63], 2);
  blob[0] = 1;
  EXPECT_EQ(read_signature(blob).error().id, "key.card_format");
  EXPECT_EQ(read_signature(ByteView(blob).first(127)).error().id, "key.card_format");
}

}  // namespace
}  // namespace taxgate::skf
