// How many keys and disks one list tells of.
#include "drivers/keyd/key_list.h"

#include <gtest/gtest.h>

#include "drivers/gmt0017/disk_record.h"
#include "protocol/keyd_frame.h"

namespace taxgate::keyd {
namespace {

/// A row as long as the host ever writes one of an ordinary key.
v1::Key long_row(int i) {
  v1::Key key;
  key.set_reader(std::string(120, 'r') + std::to_string(i));
  key.set_serial("SERIAL" + std::to_string(i));
  key.set_taxpayer("91990100TGDM0001X1");
  key.set_state("ready");
  key.set_certificate_sha256(std::string(64, 'a'));
  key.set_valid_until("2099-01-01T00:00:00+08:00");
  key.set_subject(std::string(400, 's'));
  return key;
}

/// The fullest record that a disk may give (drivers/gmt0017/disk_record.h).
const v1::TaxDisk& fullest_disk() {
  static const v1::TaxDisk disk = [] {
    v1::TaxDisk full;
    full.set_device_number("499000000001");
    while (full.ByteSizeLong() <= gmt0017::kMaxDiskRecord) {
      auto& month = *full.add_months();
      month.set_type("007");
      month.set_month(202611);
      month.set_positive_amount(1'000'000'000'000'000);
    }
    full.mutable_months()->RemoveLast();
    return full;
  }();
  return disk;
}

v1::ListKeysReply listed(int disks, int gone) {
  std::vector<v1::Key> here, were;
  for (int i = 0; i < disks; ++i) {
    here.push_back(long_row(i));
    *here.back().mutable_disk() = fullest_disk();
  }
  for (int i = 0; i < gone; ++i) were.push_back(long_row(1000 + i));
  v1::ListKeysReply reply;
  fit_into_frame(std::move(here), std::move(were), reply);
  return reply;
}

int without_figures(const v1::ListKeysReply& reply) {
  int count = 0;
  for (const auto& key : reply.keys())
    if (key.has_disk() && key.disk().months_size() == 0) {
      EXPECT_EQ(key.disk().trouble().id(), "key.list_full");
      ++count;
    }
  return count;
}

TEST(KeyListFrame, HoldsTwentyFourOfTheFullestDisks) {
  const auto reply = listed(24, 0);
  EXPECT_EQ(reply.keys_size(), 24);
  EXPECT_EQ(without_figures(reply), 0);
}

TEST(KeyListFrame, IsNeverLongerThanAFrameAndLeavesOutFiguresBeforeKeys) {
  for (const int disks : {0, 24, 27, 40, 150}) {
    const auto reply = listed(disks, 64);
    v1::Frame frame;
    *frame.mutable_keys() = reply;
    frame.mutable_keys()->set_request(UINT64_MAX);
    std::string bytes;
    EXPECT_TRUE(append_frame(frame, bytes)) << disks << " disks: " << frame.ByteSizeLong();
    EXPECT_GE(reply.keys_size(), std::min(disks, 100)) << "every key is there though not every figure";
    if (disks >= 40) EXPECT_GT(without_figures(reply), 0);
    for (int i = 0; i < std::min(disks, 20) && disks <= 40; ++i) EXPECT_FALSE(reply.keys(i).disk().has_trouble()) << i;
  }
}

}  // namespace
}  // namespace taxgate::keyd
