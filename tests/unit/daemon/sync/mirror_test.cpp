// The ordered array in leaves against a map.
#include "daemon/sync/mirror.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace taxgate::sync {
namespace {

PlatformStatus state(int code) {
  PlatformStatus s;
  s.set(StatusField::state, static_cast<std::uint8_t>(code));
  return s;
}

TEST(Mirror, HoldsWhatWasPutInAnyOrder) {
  for (int order = 0; order < 3; ++order) {
    std::mt19937_64 random(static_cast<std::uint64_t>(order));
    Mirror mirror;
    std::map<InvoiceKey, std::pair<std::uint64_t, std::uint64_t>> twin;
    for (std::uint64_t i = 0; i < 20'000; ++i) {
      InvoiceKey key{512U + static_cast<std::uint32_t>(random() % 3), order == 0 ? i : random() % 30'000};
      if (order == 2) key.rest = 30'000 - i;  // downwards
      const std::uint64_t hash = random() >> (64 - kHashBits);
      const auto status = state(static_cast<int>(random() % 9));
      ASSERT_TRUE(mirror.put(key, status, hash));
      twin[key] = {hash, status.bits};
      const InvoiceKey asked{512U + static_cast<std::uint32_t>(random() % 4), random() % 30'001};
      const auto found = mirror.find(asked);
      const auto known = twin.find(asked);
      ASSERT_EQ(found.has_value(), known != twin.end());
      if (found) {
        ASSERT_EQ(found->hash, known->second.first);
        ASSERT_EQ(found->status.bits, known->second.second);
      }
    }
    EXPECT_EQ(mirror.size(), twin.size());
    auto expected = twin.begin();
    mirror.each([&](const InvoiceKey& key, const Mirror::Known& k) {
      ASSERT_EQ(key, expected->first);
      ASSERT_EQ(k.hash, expected->second.first);
      ++expected;
    });
    EXPECT_EQ(expected, twin.end());
  }
}

TEST(Mirror, ASortedLoadTakesSixteenBytesAnEntry) {
  Mirror mirror;
  constexpr std::uint64_t kEntries = 100'000;
  for (std::uint64_t i = 0; i < kEntries; ++i) ASSERT_TRUE(mirror.put({512, i * 7}, state(1), i + 1));
  EXPECT_LT(mirror.bytes(), kEntries * 17);
}

TEST(Mirror, ManySmallPartitionsStaySmall) {
  Mirror mirror;
  for (std::uint32_t p = 0; p < 10'000; ++p) ASSERT_TRUE(mirror.put({p, 1}, state(1), 1));
  EXPECT_LT(mirror.bytes(), 10'000U * 600);
}

TEST(Mirror, ANewNightHasMetNobody) {
  Mirror mirror;
  for (std::uint64_t i = 0; i < 1000; ++i) ASSERT_TRUE(mirror.put({512, i}, state(1), 1));
  for (std::uint64_t i = 0; i < 1000; i += 2) Mirror::mark(*mirror.locate({512, i}).tag);
  const auto missing = [&] {
    std::size_t n = 0;
    mirror.unseen(512, 512, [&](const InvoiceKey&, PlatformStatus) { return ++n != 0; });
    return n;
  };
  EXPECT_EQ(missing(), 500U);
  mirror.begin();
  EXPECT_EQ(missing(), 1000U);
}

TEST(Mirror, RefusesMoreStatusesThanItsTagsCanName) {
  Mirror mirror;
  for (std::uint64_t i = 0; i < Mirror::kMaxStatuses; ++i) ASSERT_TRUE(mirror.put({1, i}, PlatformStatus{i}, 1));
  EXPECT_FALSE(mirror.put({1, 7}, PlatformStatus{Mirror::kMaxStatuses}, 1));
  EXPECT_EQ(mirror.find({1, 7})->status.bits, 7U) << "nothing done";
}

}  // namespace
}  // namespace taxgate::sync
