// The worked examples of docs/keyd.md are read by the code they describe.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "drivers/keyd/config.h"
#include "drivers/keyd/lease_book.h"
#include "drivers/keyd/pin_ledger.h"
#include "drivers/keyd/sign_log.h"
#include "tests/unit/drivers/keyd/temp_directory.h"

namespace taxgate::keyd {
namespace {

std::string block(const std::string& mark) {
  std::ostringstream page;
  page << std::ifstream(std::string(TAXGATE_SOURCE_DIR) + "/docs/keyd.md").rdbuf();
  const std::string text = page.str();
  const auto start = text.find("```" + mark + "\n");
  if (start == std::string::npos) return {};
  const auto from = start + mark.size() + 4;
  return text.substr(from, text.find("```", from) - from);
}

TEST(KeydDocs, ShowALogWhoseChainHolds) {
  const std::string log = block("signing-log");
  ASSERT_FALSE(log.empty());
  const auto last = SignLog::check(log);
  ASSERT_TRUE(last) << "line " << last.error().wanted;
  EXPECT_EQ(*last, 1U);
  EXPECT_NE(log.find(hex(sm3(as_bytes("abc")))), std::string::npos);
}

TEST(KeydDocs, ShowALedgerRecordThatReadsAsDescribed) {
  TempDirectory temp;
  temp.write("SIMKEY0001.pin", block("pin-ledger SIMKEY0001"));
  const auto attempt = PinLedger(temp.path()).read("SIMKEY0001");
  ASSERT_TRUE(attempt);
  ASSERT_TRUE(*attempt);
  EXPECT_EQ(**attempt, (PinAttempt{PinAttempt::Phase::attempting, {2049, 131102, 7, 1792999000123456789, ""}, 10}));
}

TEST(KeydDocs, ShowALeasesFileThatReadsAsDescribed) {
  TempDirectory temp;
  temp.write("leases", block("leases"));
  const auto leases = read_leases(temp.file("leases"), 0, 1'792'910'000'000);
  ASSERT_TRUE(leases) << leases.error().detail;
  EXPECT_EQ(*leases, (std::vector<Lease>{{.serial = "SIMKEY0001",
                                          .certificate = {0x30, 0x00},
                                          .reader = "USB 1-1.4",
                                          .holder = "local:root",
                                          .reason = "monthly report",
                                          .until_ms = 1'793'000'000'000}}));
}

TEST(KeydDocs, ShowAConfigurationThatIsAcceptedAndSaysTheDefaults) {
  std::string toml = block("toml");
  ASSERT_FALSE(toml.empty());
  const auto user = toml.find("allowed_user = \"taxgate\"");  // a user this machine may not have
  ASSERT_NE(user, std::string::npos);
  toml.replace(user, 24, "allowed_uid = 990");
  const auto config = parse_config(toml, "docs/keyd.md", "/run/credentials/keyd");
  ASSERT_TRUE(config) << config.error().id << " " << config.error().field << " " << config.error().left;
  const Config standard;
  EXPECT_EQ(config->deadlines.open, standard.deadlines.open);
  EXPECT_EQ(config->deadlines.login, standard.deadlines.login);
  EXPECT_EQ(config->deadlines.sign, standard.deadlines.sign);
  EXPECT_EQ(config->deadlines.request, standard.deadlines.request);
  EXPECT_EQ(config->log_sync, standard.log_sync);
  EXPECT_EQ(config->signer_id, standard.signer_id);
  EXPECT_EQ(config->verify_signatures, standard.verify_signatures);
  EXPECT_EQ(config->pins.size(), 2U);
  EXPECT_EQ(config->usb_devices, "/etc/taxgate/usb-devices.toml");
  EXPECT_EQ(config->disk_file, "TAXDISK");
}

}  // namespace
}  // namespace taxgate::keyd
