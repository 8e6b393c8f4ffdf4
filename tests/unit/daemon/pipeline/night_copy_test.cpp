#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <set>

#include "daemon/core/clock.h"
#include "daemon/pipeline/night_lane.h"
#include "daemon/store/store.h"

namespace taxgate::pipeline {
namespace {

constexpr const char* kCopyTaxpayer = "91310115TGDM00011U";

class NightCopy : public testing::Test {
 protected:
  void SetUp() override { store_ = open("one"); }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }
  std::unique_ptr<store::Store> open(const std::string& name) {
    std::filesystem::create_directories(directory_ + "/" + name);
    store::Options options;
    options.path = directory_ + "/" + name + "/taxgate.db";
    options.clock = &clock_;
    auto opened = store::Store::open(std::move(options));
    EXPECT_TRUE(opened);
    auto store = std::move(*opened);
    std::promise<void> numbered;
    store->night().taxpayer_number(kCopyTaxpayer, [&](Result<std::uint32_t>) { numbered.set_value(); });
    numbered.get_future().wait();
    return store;
  }
  /// Invoices `from` .. `to` are locked, with this hash.
  void change(store::Store& store, std::int64_t run, std::uint64_t from, std::uint64_t to, std::uint64_t hash) {
    store::NightBatch batch;
    batch.run = run;
    batch.taxpayer = kCopyTaxpayer;
    PlatformStatus locked;
    locked.set(StatusField::lock, *status_code("Y"));
    for (std::uint64_t i = from; i < to; ++i)
      batch.changes.push_back(
          {.run = run, .at = {}, .key = {512 + 26, i}, .before = {}, .after = locked, .hash = hash});
    std::promise<bool> done;
    store.night().commit(std::move(batch), [&](auto committed) { done.set_value(committed.has_value()); });
    EXPECT_TRUE(done.get_future().get());
  }
  NightLane lane(store::Store& store) { return {*store.night().reader(), directory_ + "/night.mirror"}; }
  static std::map<std::uint64_t, std::uint64_t> content(const NightLane& lane) {
    std::map<std::uint64_t, std::uint64_t> out;
    lane.mirror().each([&](const InvoiceKey& key, const sync::Mirror::Known& known) {
      EXPECT_FALSE(known.seen) << "a new night has met nothing";
      out[key.rest] = known.hash << 16U ^ known.status.bits;
    });
    return out;
  }
  /// What a lane without a copy finds.
  std::map<std::uint64_t, std::uint64_t> in_the_store(store::Store& store) {
    NightLane plain(*store.night().reader(), directory_ + "/none");
    EXPECT_TRUE(plain.fill());
    EXPECT_FALSE(plain.from_copy());
    return content(plain);
  }
  void keep_one() {
    auto lane = this->lane(*store_);
    EXPECT_TRUE(lane.fill());
    lane.keep();
    EXPECT_TRUE(std::filesystem::exists(directory_ + "/night.mirror"));
  }

