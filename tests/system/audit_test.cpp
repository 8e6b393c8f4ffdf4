// The night's three-way audit on the real programs: a signature nobody asked for, a key host's log that was cut,
// changed or taken away, a red the platform does not list, one that nobody here issued, an invoice that is listed no
// more. Each is made real and must be named by its number.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "protocol/envelope.h"
#include "protocol/leqi_night.h"
#include "protocol/records.h"
#include "protocol/sync.pb.h"
#include "tests/system/keyd_fixture.h"
#include "tests/system/shell.h"
#include "tests/system/whole_fixture.h"

namespace taxgate::tests {
namespace {

using namespace std::chrono_literals;
using api::v1::SyncAudit;
using api::v1::SyncRun;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class NightAudited : public testing::Test {
 protected:
  void SetUp() override {
    const auto started = stand().start_taxgated();
    ASSERT_TRUE(started) << started.error().id << " " << started.error().detail;
  }
  simulator::Stand& stand() { return whole_.stand(); }
  /// Without it the test cannot go on: it ends here, with the reason.
  template <class T>
  static T needed(Result<T> result, const char* what) {
    if (!result) throw std::runtime_error(fmt::format("{}: {} {}", what, result.error().id, result.error().detail));
    return std::move(result).value();
  }

  LegalTime in_the_month_before() {
    const LegalTime now = stand().legal_now();
    return now.plus_ms(-now.day() * 24 * LegalTime::kHourMs);
  }
  /// A red of ours that the platform has booked, on a blue of the month before; its number.
  std::string issued_red() {
    blue_ = whole_.invoice(false, in_the_month_before());
    needed(stand().import_invoices({blue_}), "import");
    const auto red = needed(stand().submit(whole_.full_red(blue_)), "submit");
    const auto done = needed(stand().wait_state(red.id(), {"issued"}, 60s), "the red");
    if (done.state() != "issued") throw std::runtime_error("not issued: " + done.DebugString());
    submission_ = red.id();
    // A red belongs to the night that begins after it.
    needed(stand().advance_legal_ms(1'000), "clock");
    return done.red_number();
  }
  SyncRun night() {
    const api::v1::SyncRequest request;
    const auto begun = needed(stand().call<api::v1::SyncStatus>("POST", "/v1/sync", &request), "a night");
    EXPECT_GT(begun.run().run(), 0U) << "answered once the run is durable";
    SyncRun run;
    const bool over = eventually([&] {
      auto status = stand().call<api::v1::SyncStatus>("GET", "/v1/sync");
      if (!status || status->active()) return false;
      run = status->run();
      return run.run() == begun.run().run();
    });
    if (!over) throw std::runtime_error("the night does not end: " + run.DebugString());
    return run;
  }
  static std::vector<std::string> named(const SyncAudit& audit) {
    std::vector<std::string> out;
    for (const auto& gap : audit.named()) out.push_back(gap.code() + " " + gap.wanted());
    std::ranges::sort(out);
    return out;
  }
  std::vector<std::string> on_demand() {
    return named(needed(stand().call<SyncAudit>("GET", "/v1/sync/audit"), "audit"));
  }
  int events_of_gaps() {
    int found = 0;
    const auto events = stand().call<api::v1::EventList>("GET", "/v1/events?limit=1000");
    if (events)
      for (const auto& event : events->events()) found += event.type() == "gateway.audit" ? 1 : 0;
    return found;
  }
  void keyd_with_log(const std::function<void(const std::string& path)>& change) {
    stand().keyd().stop();
    change(stand().directory() + "/keyd/signing.log");
    needed(stand().start_keyd(), "keyd");
    wait_for_the_logs_leg(true);
  }
  void wait_for_the_logs_leg(bool there) {
    const bool so = eventually([&] {
      const auto audit = stand().call<SyncAudit>("GET", "/v1/sync/audit");
      return audit && audit->has_unaudited() != there;
    });
    if (!so)
      throw std::runtime_error(there ? "the audit lacks the key host's log" : "the key host's log is still read");
  }
  Ran taxgate(const std::string& arguments) {
    return run_in_shell(
        fmt::format("{}/taxgate --lang en --socket {} {}", TAXGATE_BIN_DIR, stand().api_socket(), arguments));
  }

  Whole whole_{
      {.sync = "at = \"off\"\nmonths = 2\ndeep_months = 2\npoll_ms = 20\nsample = 9\n"}};  // more than there are
  Invoice blue_;
  std::string submission_;
};

TEST_F(NightAudited, WhatKeyHostAndJournalDoNotBothKnowIsNamedByItsNumber) {
  issued_red();
  const SyncRun clean = night();
  EXPECT_EQ(clean.state(), "right") << clean.DebugString();
  EXPECT_GE(clean.audit().kept(), 1U);
  EXPECT_EQ(clean.audit().signatures(), clean.audit().kept());
  EXPECT_EQ(clean.audit().reds(), 1U);
  EXPECT_EQ(taxgate("sync audit").exit, 0);

  // Somebody with the gateway's own user asks the key host directly.
  const std::string request_id = "0190c6a8-2b5e-7c41-9d3f-0123456789ab/apply";
  keyd::v1::SignRequest order;
  const auto envelope = make_envelope(
      {.channel = "simulator", .taxpayer = whole_.us(), .purpose = "apply", .request_id = request_id}, as_bytes("{}"));
  ASSERT_TRUE(envelope);
  order.set_request(1);
  order.set_request_id(request_id);
  order.set_taxpayer(whole_.us());
  order.set_purpose("apply");
  order.set_message(envelope->data(), envelope->size());
  order.set_deadline_ms(10'000);
  std::uint64_t number = 0;
  {
    KeydClient client(stand().directory() + "/keyd.sock");
    ASSERT_TRUE(client.connected());
    const auto reply = client.sign(order);
    ASSERT_TRUE(reply && !reply->has_failure());
    number = reply->log_number();
  }
  const SyncRun found = night();
  EXPECT_EQ(found.state(), "attention") << found.DebugString();
  EXPECT_THAT(named(found.audit()), ElementsAre(fmt::format("audit.unknown_order {}", number)));
  EXPECT_EQ(events_of_gaps(), 1);
  const Ran page = taxgate(fmt::format("sync show {}", found.run()));
  EXPECT_THAT(page.out, HasSubstr(fmt::format("order {}", number)));
  EXPECT_THAT(page.out, HasSubstr("Hold the taxpayer")) << "each gap with its remedy";
  EXPECT_THAT(named(night().audit()), IsEmpty()) << "a night tells what is new";
  const Ran again = taxgate("sync audit");
  EXPECT_EQ(again.exit, 1) << "on demand everything";
  EXPECT_THAT(again.out, HasSubstr("audit.unknown_order"));

  // A line of the log is changed, and the log is as good as new at its end.
  keyd_with_log([&](const std::string& path) {
    std::string text = whole_file(path);
    const auto at = text.find(submission_);
    ASSERT_NE(at, std::string::npos);
    text[at] = text[at] == '0' ? '1' : '0';
    std::ofstream(path, std::ios::trunc) << text;
  });
  EXPECT_THAT(on_demand(), testing::Contains("audit.log_broken 1"));

  // The log is taken away: what the journal keeps is nowhere, and the night says that it is another log.
  keyd_with_log([](const std::string& path) { std::filesystem::rename(path, path + ".taken"); });
  const auto taken = on_demand();
  EXPECT_EQ(std::ranges::count_if(taken, [](const auto& gap) { return gap.starts_with("audit.unlogged "); }),
            static_cast<long>(clean.audit().kept()));
  const SyncRun replaced = night();
  EXPECT_EQ(replaced.state(), "attention");
  ASSERT_EQ(replaced.audit().named_size(), 1) << replaced.audit().DebugString();
  EXPECT_EQ(replaced.audit().named(0).code(), "audit.log_replaced");
  EXPECT_THAT(named(night().audit()), IsEmpty());

  // Without the key host the audit says that it lacks a leg.
  stand().keyd().stop();
  wait_for_the_logs_leg(false);
  EXPECT_EQ(taxgate("sync audit").exit, 2);
}

// The log's leg may be missing for days; what the other two disagree about is told once all the same.
TEST_F(NightAudited, WhatStaysAsItWasIsNoNewsAlsoWithoutTheKeyHost) {
  const std::string red = issued_red();
  stand().keyd().stop();
  wait_for_the_logs_leg(false);
  const std::string hidden =
      fmt::format(R"([{{"service":"{}","page":"missing","count":0}},{{"service":"{}","cursor_moved":100,"count":0}}])",
                  leqi::service::night_package, leqi::service::night_changes);
  ASSERT_TRUE(stand().control("POST", "/faults", hidden));
  const SyncRun first = night();
  EXPECT_THAT(named(first.audit()), testing::Contains("audit.red_not_listed " + red)) << first.audit().DebugString();
  const int told = events_of_gaps();
  EXPECT_EQ(told, first.audit().named_size()) << "an event each";
  const SyncRun second = night();
  EXPECT_THAT(named(second.audit()), testing::Not(testing::Contains("audit.red_not_listed " + red)));
  EXPECT_TRUE(second.audit().has_unaudited());
  EXPECT_EQ(events_of_gaps(), told) << "nothing changed";
  // The signatures wait for their log meanwhile.
  ASSERT_TRUE(stand().control("DELETE", "/faults"));
  ASSERT_TRUE(stand().start_keyd());
  wait_for_the_logs_leg(true);
  const SyncRun whole = night();
  EXPECT_GE(whole.audit().kept(), 1U);
  EXPECT_EQ(whole.audit().signatures(), whole.audit().kept());
  EXPECT_THAT(named(whole.audit()), IsEmpty()) << whole.audit().DebugString();
}

TEST_F(NightAudited, AMonthsAmountAndTaxThatDifferFromThePlatformsAreToldWithBothSums) {
  const Invoice invoice = whole_.invoice(false, in_the_month_before());
  ASSERT_TRUE(stand().seed_invoices({invoice}));
  const auto night_with = [&](Fen amount, Fen tax) {
    Invoice ours = invoice;
    ours.amount = ours.lines[0].amount = amount;
    ours.tax = ours.lines[0].tax = tax;
    api::v1::ImportRequest import;  // into the ledger alone
    *import.add_invoices() = to_record(ours);
    const auto imported = stand().call<api::v1::ImportReply>("POST", "/v1/invoices:import", &import);
    EXPECT_TRUE(imported && imported->refused_size() == 0);
    const SyncRun run = night();
    return run.state() + "\n" + taxgate(fmt::format("sync show {}", run.run())).out;
  };
  const std::string tax = night_with(invoice.amount, Fen{12'999});
  EXPECT_TRUE(tax.starts_with("attention\n")) << tax;
  EXPECT_THAT(tax, HasSubstr("\n    Sums: tax 129.99 here, 130.00 there.\n"));
  EXPECT_THAT(tax, HasSubstr("Look for invoices imported with another"));
  EXPECT_THAT(night_with(Fen{100'001}, invoice.tax), HasSubstr("\n    Sums: amount 1000.01 here, 1000.00 there.\n"));
  EXPECT_TRUE(night_with(invoice.amount, invoice.tax).starts_with("right\n"));
}

TEST_F(NightAudited, WhatJournalAndListingDoNotBothKnowIsNamedByItsNumber) {
  // A red by hand on the platform, three days ago. Its number is the smallest: the fault below takes the largest of
  // two.
  Invoice foreign = whole_.invoice();
  foreign.number = "26000000000000900001";
  foreign.issued_at = stand().legal_now().plus_ms(-72 * LegalTime::kHourMs);
  foreign.is_red = true;
  foreign.amount = Fen{-100'000};
  foreign.tax = Fen{-13'000};
  ASSERT_TRUE(stand().seed_invoices({foreign}));
  const std::string red = issued_red();
  // Hidden from the windows, and skipped in the incremental listing, which would show it too.
  const std::string hidden =
      fmt::format(R"([{{"service":"{}","page":"missing","count":0}},{{"service":"{}","cursor_moved":100,"count":0}}])",
                  leqi::service::night_package, leqi::service::night_changes);
  ASSERT_TRUE(stand().control("POST", "/faults", hidden));
  const SyncRun blind = night();
  EXPECT_EQ(blind.state(), "attention");
  EXPECT_THAT(named(blind.audit()), testing::Contains("audit.red_not_listed " + red)) << blind.audit().DebugString();
  ASSERT_TRUE(stand().control("DELETE", "/faults"));

  // And another since the last night.
  Invoice fresh = foreign;
  fresh.number = "26000000000000900002";
  fresh.issued_at = stand().legal_now();
  ASSERT_TRUE(stand().seed_invoices({fresh}));
  ASSERT_TRUE(stand().advance_legal_ms(1'000));
  const SyncRun whole = night();
  EXPECT_THAT(named(whole.audit()), IsEmpty()) << whole.audit().DebugString();
  EXPECT_THAT(on_demand(), ElementsAre("audit.red_foreign " + foreign.number));
  // A night names what is new, once our own follow-up had a day to claim it.
  ASSERT_TRUE(stand().advance_legal_ms(24 * LegalTime::kHourMs));

  ASSERT_TRUE(stand().control("POST", "/faults", hidden));
  const SyncRun less = night();
  EXPECT_EQ(less.state(), "attention");
  const auto gaps = named(less.audit());
  EXPECT_THAT(gaps, testing::Contains("audit.not_listed " + blue_.number)) << less.audit().DebugString();
  EXPECT_THAT(gaps, testing::Contains("audit.red_foreign " + fresh.number));
  EXPECT_THAT(gaps, testing::Not(testing::Contains("audit.red_foreign " + foreign.number)));
  int told = 0;
  for (const auto& t : less.taxpayers())
    for (const auto& w : t.windows()) told += !w.trouble().empty() ? 1 : 0;
  EXPECT_GE(told, 1) << "and the window it is missing from";
}

}  // namespace
}  // namespace taxgate::tests
