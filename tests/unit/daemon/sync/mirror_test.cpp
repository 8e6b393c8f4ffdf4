// The ordered array in leaves against a map.
#include "daemon/sync/mirror.h"

#include <gtest/gtest.h>

#include <algorithm>
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

TEST(Mirror, CountsTheInvoicesOfOneTaxpayer) {
  Mirror mirror;
  for (std::uint64_t i = 0; i < 3000; ++i)
    for (const std::uint32_t taxpayer : {1U, 2U, 4U})
      if (i < 1000U * taxpayer)
        mirror.put({InvoiceKey::first_partition(taxpayer) + static_cast<std::uint32_t>(i % 2) * 29, i}, {}, 1);
  const auto known = [&](std::uint32_t taxpayer) {
    return mirror.size(InvoiceKey::first_partition(taxpayer), InvoiceKey::last_partition(taxpayer));
  };
  EXPECT_EQ(known(1), 1000U);
  EXPECT_EQ(known(2), 2000U);
  EXPECT_EQ(known(3), 0U);
  EXPECT_EQ(known(4), 3000U);
}

TEST(Mirror, PicksTheEntriesThatEachWouldCountToTheirPlaces) {
  std::mt19937_64 random(5);
  Mirror mirror;
  for (int i = 0; i < 3000; ++i)
    mirror.put({510U + static_cast<std::uint32_t>(random() % 6), random() % 9000}, state(3), 1);
  for (const auto& [first, last] : {std::pair{510U, 515U}, {512U, 513U}, {514U, 514U}, {600U, 700U}}) {
    std::vector<InvoiceKey> all, picked, wanted;
    mirror.each([&](const InvoiceKey& key, const Mirror::Known&) {
      if (key.partition >= first && key.partition <= last) all.push_back(key);
    });
    std::vector<std::uint64_t> places;
    for (std::uint64_t at = 0; at < all.size(); ++at)
      if (at == 0 || at + 1 == all.size() || random() % 50 == 0) places.push_back(at), wanted.push_back(all[at]);
    places.push_back(all.size());  // behind the last one
    mirror.pick(first, last, places, [&](const InvoiceKey& key, const Mirror::Known& known) {
      picked.push_back(key);
      EXPECT_EQ(known.hash, 1U);
    });
    EXPECT_EQ(picked, wanted);
  }
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

std::string saved(const Mirror& mirror, std::int64_t stamp) {
  std::string out;
  mirror.save(stamp, [&](ByteView piece) { out.append(as_text(piece)); });
  return out;
}
std::optional<std::int64_t> loaded(Mirror& mirror, const std::string& bytes) {
  std::size_t at = 0;
  return mirror.load([&](std::span<std::uint8_t> into) {
    if (bytes.size() - at < into.size()) return false;
    std::copy_n(bytes.begin() + static_cast<long>(at), into.size(), into.begin());
    at += into.size();
    return true;
  });
}

TEST(Mirror, ComesBackFromItsBytesWithItsStamp) {
  std::mt19937_64 random(5);
  Mirror mirror;
  for (int i = 0; i < 5000; ++i)
    mirror.put({static_cast<std::uint32_t>(random() % 5), random() % 100'000}, state(static_cast<int>(random() % 9)),
               random() >> (64 - kHashBits));
  Mirror again;
  again.put({9, 9}, state(1), 1);
  EXPECT_EQ(loaded(again, saved(mirror, 42)), 42);
  EXPECT_EQ(again.size(), mirror.size());
  mirror.each([&](const InvoiceKey& key, const Mirror::Known& k) {
    const auto found = again.find(key);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->hash, k.hash);
    EXPECT_EQ(found->status, k.status);
  });
  EXPECT_EQ(saved(again, 42), saved(mirror, 42));
  ASSERT_TRUE(again.put({2, 100'001}, state(3), 3)) << "and goes on growing";
  Mirror empty;
  EXPECT_EQ(loaded(empty, saved(Mirror(), 7)), 7);
}

TEST(Mirror, AFlippedBitOrACutAnywhereMakesItsBytesWorthless) {
  Mirror mirror;
  for (std::uint64_t i = 0; i < 600; ++i) mirror.put({1, i * 3}, state(static_cast<int>(i % 4)), i + 1);
  const std::string good = saved(mirror, 1);
  for (std::size_t at = 0; at < good.size(); at += at < 200 || at + 200 > good.size() ? 1 : 37) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 16);
    Mirror m;
    ASSERT_EQ(loaded(m, bad), std::nullopt) << at;
    ASSERT_EQ(m.size(), 0U);
    ASSERT_EQ(loaded(m, good.substr(0, at)), std::nullopt) << at;
  }
  Mirror m;
  EXPECT_EQ(loaded(m, good + "x"), std::nullopt);
}

TEST(Mirror, RefusesMoreStatusesThanItsTagsCanName) {
  Mirror mirror;
  for (std::uint64_t i = 0; i < Mirror::kMaxStatuses; ++i) ASSERT_TRUE(mirror.put({1, i}, PlatformStatus{i}, 1));
  EXPECT_FALSE(mirror.put({1, 7}, PlatformStatus{Mirror::kMaxStatuses}, 1));
  EXPECT_EQ(mirror.find({1, 7})->status.bits, 7U) << "nothing done";
}

}  // namespace
}  // namespace taxgate::sync
