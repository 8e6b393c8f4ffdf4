#pragma once
// A whole night on the real programs: the stand with three taxpayers, a month of invoices, and what to ask of it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "daemon/core/clock.h"
#include "daemon/store/store.h"
#include "protocol/sync.pb.h"
#include "tests/system/whole_fixture.h"

namespace taxgate::tests {

inline constexpr std::uint64_t kInvoices = 2'400;  // several packages in some windows, few enough for a sanitizer

class WholeNight : public testing::Test {
 protected:
  void SetUp() override {
    simulator::StandOptions options;
    options.programs = TAXGATE_BIN_DIR;
    options.with_keys = false;
    // A sanitizer's platform is slow, and a call that times out is made again: some tests count calls.
    options.answer_ms = options.connect_ms = 20'000;
    options.legal_ahead_ms = ahead_to_a_quiet_morning();
    options.sync = sync_;
    auto built = simulator::Stand::build(options);
    ASSERT_TRUE(built) << built.error().id << " " << built.error().detail;
    stand_ = std::move(*built);
    control("POST", "/listing", R"({"package_size":64,"ready_polls":1})");
    // The month before: of the current one the platform only has what lies before today.
    const LegalTime today = stand_->legal_now();
    const std::string now = today.plus_ms(-today.day() * 24 * LegalTime::kHourMs).platform_text().substr(0, 7);
    std::string taxpayers;
    for (const auto& t : stand_->options().taxpayers)
      taxpayers +=
          fmt::format(R"({}{{"id":"{}","name":"{}"}})", taxpayers.empty() ? "" : ",", t.party.id, t.party.name);
    populate_ = [this, now, taxpayers](std::uint64_t count, int seed) {
      control("POST", "/population",
              fmt::format(R"({{"seed":{},"taxpayers":[{}],"from":"{}","to":"{}","count":{}}})", seed, taxpayers, now,
                          now, count));
    };
    populate_(kInvoices, 7);
  }

  std::string control(const std::string& method, const std::string& path, const std::string& body = {}) {
    auto answer = stand_->control(method, path, body);
    EXPECT_TRUE(answer) << path << (answer ? "" : " " + answer.error().detail);
    return answer.value_or("");
  }
  void change(double percent, int seed) {
    control("POST", "/population/change",
            fmt::format(R"({{"seed":{},"percent":{},"what":["deduct","book","abnormal","lock"]}})", seed, percent));
  }
  void ask_for_a_night() {
    const api::v1::SyncRequest request;
    auto begun = stand_->call<api::v1::SyncStatus>("POST", "/v1/sync", &request);
    ASSERT_TRUE(begun) << begun.error().id << " " << begun.error().detail;
  }
  /// The last run once it is over.
  api::v1::SyncRun ended() {
    api::v1::SyncRun run;
    const bool over = eventually(
        [&] {
          auto status = stand_->call<api::v1::SyncStatus>("GET", "/v1/sync");
          if (!status || status->active() || !status->has_run()) return false;
          run = status->run();
          return true;
        },
        std::chrono::seconds(60));
    EXPECT_TRUE(over) << run.DebugString();
    return run;
  }
  api::v1::SyncRun night() {
    ask_for_a_night();
    return ended();
  }

  /// "taxpayer number|state|lock|…" of everything the platform shows anybody.
  std::set<std::string> shown_by_the_platform() {
    std::set<std::string> out;
    for (const auto& t : stand_->options().taxpayers)
      for (const char* direction : {"issued", "received"}) {
        const auto answer = boost::json::parse(control("GET", fmt::format("/population/{}/{}", t.party.id, direction)));
        for (const auto& line : answer.at("statuses").as_array())
          out.insert(t.party.id + " " + std::string(line.as_string()));
      }
    return out;
  }
  /// "taxpayer number: what" of every invoice.status event, by pages of 7 that end within rows. Ids are unique.
  std::vector<std::string> events() {
    std::vector<std::string> out;
    std::set<std::string> ids;
    for (std::string after;;) {
      auto page = stand_->call<api::v1::EventList>("GET", "/v1/events?limit=7&after=" + after);
      EXPECT_TRUE(page);
      if (!page || page->events().empty()) return out;
      for (const auto& e : page->events()) {
        EXPECT_TRUE(ids.insert(e.id()).second) << e.id();
        if (e.type() == "invoice.status") out.push_back(e.taxpayer() + " " + e.blue_number() + ": " + e.detail());
      }
      EXPECT_EQ(page->events().rbegin()->cursor(), page->next());
      after = page->next();
    }
  }
  struct Kept {
    std::set<std::string> statuses;
    std::vector<store::StatusChange> changes;
    std::vector<store::NightRun> runs;
    std::size_t quarantined = 0;
  };
  /// What the daemon left in its database; it is stopped for that.
  Kept kept() {
    stand_->taxgated().stop();
    Kept out;
    const SystemLegalClock clock;
    auto store = store::Store::open({.path = stand_->database(), .clock = &clock, .vfs = {}, .probe = {}});
    EXPECT_TRUE(store);
    if (!store) return out;
    EXPECT_TRUE((*store)->verify_chain());
    auto reader = *(*store)->night().reader();
    std::map<std::uint32_t, std::string> ids;
    for (const auto& t : stand_->options().taxpayers) ids[*reader->taxpayer_number(t.party.id)] = t.party.id;
    EXPECT_TRUE(reader->each_status([&](const InvoiceKey& key, PlatformStatus s, std::uint64_t) {
      std::string line = ids[key.taxpayer()] + " " + invoice_number(key);
      for (std::size_t f = 0; f < kStatusFields; ++f) line += "|" + s.text(static_cast<StatusField>(f));
      out.statuses.insert(line);
    }));
    out.changes = *reader->changes_after(0, 1'000'000);
    out.runs = *reader->runs(0, 100);
    out.quarantined = reader->quarantined_after(0, 1000)->size();
    return out;
  }

  std::string sync_ =
      "at = \"off\"\nmonths = 3\ndeep_months = 3\npoll_ms = 20\nsample = 5\nmax_change_floor = 100000\n";
  std::unique_ptr<simulator::Stand> stand_;
  std::function<void(std::uint64_t count, int seed)> populate_;
};

}  // namespace taxgate::tests