  const std::string directory_ = [] {
    std::string path = testing::TempDir() + "night-copy-XXXXXX";
    EXPECT_NE(::mkdtemp(path.data()), nullptr);
    return path;
  }();
  SystemLegalClock clock_;
  std::unique_ptr<store::Store> store_;
};

TEST_F(NightCopy, WithTheChangesSinceItIsWhatTheStoreSays) {
  change(*store_, 1, 0, 2000, 7);
  keep_one();
  change(*store_, 2, 1500, 2500, 8);  // known ones and new ones
  change(*store_, 0, 100, 110, 0);    // seen by day: to be read again
  auto lane = this->lane(*store_);
  ASSERT_TRUE(lane.fill());
  EXPECT_TRUE(lane.from_copy());
  EXPECT_EQ(content(lane), in_the_store(*store_));
  EXPECT_EQ(content(lane).size(), 2500U);
}

TEST_F(NightCopy, WhatWasSeenByDayWhileTheNightRanIsInIt) {
  change(*store_, 1, 0, 100, 7);
  auto lane = this->lane(*store_);
  ASSERT_TRUE(lane.fill());
  change(*store_, 0, 5, 6, 0);
  lane.keep();
  auto next = this->lane(*store_);
  ASSERT_TRUE(next.fill());
  EXPECT_TRUE(next.from_copy());
  EXPECT_EQ(content(next), in_the_store(*store_));
}

TEST_F(NightCopy, StaysAsItIsWhileFewThingsChangedAndIsWrittenAnewAfterMore) {
  change(*store_, 1, 0, 640, 7);
  keep_one();
  const auto bytes = [&] {
    std::ifstream in(directory_ + "/night.mirror", std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  const std::string first = bytes();
  change(*store_, 2, 0, 10, 8);  // one in sixty-four
  keep_one();
  EXPECT_TRUE(bytes() == first);
  change(*store_, 3, 20, 21, 9);
  keep_one();
  EXPECT_FALSE(bytes() == first) << "and the ones before count as well";
  auto lane = this->lane(*store_);
  ASSERT_TRUE(lane.fill());
  EXPECT_TRUE(lane.from_copy());
  EXPECT_EQ(content(lane), in_the_store(*store_));
  std::filesystem::remove(directory_ + "/night.mirror");
  lane.keep();
  EXPECT_TRUE(std::filesystem::exists(directory_ + "/night.mirror")) << "it may be deleted at any time";
}

TEST_F(NightCopy, ASampleIsOfTheAskedTaxpayersEachInvoiceOnceAndAllWhenFewAreKnown) {
  change(*store_, 1, 0, 900, 7);
  auto lane = this->lane(*store_);
  ASSERT_TRUE(lane.fill());
  std::set<std::string> met;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const auto sample = lane.sample({2, 1}, 40, seed);  // of the second one nothing is known
    std::set<std::string> once;
    for (const auto& one : sample) {
      EXPECT_EQ(one.taxpayer, 1U);
      EXPECT_EQ(one.status.text(StatusField::lock), "Y");
      once.insert(one.number);
    }
    ASSERT_EQ(once.size(), 40U);
    met.merge(once);
  }
  EXPECT_EQ(met.size(), 900U) << "some are never chosen";
  EXPECT_EQ(lane.sample({1}, 5000, 1).size(), 900U);
  EXPECT_TRUE(lane.sample({2}, 10, 1).empty());
}

TEST_F(NightCopy, DamagedAnywhereItIsNotTaken) {
  change(*store_, 1, 0, 600, 7);
  keep_one();
  const std::string path = directory_ + "/night.mirror";
  const auto size = std::filesystem::file_size(path);
  for (std::uintmax_t at = 0; at < size; at += 97) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const auto was = static_cast<char>(file.get());
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(was ^ 4));
    file.flush();
    auto lane = this->lane(*store_);
    ASSERT_TRUE(lane.fill());
    EXPECT_FALSE(lane.from_copy()) << "byte " << at;
    EXPECT_EQ(lane.mirror().size(), 600U);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(was);
  }
  std::filesystem::resize_file(path, size - 1);
  auto lane = this->lane(*store_);
  ASSERT_TRUE(lane.fill());
  EXPECT_FALSE(lane.from_copy());
}

TEST_F(NightCopy, OfAnotherDatabaseItIsNotTaken) {
  change(*store_, 1, 0, 600, 7);
  keep_one();
  auto other = open("two");  // as a restored backup that has grown differently since
  {
    auto shorter = lane(*other);
    ASSERT_TRUE(shorter.fill());
    EXPECT_FALSE(shorter.from_copy()) << "it has no such change yet";
  }
  change(*other, 1, 0, 600, 9);
  auto lane = this->lane(*other);
  ASSERT_TRUE(lane.fill());
  EXPECT_FALSE(lane.from_copy());
  EXPECT_EQ(content(lane), in_the_store(*other));
}

}  // namespace
}  // namespace taxgate::pipeline
