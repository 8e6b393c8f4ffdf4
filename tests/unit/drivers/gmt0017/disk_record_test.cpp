// A tax disk read through the card session: what it holds, what it refuses, and bytes that are no disk's.
#include "drivers/gmt0017/disk_record.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "drivers/gmt0017/gmt0017_key.h"
#include "simulator/device/virtual_key.h"

namespace taxgate::gmt0017 {
namespace {

constexpr std::int64_t kDiskNow = 1'795'312'800'000;  // 2026-11-22 10:00 +08:00
constexpr std::int64_t kDiskHour = 3'600'000;

class DiskClock final : public LegalClock {
 public:
  LegalTime now() const override { return time; }
  LegalTime time{kDiskNow};
};

class CardTransport final : public ApduTransport {
 public:
  explicit CardTransport(simulator::VirtualKey& key) : key_(key) {}
  Result<Bytes> transmit(ByteView command) override { return key_.process(command); }
  Result<void> reconnect() override { return {}; }

 private:
  simulator::VirtualKey& key_;
};

class TaxDiskKey : public ::testing::Test {
 protected:
  TaxDiskKey() : authority_(simulator::KeyAuthority::create("key CA", kDiskNow)) {
    directory_ = (std::filesystem::temp_directory_path() / "taxgate-disk-XXXXXX").string();
    if (!::mkdtemp(directory_.data())) std::abort();
    simulator::KeyDefinition definition;
    definition.serial = "D1";
    definition.taxpayer = "91990100TGDM0001X1";
    definition.name = "模拟企业";
    definition.pin = "123456";
    definition.admin_pin = "87654321";
    definition.valid_from_ms = kDiskNow - kDiskHour;
    definition.valid_until_ms = kDiskNow + 1000 * kDiskHour;
    auto card = simulator::VirtualKey::open(directory_ + "/D1", definition, authority_);
    if (!card) std::abort();
    card_ = std::move(*card);
    card_->power_on();
  }
  ~TaxDiskKey() override { std::filesystem::remove_all(directory_); }

  void carry() {
    auto disk = simulator::TaxDisk::open(
        directory_ + "/disk", simulator::ordinary_disk("499000000001", "91990100TGDM0001X1", "模拟企业", kDiskNow));
    ASSERT_TRUE(disk);
    card_->carry_disk(std::move(*disk), clock_);
  }
  std::unique_ptr<KeyDevice> open(std::string file = simulator::kDiskFile) {
    auto key = make_key(std::make_unique<CardTransport>(*card_), {"TAXGATE", "SIGN", std::move(file)});
    EXPECT_TRUE(key->identify());
    return key;
  }
  void on_disk(const std::function<void(simulator::TaxDisk&)>& act) {
    ASSERT_TRUE(card_->with_disk([&](simulator::TaxDisk& disk, std::int64_t) { act(disk); }));
  }

