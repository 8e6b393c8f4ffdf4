#include "protocol/leqi_night.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace taxgate::leqi {
namespace {

using ::testing::HasSubstr;

const Bytes kNightKey{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
LegalTime day(std::string_view text) { return *LegalTime::parse(text); }
Window november() { return {"91320106TGDM00038N", Direction::received, "81", day("2026-11-01"), day("2026-11-30")}; }
listing::Facts facts(int n) {
  return {.number = "2699000000000000000" + std::to_string(n % 10),
          .type = "81",
          .issued_at = day("2026-11-02 10:00:00"),
          .seller_id = "91320104TGDM00230C",
          .seller_name = "卖方\"fpxxList\"[{",  // hostile to a careless search
          .buyer_id = "91320106TGDM00038N",
          .buyer_name = "买方",
          .amount = *Fen::parse("100.00"),
          .tax = *Fen::parse("13.00"),
          .red = false};
}

TEST(NightWindow, NeverCrossesAMonth) {
  EXPECT_TRUE(within_one_month(november()));
  Window w = november();
  w.to = day("2026-12-01");
  EXPECT_FALSE(within_one_month(w));
  w.to = day("2027-11-30");
  EXPECT_FALSE(within_one_month(w)) << "the same month of another year";
  w = november();
  std::swap(w.from, w.to);
  EXPECT_FALSE(within_one_month(w));
  EXPECT_FALSE(within_one_month({}));
}

TEST(NightWire, EveryRequestReadsBackAsItWasWritten) {
  const auto bulk = read_bulk_apply(bulk_apply_json({november(), listing::Form::protobuf}));
  ASSERT_TRUE(bulk);
  EXPECT_EQ(bulk->window, november());
  EXPECT_EQ(bulk->form, listing::Form::protobuf);
  EXPECT_THAT(bulk_apply_json({november(), {}}), HasSubstr(R"("kprqq":"2026-11-01","kprqz":"2026-11-30")"));
  const auto state = read_bulk_state(bulk_state_json({"T", "R"}));
  ASSERT_TRUE(state);
  EXPECT_EQ(state->receipt, "R");
  const auto package = read_package(package_json({"T", "R", 17}));
  ASSERT_TRUE(package);
  EXPECT_EQ(package->package, 17U);
  const auto changes = read_changes(changes_json({november(), 123'456'789'012, 500}));
  ASSERT_TRUE(changes);
  EXPECT_EQ(changes->window, november());
  EXPECT_EQ(changes->cursor, 123'456'789'012);
  EXPECT_EQ(changes->limit, 500U);
  const auto totals = read_totals(totals_json(november()));
  ASSERT_TRUE(totals);
  EXPECT_EQ(*totals, november());
}

TEST(NightWire, EveryReplyReadsBackAsItWasWritten) {
  const auto applied = read_bulk_apply_reply(bulk_apply_reply_json({{"00", "成功"}, "L1"}));
  ASSERT_TRUE(applied);
  EXPECT_EQ(applied->receipt, "L1");
  for (const BulkState s : {BulkState::ready, BulkState::working, BulkState::failed, BulkState::gone}) {
    const auto state = read_bulk_state_reply(bulk_state_reply_json({{"00", ""}, s, 3, 2'500'000'000}));
    ASSERT_TRUE(state);
    EXPECT_EQ(state->state, s);
    EXPECT_EQ(state->packages, s == BulkState::ready ? 3U : 0U);
    EXPECT_EQ(state->total, s == BulkState::ready ? 2'500'000'000U : 0U);
  }
  const auto totals = read_totals_reply(totals_reply_json({{"00", ""}, 7, Fen{-12345}, Fen{99}}));
  ASSERT_TRUE(totals);
  EXPECT_EQ(totals->count, 7U);
  EXPECT_EQ(totals->amount.value, -12345);
  EXPECT_EQ(totals->tax.value, 99);
}

TEST(NightWire, ASumThatIsMissingIsNotZero) {
  EXPECT_FALSE(read_totals_reply(R"({"returncode":"00","fpsl":"7","hjje":"1.00"})"));
  EXPECT_FALSE(read_totals_reply(R"({"returncode":"00","fpsl":"-7","hjje":"1.00","hjse":"0.00"})"));
  EXPECT_FALSE(read_bulk_state_reply(R"({"returncode":"00","clzt":"00","packagecount":"0","total":"1"})"));
  EXPECT_FALSE(read_bulk_state_reply(R"({"returncode":"00","clzt":"00","packagecount":"1"})"));
  EXPECT_FALSE(read_bulk_apply_reply(R"({"returncode":"00"})")) << "accepted without a receipt";
  const auto refused = read_totals_reply(R"({"returncode":"01","returnmsg":"不得跨月"})");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->outcome.message, "不得跨月");
}

TEST(NightWire, ThePositionOfChangesStandsBesideTheRecords) {
  std::string records;
  for (int i = 0; i < 3; ++i) listing::append_record(records, listing::Form::json, facts(i), {});
  const std::string page = changes_page({1, 1, 3}, {40, 43, true}, records);
  const auto head = read_changes_head(as_bytes(page));
  ASSERT_TRUE(head) << head.error().detail;
  EXPECT_EQ(head->first, 40);
  EXPECT_EQ(head->next, 43);
  EXPECT_TRUE(head->more);
  std::vector<listing::Slice> slices;
  const auto split = listing::split(listing::Form::json, as_bytes(page), slices);
  ASSERT_TRUE(split);
  EXPECT_EQ(slices.size(), 3U);
  EXPECT_FALSE(read_changes_head(as_bytes(changes_page({}, {40, 39, false}, {})))) << "a cursor that goes back";
  const auto refused = read_changes_head(as_bytes(std::string_view(R"({"returncode":"01","returnmsg":"跨月"})")));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().id, "listing.refused");
}

TEST(NightWire, HostileTextIsRefusedNotCrashedOn) {
  std::string page = changes_page({1, 1, 0}, {1, 2, false}, {});
  std::mt19937 dice(7);
  for (int i = 0; i < 3000; ++i) {
    std::string damaged = page.substr(0, dice() % (page.size() + 1));
    if (!damaged.empty()) damaged[dice() % damaged.size()] = static_cast<char>(dice());
    (void)read_changes_head(as_bytes(damaged));
    (void)read_bulk_apply(damaged);
    (void)read_bulk_state_reply(damaged);
    (void)read_changes(damaged);
  }
}

TEST(NightPage, OpensWhatTheEnvelopeSealsInPlaceAndInAnyOtherSpelling) {
  const wire::Sm4Decryptor key(std::span<const std::uint8_t, 16>(kNightKey.data(), 16));
  Bytes buffer;
  for (std::size_t size : {1UL, 15UL, 16UL, 1000UL, 300'001UL}) {
    std::string page(size, 'x');
    page.front() = '{';
    const std::string body = *make_reply(page, kNightKey);
    const auto opened = open_page(body, key, buffer);
    ASSERT_TRUE(opened) << size;
    EXPECT_EQ(as_text(opened->page), page);
    const auto spaced = open_page(" " + body, key, buffer);  // not the shape that is read in place
    ASSERT_TRUE(spaced) << size;
    EXPECT_EQ(as_text(spaced->page), page);
    EXPECT_FALSE(open_page(std::string_view(body).substr(0, body.size() - 20), key, buffer)) << "cut off";
  }
}

TEST(NightPage, IsSealedByteForByteAsAnyOtherReply) {
  for (const wire::Level level : wire::levels()) {
    const wire::Sm4Encryptor key(std::span<const std::uint8_t, 16>(kNightKey.data(), 16), level);
    std::vector<std::size_t> sizes{24'559, 24'560, 24'575, 24'576, 24'577, 49'152, 100'000};  // around whole pieces
    for (std::size_t size = 0; size < 600; size += 7) sizes.push_back(size);
    for (const std::size_t size : sizes) {
      std::string page(size, 'a');
      for (std::size_t i = 0; i < size; ++i) page[i] = static_cast<char>(i * 31);
      ASSERT_EQ(seal_page(page, key), *make_reply(page, kNightKey)) << size << " " << wire::name(level);
    }
  }
}

TEST(NightPage, TellsTheGatewaysErrorsFromPages) {
  const wire::Sm4Decryptor key(std::span<const std::uint8_t, 16>(kNightKey.data(), 16));
  Bytes buffer;
  const auto error = open_page(make_error_reply(kMaintenance, "维护中"), key, buffer);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->error_code, kMaintenance);
  EXPECT_EQ(error->error_message, "维护中");
  EXPECT_TRUE(error->page.empty());
}

TEST(NightPage, RefusesWhatWasSealedWithAnotherKeyOrDamaged) {
  const wire::Sm4Decryptor key(std::span<const std::uint8_t, 16>(kNightKey.data(), 16));
  Bytes other = kNightKey, buffer;
  other[0] ^= 1;
  const auto wrong = open_page(*make_reply("{\"returncode\":\"00\"}", other), key, buffer);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().id, "leqi.cipher");
  std::string body = *make_reply(std::string(100, 'y'), kNightKey);
  body[body.size() / 2] = '!';
  const auto damaged = open_page(body, key, buffer);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().id, "leqi.base64");
}

TEST(NightPage, RefusesPaddingThatIsWrongInAnyByte) {
  const wire::Sm4Encryptor encrypt(std::span<const std::uint8_t, 16>(kNightKey.data(), 16));
  const wire::Sm4Decryptor decrypt(std::span<const std::uint8_t, 16>(kNightKey.data(), 16));
  Bytes buffer;
  for (std::size_t wrong = 0; wrong <= 4; ++wrong) {  // 0: all four right
    Bytes block(16, 'x');
    std::fill(block.end() - 4, block.end(), std::uint8_t{4});
    if (wrong > 0) block[16 - wrong] ^= 8;
    encrypt.encrypt(block.data(), block.data(), block.size());
    const std::string body = R"({"body":"{\"Response\":{\"Data\":\")" + base64(block) + R"(\"}}"})";
    EXPECT_EQ(open_page(body, decrypt, buffer).has_value(), wrong == 0) << wrong;
  }
}

TEST(NightStatus, ASingleQueryTellsFourOfSevenFields) {
  InvoiceStatusReply reply;
  reply.status = "7";
  reply.use = "1";
  reply.booking = "01";
  reply.locked = true;
  const auto status = status_of(reply);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->text(StatusField::state), "7");
  EXPECT_EQ(status->text(StatusField::lock), "Y");
  EXPECT_EQ(status->text(StatusField::abnormal), "");
  reply.use = "已抵扣";
  EXPECT_FALSE(status_of(reply));
}

}  // namespace
}  // namespace taxgate::leqi
