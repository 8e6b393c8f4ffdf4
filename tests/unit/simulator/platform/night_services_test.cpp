#include "simulator/platform/night_services.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/unit/simulator/platform/world_fixture.h"

namespace taxgate::simulator {
namespace {

namespace s = leqi::service;
using leqi::Direction;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Party kOurs{"91310115TGDM00011U", "卖方"}, kOther{"91420106TGDM00214A", "买方"};
LegalTime day(std::string_view text) { return *LegalTime::parse(text); }
leqi::Window month_of(std::string_view first, std::string_view last, Direction direction = Direction::issued,
                      std::string type = "81") {
  return {kOurs.id, direction, std::move(type), day(first), day(last)};
}
leqi::Window october() { return month_of("2026-10-01", "2026-10-31"); }

class NightServicesTest : public WorldTest {
 protected:
  void populate(std::uint64_t count, std::uint64_t seed = 1) {
    night.add({.seed = seed,
               .taxpayers = {kOurs, kOther},
               .directions = {Direction::issued, Direction::received},
               .types = {"81", "04", "01"},
               .first_month = day("2026-09-15"),
               .last_month = day("2026-10-01"),
               .count = count});
  }
  std::string ask(std::string_view service, const std::string& json, const FaultAction& fault = {}) {
    const auto answer = night.handle(service, json, fault, now, machine_ms);
    EXPECT_FALSE(answer.retry_after_s);
    return answer.page;
  }
  leqi::BulkStateReply state(const std::string& receipt) {
    return *leqi::read_bulk_state_reply(ask(s::night_state, leqi::bulk_state_json({kOurs.id, receipt})));
  }
  std::string apply(const leqi::Window& window, listing::Form form = listing::Form::json) {
    const auto reply = *leqi::read_bulk_apply_reply(ask(s::night_apply, leqi::bulk_apply_json({window, form})));
    EXPECT_TRUE(reply.outcome.ok()) << reply.outcome.message;
    return reply.receipt;
  }
  std::string ready(const leqi::Window& window, listing::Form form = listing::Form::json) {
    const std::string receipt = apply(window, form);
    EXPECT_EQ(state(receipt).state, leqi::BulkState::working);
    EXPECT_EQ(state(receipt).state, leqi::BulkState::ready);
    return receipt;
  }
  std::string package(const std::string& receipt, std::uint32_t number, const std::string& spoil = {}) {
    FaultAction fault;
    fault.page = spoil;
    return ask(s::night_package, leqi::package_json({kOurs.id, receipt, number}), fault);
  }
  struct Shown {
    listing::Facts facts;
    PlatformStatus status;
  };
  static std::vector<Shown> records(const std::string& page, listing::Form form = listing::Form::json) {
    std::vector<listing::Slice> slices;
    const auto head = listing::split(form, as_bytes(page), slices);
    EXPECT_TRUE(head) << page.substr(0, 200);
    std::vector<Shown> out;
    for (const auto& slice : slices) {
      Shown shown;
      const auto record = listing::decode(form, 1, as_bytes(page).subspan(slice.at, slice.size), &shown.facts);
      EXPECT_TRUE(record);
      if (record) shown.status = record->status;
      out.push_back(std::move(shown));
    }
    return out;
  }
  static listing::PageHead head(const std::string& page) {
    std::vector<listing::Slice> slices;
    return listing::split(listing::Form::json, as_bytes(page), slices).value_or(listing::PageHead{});
  }
  std::vector<Shown> all_of(const leqi::Window& window, listing::Form form = listing::Form::json) {
    const std::string receipt = ready(window, form);
    std::vector<Shown> all;
    for (std::uint32_t n = 1, count = state(receipt).packages; n <= count; ++n) {
      auto some = records(package(receipt, n), form);
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }

  World world{[this](Effect effect) { night.note(effect); }};
  NightServices night{world};
  LegalTime now = day("2026-11-22 03:00:00");
  std::int64_t machine_ms = 1'000'000;
};

TEST_F(NightServicesTest, EveryInvoiceIsInExactlyOneWindowAndOnePackage) {
  populate(2400);
  night.behave({.package_size = 70});
  std::set<std::string> seen;
  for (const Direction direction : {Direction::issued, Direction::received})
    for (const char* type : {"81", "04", "01"})
      for (const auto& [first, last] : {std::pair{"2026-09-01", "2026-09-12"}, std::pair{"2026-09-13", "2026-09-30"},
                                        std::pair{"2026-10-01", "2026-10-31"}})
        for (const Shown& shown : all_of(month_of(first, last, direction, type))) {
          EXPECT_TRUE(seen.insert(shown.facts.number).second) << shown.facts.number << " twice";
          EXPECT_GE(shown.facts.issued_at, day(first));
          EXPECT_LT(shown.facts.issued_at, day(last).plus_ms(24 * kHour));
          EXPECT_EQ(direction == Direction::issued ? shown.facts.seller_id : shown.facts.buyer_id, kOurs.id);
          EXPECT_EQ(shown.facts.type, type);
          EXPECT_TRUE(invoice_key(1, shown.facts.number)) << shown.facts.number;
        }
  EXPECT_EQ(seen.size(), 1200U) << "half of them are the other taxpayer's";
}

TEST_F(NightServicesTest, TheFastWriterWritesWhatTheProductsWriterWrites) {
  populate(3000);
  Population population;
  population.add({.seed = 9,
                  .taxpayers = {kOurs},
                  .directions = {Direction::issued, Direction::received},
                  .types = {"81", "04", "01"},
                  .first_month = day("2026-02-01"),
                  .last_month = day("2026-12-01"),
                  .count = 3300});
  population.change(
      {.seed = 4, .percent = 40, .deeds = {Deed::deduct, Deed::suspect, Deed::void_, Deed::lock}, .taxpayer = {}});
  for (const listing::Form form : {listing::Form::json, listing::Form::protobuf})
    for (const Lot& lot : population.lots()) {
      std::string fast, slow;
      LotWriter writer(form, lot);
      for (std::uint64_t i = 0; i < lot.status.size(); ++i) {
        writer.append(fast, i);
        listing::append_record(slow, form, lot.facts(i), lot.status[i]);
      }
      ASSERT_EQ(fast, slow) << lot.type;
    }
}

TEST_F(NightServicesTest, TheSameSeedGivesTheSamePlatformAndAnotherSeedAnother) {
  const auto made = [this](std::uint64_t seed) {
    NightServices one{world};
    one.add({seed, {kOurs}, {Direction::issued}, {"81"}, day("2026-10-01"), day("2026-10-01"), 500});
    one.change({seed, 10, {Deed::deduct}, {}, false}, now);
    const auto window = october();
    const auto totals = one.handle(s::night_totals, leqi::totals_json(window), {}, now, 0).page;
    auto lines = one.statuses(kOurs.id, Direction::issued);
    lines.push_back(totals);
    return lines;
  };
  EXPECT_EQ(made(3), made(3));
  EXPECT_NE(made(3), made(4));
}

TEST_F(NightServicesTest, NothingIsDatedAfterTheMomentItWasMade) {
  now = day("2026-10-09 12:00:00");
  night.add({.seed = 1,
             .taxpayers = {kOurs},
             .directions = {Direction::issued},
             .types = {"81"},
             .first_month = now,
             .last_month = now,
             .count = 300,
             .until = now});
  const auto all = all_of(month_of("2026-10-01", "2026-10-09"));
  EXPECT_EQ(all.size(), 300U);
  for (const Shown& shown : all) EXPECT_LT(shown.facts.issued_at, now);
}

TEST_F(NightServicesTest, TotalsAreWhatThePackagesAddUpTo) {
  populate(1200);
  for (const leqi::Window& window : {october(), month_of("2026-09-02", "2026-09-11", Direction::received, "04")}) {
    const auto totals = *leqi::read_totals_reply(ask(s::night_totals, leqi::totals_json(window)));
    leqi::TotalsReply sums;
    for (const Shown& shown : all_of(window)) {
      ++sums.count;
      sums.amount += shown.facts.amount;
      sums.tax += shown.facts.tax;
    }
    EXPECT_GT(sums.count, 0U);
    EXPECT_EQ(totals.count, sums.count);
    EXPECT_EQ(totals.amount, sums.amount);
    EXPECT_EQ(totals.tax, sums.tax);
  }
}

TEST_F(NightServicesTest, AnApplicationTakesItsPollsAndItsTimeAndAReceiptEnds) {
  populate(120);
  night.behave({.ready_polls = 3, .ready_ms = 5000, .receipt_ms = 60'000});
  const std::string receipt = apply(october());
  EXPECT_THAT(package(receipt, 1), HasSubstr("申请处理中"));
  for (int poll = 0; poll < 3; ++poll) EXPECT_EQ(state(receipt).state, leqi::BulkState::working);
  EXPECT_EQ(state(receipt).state, leqi::BulkState::working) << "enough polls, not enough time";
  now = now.plus_ms(5000);
  EXPECT_EQ(state(receipt).state, leqi::BulkState::ready);
  EXPECT_FALSE(records(package(receipt, 1)).empty());
  EXPECT_THAT(package(receipt, 2), HasSubstr("包号超出范围"));
  now = now.plus_ms(60'000);
  EXPECT_EQ(state(receipt).state, leqi::BulkState::gone);
  EXPECT_THAT(package(receipt, 1), HasSubstr("已失效"));
  EXPECT_EQ(state("SIM-of-somebody").state, leqi::BulkState::gone);
}

TEST_F(NightServicesTest, NobodyFetchesAnothersPackages) {
  populate(120);
  const std::string receipt = ready(october());
  EXPECT_THAT(ask(s::night_package, leqi::package_json({kOther.id, receipt, 1})), HasSubstr("未查询到申请"));
}

TEST_F(NightServicesTest, AWindowWithoutInvoicesHasOneEmptyPackage) {
  const std::string receipt = ready(october());
  EXPECT_EQ(state(receipt).packages, 1U);
  EXPECT_THAT(records(package(receipt, 1)), IsEmpty());
}

TEST_F(NightServicesTest, AListingThatCrossesAMonthIsRefused) {
  const leqi::Window across = month_of("2026-09-30", "2026-10-01");
  EXPECT_THAT(ask(s::night_apply, leqi::bulk_apply_json({across, {}})), HasSubstr("跨月"));
  EXPECT_THAT(ask(s::night_totals, leqi::totals_json(across)), HasSubstr("跨月"));
  EXPECT_THAT(ask(s::night_changes, leqi::changes_json({across, 0, 10})), HasSubstr("跨月"));
  EXPECT_THAT(ask(s::night_apply, "{}"), HasSubstr("请求报文有误"));
}

TEST_F(NightServicesTest, TheWorldsInvoicesAreListedWithTheirFormsEffectsAndReds) {
  Invoice blue = coolers("26117000000000000001", false);
  blue.seller = kOurs;
  world.put_invoice(blue);
  leqi::Window november = month_of("2026-11-01", "2026-11-30");
  ASSERT_EQ(all_of(november).size(), 1U);
  RequestContext context;
  context.now = now;
  const auto applied = world.apply(part(blue, "-5", "-10000.00", "-1300.00"), context);
  ASSERT_TRUE(applied.outcome.ok()) << applied.outcome.message;
  EXPECT_EQ(all_of(november)[0].status.text(StatusField::lock), "Y");
  const leqi::UploadRequest upload{
      "s1", applied.number, applied.uuid, part(blue, "-5", "-10000.00", "-1300.00"), {}, blue.number + applied.number};
  ASSERT_TRUE(world.upload(upload, context).outcome.ok());
  world.settle(now.plus_ms(1));
  const auto after = all_of(november);
  ASSERT_EQ(after.size(), 2U);
  EXPECT_EQ(after[0].status.text(StatusField::state), "7");
  EXPECT_EQ(after[0].status.text(StatusField::lock), "N");
  EXPECT_TRUE(after[1].facts.red);
  EXPECT_EQ(after[1].facts.amount, fen("-10000.00"));
  november.taxpayer = kOther.id;
  november.direction = Direction::received;
  const auto totals = *leqi::read_totals_reply(ask(s::night_totals, leqi::totals_json(november)));
  EXPECT_EQ(totals.amount, fen("990000.00")) << "reds count negative";
  EXPECT_GE(night.changes(kOther.id, Direction::received), 2);
}

TEST_F(NightServicesTest, ChangesAreShownInBulkIncrementallyAndOneByOne) {
  populate(1200);
  EXPECT_EQ(night.change({.seed = 2, .percent = 5, .deeds = {Deed::deduct, Deed::abnormal}, .taxpayer = kOurs.id}, now),
            30U);
  std::map<std::string, PlatformStatus> bulk, incremental;
  for (const Direction direction : {Direction::issued, Direction::received}) {
    for (const char* type : {"81", "04", "01"})
      for (const char* month : {"2026-09", "2026-10"})
        for (const Shown& shown :
             all_of(month_of(std::string(month) + "-01", std::string(month) + "-30", direction, type)))
          if (shown.status != fresh_status()) bulk[shown.facts.number] = shown.status;
    leqi::ChangesRequest request{month_of("2026-11-01", "2026-11-30", direction, ""), 0, 7};
    for (bool more = true; more;) {
      const std::string page = ask(s::night_changes, leqi::changes_json(request));
      const auto told = leqi::read_changes_head(as_bytes(page));
      ASSERT_TRUE(told);
      EXPECT_EQ(told->first, request.cursor);
      for (const Shown& shown : records(page)) incremental[shown.facts.number] = shown.status;
      request.cursor = told->next;
      more = told->more;
    }
    EXPECT_EQ(request.cursor, night.changes(kOurs.id, direction));
  }
  EXPECT_EQ(bulk.size(), 30U);
  EXPECT_EQ(bulk, incremental);
  for (const auto& [number, status] : bulk) {
    const auto reply = night.single({kOurs.id, number});
    ASSERT_TRUE(reply);
    EXPECT_EQ(leqi::status_of(*reply)->get(StatusField::use), status.get(StatusField::use));
    EXPECT_FALSE(night.single({"91999999TGDM99999X", number})) << "not a party";
  }
}

TEST_F(NightServicesTest, AnIncrementalListingTellsOnlyTheDaysItWasAskedFor) {
  populate(120);
  night.change({.seed = 1, .percent = 10, .deeds = {Deed::lock}, .taxpayer = kOurs.id}, day("2026-10-30 12:00:00"));
  night.change({.seed = 2, .percent = 10, .deeds = {Deed::unlock, Deed::book}, .taxpayer = kOurs.id}, now);
  const std::int64_t all = night.changes(kOurs.id, Direction::issued);
  leqi::ChangesRequest request{october(), 0, 1000};
  request.window.type.clear();
  const auto first = *leqi::read_changes_head(as_bytes(ask(s::night_changes, leqi::changes_json(request))));
  EXPECT_FALSE(first.more);
  EXPECT_LT(first.next, all);
  request.window.from = day("2026-11-01");
  request.window.to = day("2026-11-30");
  request.cursor = first.next;
  const auto second = *leqi::read_changes_head(as_bytes(ask(s::night_changes, leqi::changes_json(request))));
  EXPECT_EQ(second.first, first.next);
  EXPECT_EQ(second.next, all);
}

TEST_F(NightServicesTest, ACursorThatAnotherProgramMovedShowsItself) {
  populate(1200);
  night.change({.percent = 50, .deeds = {Deed::lock}, .taxpayer = {}}, now);
  leqi::ChangesRequest request{month_of("2026-11-01", "2026-11-30", Direction::issued, ""), 0, 10};
  FaultAction moved;
  moved.cursor_moved = 25;
  const auto head = *leqi::read_changes_head(as_bytes(ask(s::night_changes, leqi::changes_json(request), moved)));
  EXPECT_EQ(head.first, 25);
  EXPECT_EQ(head.next, 35);
}

TEST_F(NightServicesTest, ADeedOnOneInvoiceOfTheWorldIsShownEverywhere) {
  Invoice blue = coolers("26117000000000000001", false);
  blue.seller = kOurs;
  world.put_invoice(blue);
  EXPECT_TRUE(night.change(blue.number, Deed::suspect, now));
  EXPECT_FALSE(night.change(blue.number, Deed::suspect, now)) << "it is suspect already";
  EXPECT_FALSE(night.change("26117000000000000009", Deed::suspect, now)) << "unknown";
  EXPECT_EQ(all_of(month_of("2026-11-01", "2026-11-30"))[0].status.text(StatusField::abnormal), "03");
  EXPECT_TRUE(night.change(blue.number, Deed::deduct, now));
  EXPECT_EQ(night.single({kOurs.id, blue.number})->use, "1");
}

TEST_F(NightServicesTest, EachFaultOfAPageIsWhatItSays) {
  populate(1200);
  night.behave({.package_size = 20});
  const std::string receipt = ready(october());
  const auto whole = records(package(receipt, 2));
  ASSERT_EQ(whole.size(), 20U);
  std::vector<listing::Slice> slices;
  EXPECT_FALSE(listing::split(listing::Form::json, as_bytes(package(receipt, 2, "cut")), slices));
  EXPECT_EQ(records(package(receipt, 2, "repeat")).size(), 40U);
  const auto reordered = records(package(receipt, 2, "reorder"));
  EXPECT_EQ(reordered.front().facts, whole.back().facts);
  EXPECT_EQ(records(package(receipt, 2, "previous"))[0].facts, records(package(receipt, 1))[0].facts);
  EXPECT_EQ(head(package(receipt, 2, "previous")).number, 2U);
  EXPECT_EQ(head(package(receipt, 2, "number")).number, 3U);
  EXPECT_EQ(records(package(receipt, 2, "missing")).size(), 19U);
  EXPECT_EQ(head(package(receipt, 2, "miscount")).total, head(package(receipt, 2)).total + 1);
  int strangers = 0, late = 0;
  for (const Shown& shown : records(package(receipt, 2, "stranger"))) strangers += shown.facts.seller_id != kOurs.id;
  for (const Shown& shown : records(package(receipt, 2, "other_month"))) late += shown.facts.issued_at.month() != 10;
  EXPECT_EQ(strangers, 1);
  EXPECT_EQ(late, 1);
}

TEST_F(NightServicesTest, TheBudgetSlidesAndSaysWhenToComeBack) {
  night.behave({.calls = 2, .window_ms = 10'000});
  const std::string request = leqi::totals_json(october());
  const auto call = [&] { return night.handle(s::night_totals, request, {}, now, machine_ms).retry_after_s; };
  EXPECT_FALSE(call());
  machine_ms += 4'000;
  EXPECT_FALSE(call());
  EXPECT_EQ(call(), 6);
  machine_ms += 6'000;
  EXPECT_FALSE(call());
  EXPECT_EQ(call(), 4) << "the second call weighs still";
}

TEST(PopulationDeeds, ApplyOnlyWhereTheyArePossible) {
  EXPECT_FALSE(deed_of("reverse"));
  const auto voided = done_to(fresh_status(), *deed_of("void"));
  ASSERT_TRUE(voided);
  EXPECT_EQ(voided->text(StatusField::state), "2");
  EXPECT_FALSE(done_to(*voided, Deed::part));
}

}  // namespace
}  // namespace taxgate::simulator