  DiskClock clock_;
  std::string directory_;
  simulator::KeyAuthority authority_;
  std::unique_ptr<simulator::VirtualKey> card_;
};

TEST_F(TaxDiskKey, ShowsIdentityTypesVolumesAndMonthlyFigures) {
  carry();
  on_disk([](simulator::TaxDisk& disk) {
    for (int i = 0; i < 6; ++i) ASSERT_TRUE(disk.issue("007", 10'000, i == 0, kDiskNow));
  });
  const auto read = open()->disk();
  ASSERT_TRUE(read) << read.error().id << " " << read.error().field;
  ASSERT_TRUE(*read);
  const keyd::v1::TaxDisk& disk = **read;
  EXPECT_EQ(disk.device_number(), "499000000001");
  EXPECT_EQ(disk.taxpayer(), "91990100TGDM0001X1");
  EXPECT_EQ(disk.clock_ms(), kDiskNow);
  ASSERT_EQ(disk.types_size(), 2);
  const auto& type = disk.types(1);
  EXPECT_EQ(type.code(), "007");
  EXPECT_EQ(LegalTime{type.lock_date_ms()}.platform_text(), "2026-12-16 00:00:00");
  EXPECT_EQ(type.offline_since_ms(), kDiskNow);
  EXPECT_EQ(type.offline_hours(), 72);
  EXPECT_EQ(type.offline_count().used(), 6);
  EXPECT_EQ(type.offline_positive().used(), 50'000);
  EXPECT_EQ(type.negative().used(), 10'000);
  ASSERT_EQ(disk.volumes_size(), 2);
  EXPECT_EQ(disk.volumes(1).left(), 94u);
  EXPECT_EQ(disk.volumes(1).current(), 7u);
  ASSERT_EQ(disk.months_size(), 1);
  EXPECT_EQ(disk.months(0).month(), 202611u);
  EXPECT_EQ(disk.months(0).positive(), 5);
  EXPECT_EQ(disk.months(0).negative_amount(), 10'000);
  EXPECT_EQ(disk.months(0).closing(), 94);
}

TEST_F(TaxDiskKey, IsOnlyAskedForWhenItsFileIsNamedAndAKeyWithoutOneIsNoDisk) {
  const auto none = open()->disk();
  ASSERT_TRUE(none) << none.error().id;
  EXPECT_FALSE(*none);
  carry();
  const auto before = card_->counters().commands;
  auto unasked = open("");
  const auto opened = card_->counters().commands;
  EXPECT_GT(opened, before);
  EXPECT_FALSE(*unasked->disk());
  EXPECT_EQ(card_->counters().commands, opened);
}

TEST_F(TaxDiskKey, RefusesToSignWithItsOwnCodeAndSignsAgainWhenItMayIssue) {
  carry();
  auto key = open();
  SecretBytes pin(6);
  std::copy_n("123456", 6, pin.span().begin());
  ASSERT_TRUE(key->login(pin));
  const Bytes message{1, 2, 3};
  EXPECT_TRUE(key->sign(message, kDefaultSignerId, true));
  clock_.time = LegalTime{kDiskNow + 30 * 24 * kDiskHour};  // past the lock date
  const auto refused = key->sign(message, kDefaultSignerId, true);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().id, "key.disk_refused");
  EXPECT_EQ(refused.error().code, Errc::rejected);
  EXPECT_EQ(refused.error().wanted, "09D109");
  for (const char* type : {"004", "007"}) {
    on_disk([&](simulator::TaxDisk& disk) {
      const auto now = clock_.time.ms;
      ASSERT_TRUE(disk.report(type, now));
      ASSERT_TRUE(disk.clear(type, simulator::TaxDisk::clearance("499000000001", type, now + 1000 * kDiskHour), now));
    });
  }
  EXPECT_TRUE(key->sign(message, kDefaultSignerId, true)) << "still logged in";
}

TEST(DiskRecord, ReadsTheWorkedExampleOfTheDocument) {
  std::ostringstream text;
  text << std::ifstream(std::string(TAXGATE_SOURCE_DIR) + "/docs/usb.md").rdbuf();
  const std::string page = text.str(), mark = "```tax-disk\n";
  const auto from = page.find(mark) + mark.size();
  const auto bytes = from_hex(page.substr(from, page.find('\n', from) - from));
  ASSERT_TRUE(bytes);
  const auto disk = read_disk_record(*bytes);
  ASSERT_TRUE(disk) << disk.error().field;
  EXPECT_EQ(disk->device_number(), "499000000001");
  ASSERT_EQ(disk->types_size(), 1);
  EXPECT_EQ(disk->types(0).code(), "007");
  EXPECT_EQ(LegalTime{disk->types(0).lock_date_ms()}.platform_text(), "2026-12-16 00:00:00");
}

TEST(DiskRecord, OfBytesThatAreNoDisksIsRefusedAndNeverMore) {
  keyd::v1::TaxDisk disk;
  const auto read = [&disk] {
    const std::string text = disk.SerializeAsString();
    const auto got = read_disk_record(as_bytes(text));
    return got ? std::string("good") : got.error().id + " " + got.error().field;
  };
  EXPECT_EQ(read(), "key.disk_format device_number");
  disk.set_device_number("499000000001");
  disk.mutable_trouble()->set_id("made up");
  EXPECT_EQ(read(), "good");
  EXPECT_FALSE(read_disk_record(as_bytes(disk.SerializeAsString()))->has_trouble())
      << "the host's word, not the disk's";
  auto& type = *disk.add_types();
  type.set_code("07");
  EXPECT_EQ(read(), "key.disk_format type");
  type.set_code("007");
  type.set_lock_date_ms(INT64_MAX);
  EXPECT_EQ(read(), "key.disk_format type");
  type.set_lock_date_ms(kDiskNow);
  type.mutable_positive()->set_used(-1);
  EXPECT_EQ(read(), "key.disk_format type");
  type.mutable_positive()->set_used(1);
  auto& month = *disk.add_months();
  month.set_type("007");
  month.set_positive(INT64_MAX);
  EXPECT_EQ(read(), "key.disk_format month");
  month.set_positive(1);
  EXPECT_EQ(read(), "good");
  disk.set_name(std::string(241, 'x'));
  EXPECT_EQ(read(), "key.disk_format identity");
  disk.set_name("x");
  while (disk.ByteSizeLong() <= kMaxDiskRecord) disk.add_volumes()->set_type("007");
  EXPECT_EQ(read(), "key.disk_format record");

  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    Bytes noise(random() % 200);
    for (auto& byte : noise) byte = static_cast<std::uint8_t>(random());
    const auto got = read_disk_record(noise);
    EXPECT_TRUE(got || got.error().id == "key.disk_format");
  }
}

}  // namespace
}  // namespace taxgate::gmt0017
