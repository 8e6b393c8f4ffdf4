// Tax disks through the whole gateway: the virtual disk behind real pcscd, the key host, taxgated and the command line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "simulator/sample/sample.h"
#include "tests/system/shell.h"
#include "tests/system/whole_fixture.h"

namespace taxgate::tests {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;

constexpr const char *kDisk = "DEVICE0001", *kUkey = "DEVICE0000";
const auto kUs = sample::three_taxpayers().front();

/// Key 0 is a UKey, key 1 a tax disk that signs for our tax device; both are of our first taxpayer.
WholeOptions a_ukey_and_a_disk(std::uint64_t numbers = 100) {
  WholeOptions options;
  options.define_key = [](unsigned i, simulator::KeyDefinition& key) {
    key.taxpayer = kUs.party.id;
    key.serial = i == 1 ? kDisk : kUkey;
  };
  options.define_disk = [numbers](unsigned i, std::int64_t now) -> std::optional<simulator::DiskContent> {
    if (i != 1) return std::nullopt;
    auto content = simulator::ordinary_disk(kUs.tax_device, kUs.party.id, kUs.party.name, now);
    for (auto& type : content.types) {
      type.deadline_ms = now + 30LL * 24 * LegalTime::kHourMs;
      type.offline_limits.count = 100'000;  // only what a test is about is near its end
    }
    for (auto& volume : content.volumes) volume.last = numbers;
    return content;
  };
  options.more_config = "\n[[tax_device]]\nnumber = \"" + kUs.tax_device + "\"\ntaxpayer = \"" + kUs.party.id +
                        "\"\nkeys = [\"" + kDisk + "\"]\n";
  return options;
}

void on_disk(simulator::Stand& stand, const std::function<void(simulator::TaxDisk&, std::int64_t)>& act) {
  ASSERT_TRUE(stand.key(1).with_disk(act));
}

std::optional<api::v1::KeyInfo> the_disk(simulator::Stand& stand) {
  const auto list = stand.call<api::v1::KeyList>("GET", "/v1/keys");
  if (list)
    for (const auto& key : list->keys())
      if (key.serial() == kDisk && key.has_disk()) return key;
  return std::nullopt;
}

/// The forecast with this code of type 007, as the gateway shows it now.
std::optional<api::v1::DiskForecast> forecast(simulator::Stand& stand, const std::string& code) {
  const auto key = the_disk(stand);
  if (key)
    for (const auto& type : key->disk().types())
      for (const auto& end : type.forecasts())
        if (type.type() == "007" && end.code() == code) return end;
  return std::nullopt;
}

std::vector<std::string> disk_events(simulator::Stand& stand) {
  std::vector<std::string> types;
  const auto events = stand.call<api::v1::EventList>("GET", "/v1/events?limit=1000");
  if (events)
    for (const auto& event : events->events())
      if (event.type().starts_with("disk.")) types.push_back(event.type());
  return types;
}

TEST(DisksOfTheGateway, SayEverywhereWhenIssuingStopsAtTodaysRateAndTellItInGoodTime) {
  Whole whole(a_ukey_and_a_disk(25));
  auto& stand = whole.stand();
  ASSERT_TRUE(stand.start_taxgated());
  ASSERT_TRUE(eventually([&] { return the_disk(stand).has_value(); }));
  const auto fresh = the_disk(stand);
  ASSERT_TRUE(fresh);
  EXPECT_EQ(fresh->disk().device_number(), kUs.tax_device);
  EXPECT_EQ(fresh->disk().taxpayer(), kUs.party.id);
  ASSERT_EQ(fresh->tax_devices_size(), 1);
  EXPECT_EQ(fresh->tax_devices(0), kUs.tax_device);
  EXPECT_FALSE(forecast(stand, "disk.end_numbers")) << "nobody uses it: nothing stops it";
  const auto lock_date = forecast(stand, "disk.end_lock_date");
  ASSERT_TRUE(lock_date);
  EXPECT_EQ(lock_date->level(), "");
  EXPECT_TRUE(disk_events(stand).empty());

  // Six invoices in an hour; 19 numbers are left: 3 h 10 min.
  on_disk(stand, [](simulator::TaxDisk& disk, std::int64_t now) {
    for (int i = 0; i < 6; ++i) ASSERT_TRUE(disk.issue("007", 10'000, false, now));
  });
  ASSERT_TRUE(stand.advance_legal_ms(LegalTime::kHourMs));
  ASSERT_TRUE(eventually([&] { return forecast(stand, "disk.end_numbers").has_value(); }));
  const auto end = forecast(stand, "disk.end_numbers");
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->at_rate());
  EXPECT_EQ(end->left(), "19");
  EXPECT_EQ(end->level(), "near");
  // A slow machine takes some of the hour's seconds more.
  EXPECT_THAT(end->message(),
              MatchesRegex("007: 19 numbers are left; issuing stops in 3 h 1[0-9] min at today's rate."));
  EXPECT_THAT(end->remedy_zh(), HasSubstr("领用"));
  EXPECT_TRUE(eventually([&] { return disk_events(stand) == std::vector<std::string>{"disk.near"}; }));

  const auto status = stand.call<api::v1::Status>("GET", "/v1/status");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->health(), "attention");
  const std::string taxgate = std::string(TAXGATE_BIN_DIR) + "/taxgate --socket " + stand.api_socket() + " ";
  for (const char* words : {"status", "keys"}) {
    const auto shown = run_in_shell(taxgate + words);
    EXPECT_EQ(shown.exit, 1) << shown.out;
    EXPECT_THAT(shown.out, AllOf(HasSubstr(kDisk), HasSubstr("19 numbers are left; issuing stops in 3 h 1"),
                                 HasSubstr("Pick up more"), HasSubstr("signs for device " + kUs.tax_device)));
    EXPECT_THAT(run_in_shell("LC_ALL=zh_CN.UTF-8 " + taxgate + words).out,
                AllOf(HasSubstr("税控设备"), HasSubstr("剩余发票 19 份")));
  }
  EXPECT_THAT(
      run_in_shell(taxgate + "doctor --config " + stand.taxgated_config() + " --keyd-config " + stand.keyd_config())
          .out,
      HasSubstr("DEVICE0001 007: 19 numbers are left"));

  // The rate outlives the daemon, and what was told is not told again.
  stand.taxgated().stop();
  ASSERT_TRUE(stand.start_taxgated());
  ASSERT_TRUE(eventually([&] { return forecast(stand, "disk.end_numbers").has_value(); }));
  on_disk(stand, [](simulator::TaxDisk& disk, std::int64_t now) {
    ASSERT_TRUE(disk.buy({.type = "007", .code = "1300260099", .first = 1, .last = 5000}, now));
  });
  EXPECT_TRUE(eventually([&] { return disk_events(stand) == std::vector<std::string>{"disk.near", "disk.well"}; }))
      << testing::PrintToString(disk_events(stand));
}

TEST(DisksOfTheGateway, ARefusalHoldsItsSubmissionAloneWithTheRemedyAndItGoesOnByItself) {
  Whole whole(a_ukey_and_a_disk());
  auto& stand = whole.stand();
  auto cases = sample::business_day(1, 60, {kUs}, stand.legal_now());
  const auto found = std::ranges::find_if(cases, [](const auto& c) {
    return c.track == Track::information_table && c.initiator == Side::seller && c.ending == sample::Ending::issued &&
           c.follows < 0 && !c.raised_by_counterparty;
  });
  ASSERT_TRUE(found != cases.end());
  found->request.clear_tax_device();
  found->request.set_idempotency_key("table-1");
  ASSERT_TRUE(stand.start_taxgated());
  ASSERT_TRUE(stand.import_invoices({found->blue}));
  ASSERT_TRUE(eventually([&] { return the_disk(stand).has_value(); }));
  const auto lock = [&](std::int64_t hours) {
    on_disk(stand, [hours](simulator::TaxDisk& disk, std::int64_t now) {
      ASSERT_TRUE(
          disk.change("007", [&](simulator::DiskType& t) { t.deadline_ms = now + hours * LegalTime::kHourMs; }));
    });
  };
  lock(-1);
  const auto accepted = stand.submit(found->request);
  ASSERT_TRUE(accepted) << accepted.error().id << " " << accepted.error().field;
  const auto held = stand.wait_state(accepted->id(), {"held"}, 60s);
  ASSERT_TRUE(held);
  ASSERT_EQ(held->state(), "held");
  EXPECT_EQ(held->hold().reason(), "disk.locked");
  EXPECT_EQ(held->hold().release_by(), "auto");
  EXPECT_THAT(held->hold().remedy(), HasSubstr("清卡"));
  EXPECT_THAT(held->hold().remedy_zh(), HasSubstr("抄报"));

  // The taxpayer's other work goes on through its other key, as soon as that is there.
  const auto ukey = [&](const std::string& state) {
    return eventually([&] {
      const auto list = stand.call<api::v1::KeyList>("GET", "/v1/keys");
      return list && std::ranges::any_of(
                         list->keys(), [&](const auto& key) { return key.serial() == kUkey && key.state() == state; });
    });
  };
  ASSERT_TRUE(ukey("ready"));
  stand.card(0).unplug();
  ASSERT_TRUE(ukey("gone"));
  const auto other = stand.submit(whole.full_red(whole.blue()));
  ASSERT_TRUE(other);
  EXPECT_EQ(stand.wait_state(other->id(), {"held"}, 60s)->state(), "held");
  stand.card(0).plug();
  EXPECT_EQ(stand.wait_state(other->id(), {"issued"}, 60s)->state(), "issued");
  EXPECT_TRUE(eventually([&] {
    const auto lock_date = forecast(stand, "disk.end_lock_date");
    return lock_date && lock_date->level() == "stopped";
  }));
  EXPECT_EQ(stand.key(1).counters().signatures, 0u);
  // Something else happens to the disk, and the gateway looks at it again.
  on_disk(stand,
          [](simulator::TaxDisk& disk, std::int64_t now) { ASSERT_TRUE(disk.issue("004", 10'000, false, now)); });
  EXPECT_TRUE(eventually([&] {
    const auto key = the_disk(stand);
    return key && key->disk().types(0).numbers_left() == "99";
  }));
  ASSERT_TRUE(stand.advance_legal_ms(60'000));
  const auto third = stand.submit(whole.full_red(whole.blue()));
  ASSERT_TRUE(third);
  EXPECT_EQ(stand.wait_state(third->id(), {"issued"}, 60s)->state(), "issued");
  const auto again = stand.show(accepted->id());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->state(), "held");
  EXPECT_EQ(std::ranges::count(again->timeline(), "held", &api::v1::TimelineEntry::state), 1)
      << "a disk that refuses is not asked again while its state says no";

  lock(1000);
  const auto gone_on = stand.wait_state(accepted->id(), {"waiting_counterparty", "confirmed", "issued"}, 60s);
  ASSERT_TRUE(gone_on);
  EXPECT_NE(gone_on->state(), "held");
  EXPECT_EQ(stand.key(1).counters().signatures, 1u);
  EXPECT_FALSE(gone_on->has_hold());
  EXPECT_TRUE(eventually([&] { return disk_events(stand) == std::vector<std::string>{"disk.stopped", "disk.well"}; }))
      << testing::PrintToString(disk_events(stand));
}

}  // namespace
}  // namespace taxgate::tests
