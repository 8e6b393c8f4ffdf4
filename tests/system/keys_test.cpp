// Tax keys through the whole gateway: lending one by the local API, what is shown of them, and documents of one device.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "simulator/sample/sample.h"
#include "tests/system/shell.h"
#include "tests/system/whole_fixture.h"

namespace taxgate::tests {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// Both keys are of our first taxpayer.
WholeOptions two_keys_of_ours() {
  return {.define_key = [](unsigned, simulator::KeyDefinition& key) {
    key.taxpayer = sample::three_taxpayers().front().party.id;
  }};
}

std::optional<api::v1::KeyInfo> key_of(simulator::Stand& stand, const std::string& serial) {
  const auto list = stand.call<api::v1::KeyList>("GET", "/v1/keys");
  if (list)
    for (const auto& key : list->keys())
      if (key.serial() == serial) return key;
  return std::nullopt;
}

bool becomes(simulator::Stand& stand, const std::string& serial, const std::string& state) {
  return eventually([&] {
    const auto key = key_of(stand, serial);
    return key && key->state() == state;
  });
}

Result<api::v1::KeyList> lend(simulator::Stand& stand, const std::string& serial, const std::string& action,
                              std::uint32_t seconds) {
  api::v1::LeaseRequest request;
  request.set_seconds(seconds);
  if (seconds > 0) request.set_reason("monthly report");
  return stand.call<api::v1::KeyList>("POST", "/v1/keys/" + serial + "/" + action, &request);
}

TEST(KeysOfTheGateway, ALentKeyIsShownAndJournalledWithItsCallerAndTheOtherOneSigns) {
  Whole whole(two_keys_of_ours());
  auto& stand = whole.stand();
  ASSERT_TRUE(stand.start_taxgated());
  const std::string first = stand.key(0).serial(), second = stand.key(1).serial();
  ASSERT_TRUE(becomes(stand, first, "ready") && becomes(stand, second, "ready"));
  const auto lent = lend(stand, first, "lease", 3600);
  ASSERT_TRUE(lent) << lent.error().id;
  ASSERT_EQ(lent->keys_size(), 1);
  EXPECT_EQ(lent->keys(0).state(), "leased");
  const auto shown = key_of(stand, first);
  ASSERT_TRUE(shown);
  EXPECT_EQ(shown->state(), "leased");
  EXPECT_FALSE(shown->lease_holder().empty());
  EXPECT_EQ(shown->lease_reason(), "monthly report");
  EXPECT_THAT(shown->lease_until(), HasSubstr("+08:00"));
  EXPECT_THAT(shown->trouble(), HasSubstr(shown->lease_holder()));
  EXPECT_FALSE(shown->remedy_zh().empty());

  const auto accepted = stand.submit(whole.full_red(whole.blue()));
  ASSERT_TRUE(accepted);
  EXPECT_EQ(stand.wait_state(accepted->id(), {"issued"}, 60s)->state(), "issued");
  EXPECT_EQ(stand.key(0).counters().signatures, 0u);
  EXPECT_GE(stand.key(1).counters().signatures, 1u);

  ASSERT_TRUE(lend(stand, first, "release", 0));
  EXPECT_TRUE(becomes(stand, first, "ready"));
  const auto events = stand.call<api::v1::EventList>("GET", "/v1/events?limit=1000");
  ASSERT_TRUE(events);
  std::vector<std::string> types;
  for (const auto& event : events->events()) {
    if (!event.type().starts_with("key.")) continue;
    types.push_back(event.type());
    EXPECT_EQ(event.reference(), first);
    EXPECT_EQ(event.taxpayer(), whole.us());
    EXPECT_EQ(event.principal(), shown->lease_holder());
  }
  EXPECT_EQ(types, (std::vector<std::string>{"key.leased", "key.released"}));
}

TEST(KeysOfTheGateway, AreLentAndTakenBackByTheCommandLine) {
  Whole whole;
  auto& stand = whole.stand();
  ASSERT_TRUE(stand.start_taxgated());
  const std::string ours = stand.key(0).serial();
  ASSERT_TRUE(becomes(stand, ours, "ready"));
  const auto taxgate = [&](const std::string& words) {
    return run_in_shell(fmt::format("{}/taxgate --lang en --socket {} {}", TAXGATE_BIN_DIR, stand.api_socket(), words));
  };
  const auto wrong = taxgate("keys lease " + ours + " --for soon --reason report");
  EXPECT_EQ(wrong.exit, 2);
  EXPECT_THAT(wrong.out, HasSubstr("90s, 10m, 2h"));
  const auto lent = taxgate("keys lease " + ours + " --for 10m --reason report");
  EXPECT_THAT(lent.out, HasSubstr("leased"));
  EXPECT_EQ(key_of(stand, ours)->lease_reason(), "report");
  EXPECT_THAT(taxgate("keys").out, HasSubstr("leased"));
  EXPECT_EQ(taxgate("keys release " + ours).exit, 0);
  EXPECT_TRUE(becomes(stand, ours, "ready"));
}

TEST(KeysOfTheGateway, ALeaseThatIsNoneIsRefusedWithASentenceAndWorkWaitsForALentKey) {
  Whole whole;
  auto& stand = whole.stand();
  ASSERT_TRUE(stand.start_taxgated());
  const std::string ours = stand.key(0).serial();
  ASSERT_TRUE(becomes(stand, ours, "ready"));
  EXPECT_EQ(lend(stand, "NOSUCHKEY", "lease", 60).error().id, "key.not_found");
  EXPECT_EQ(lend(stand, ours, "lease", 0).error().id, "key.lease_request");
  EXPECT_EQ(lend(stand, ours, "lease", 9 * 3600).error().id, "key.lease_request");
  ASSERT_TRUE(lend(stand, ours, "lease", 3600));
  const auto accepted = stand.submit(whole.full_red(whole.blue()));
  ASSERT_TRUE(accepted);
  EXPECT_EQ(stand.wait_state(accepted->id(), {"signing"}, 60s)->state(), "signing");
  ASSERT_TRUE(lend(stand, ours, "release", 0));
  EXPECT_EQ(stand.wait_state(accepted->id(), {"issued"}, 60s)->state(), "issued");
  EXPECT_EQ(whole.judge(accepted->id()).lost, 0);
}

TEST(KeysOfTheGateway, WorkThatWaitedForAKeyIsSignedAtOnceWhenTheKeyComesBackOrTheHostDoes) {
  Whole whole({.retry_first_ms = 600'000});  // by itself it would be tried again in ten minutes
  auto& stand = whole.stand();
  ASSERT_TRUE(stand.start_taxgated());
  const std::string ours = stand.key(0).serial();
  ASSERT_TRUE(becomes(stand, ours, "ready"));
  // Refused by the key host, or by its absence: from now on it waits out its pause.
  const auto refused = [&](const std::string& id, const std::string& why) {
    return eventually([&] {
      std::ostringstream log;
      log << std::ifstream(stand.taxgated_log()).rdbuf();
      return log.str().find(id + ": " + why) != std::string::npos;
    });
  };
  ASSERT_TRUE(lend(stand, ours, "lease", 3600));
  auto accepted = stand.submit(whole.full_red(whole.blue()));
  ASSERT_TRUE(accepted);
  ASSERT_TRUE(refused(accepted->id(), "key.leased"));
  ASSERT_TRUE(lend(stand, ours, "release", 0));
  EXPECT_EQ(stand.wait_state(accepted->id(), {"issued"}, 60s)->state(), "issued");

  stand.keyd().kill();
  ASSERT_TRUE(eventually([&] { return !stand.call<api::v1::Status>("GET", "/v1/status")->key_host_connected(); }));
  accepted = stand.submit(whole.full_red(whole.blue()));
  ASSERT_TRUE(accepted);
  ASSERT_TRUE(refused(accepted->id(), "key.host_absent"));
  ASSERT_TRUE(stand.start_keyd());
  EXPECT_EQ(stand.wait_state(accepted->id(), {"issued"}, 60s)->state(), "issued");
}

TEST(KeysOfTheGateway, TheNumberOfSignaturesIsRightWhenItIsRead) {
  Whole whole;
  auto& stand = whole.stand();
  ASSERT_TRUE(stand.start_taxgated());
  const std::string ours = stand.key(0).serial();
  for (int i = 0; i < 3; ++i) {
    const auto accepted = stand.submit(whole.full_red(whole.blue()));
    ASSERT_TRUE(accepted);
    ASSERT_EQ(stand.wait_state(accepted->id(), {"issued"}, 60s)->state(), "issued");
    const auto key = key_of(stand, ours);
    ASSERT_TRUE(key);
    EXPECT_EQ(key->signed_count(), stand.key(0).counters().signatures);
    const auto status = stand.call<api::v1::Status>("GET", "/v1/status");
    ASSERT_TRUE(status);
    for (const auto& one : status->keys())
      if (one.serial() == ours) EXPECT_EQ(one.signed_count(), stand.key(0).counters().signatures);
  }
}

TEST(KeysOfTheGateway, ADocumentOfATaxDeviceIsSignedByThatDeviceAndByItsDeclaredEqualOnly) {
  auto options = two_keys_of_ours();
  const auto us = sample::three_taxpayers().front();
  options.define_key = [&](unsigned i, simulator::KeyDefinition& key) {
    key.taxpayer = us.party.id;
    key.serial = "DEVICE000" + std::to_string(i);
  };
  options.more_config = "\n[[tax_device]]\nnumber = \"" + us.tax_device + "\"\ntaxpayer = \"" + us.party.id +
                        "\"\nkeys = [\"DEVICE0001\"]\n";
  Whole whole(options);
  auto& stand = whole.stand();
  auto cases = sample::business_day(1, 60, {us}, stand.legal_now());
  const auto found = std::ranges::find_if(cases, [](const auto& c) {
    return c.track == Track::information_table && c.initiator == Side::seller && c.ending == sample::Ending::issued &&
           c.follows < 0 && !c.raised_by_counterparty;
  });
  ASSERT_TRUE(found != cases.end());
  found->request.clear_tax_device();  // the taxpayer's only declared device is meant
  found->request.set_idempotency_key("table-1");
  ASSERT_TRUE(stand.start_taxgated());
  ASSERT_TRUE(becomes(stand, "DEVICE0000", "ready") && becomes(stand, "DEVICE0001", "ready"));
  ASSERT_TRUE(stand.import_invoices({found->blue}));
  stand.card(1).unplug();
  ASSERT_TRUE(becomes(stand, "DEVICE0001", "gone"));
  const auto accepted = stand.submit(found->request);
  ASSERT_TRUE(accepted) << accepted.error().id << " " << accepted.error().field;
  EXPECT_EQ(stand.wait_state(accepted->id(), {"signing"}, 60s)->state(), "signing");
  EXPECT_EQ(stand.key(0).counters().signatures, 0u) << "another device's key";
  stand.card(1).plug();
  EXPECT_TRUE(eventually([&] { return stand.key(1).counters().signatures >= 1; }));
  EXPECT_EQ(stand.key(0).counters().signatures, 0u);
}

}  // namespace
}  // namespace taxgate::tests
