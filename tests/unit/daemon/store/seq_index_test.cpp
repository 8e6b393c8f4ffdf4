#include "daemon/store/seq_index.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>

namespace taxgate::store {
namespace {

TEST(SeqIndex, HoldsManyEntriesOfOneTextInOrder) {
  SeqIndex index(1);
  for (const std::int64_t seq : {5, 3, 9}) index.add("lane", seq);
  EXPECT_EQ(index.find("lane"), (std::vector<std::int64_t>{3, 5, 9}));
  EXPECT_TRUE(index.find("other").empty());
  index.remove("lane", 5);
  index.remove("lane", 77);
  EXPECT_EQ(index.find("lane"), (std::vector<std::int64_t>{3, 9}));
}

TEST(SeqIndex, AgreesWithAMultimapUnderRandomAddsAndRemovals) {
  SeqIndex index(42);
  std::multimap<std::string, std::int64_t> twin;
  std::mt19937_64 random(7);
  for (std::int64_t seq = 1; seq < 30'000; ++seq) {
    const std::string text = "key-" + std::to_string(random() % 9000);
    if (random() % 3 == 0 && !twin.empty()) {
      const auto at = twin.lower_bound(text);
      if (at != twin.end()) {
        index.remove(at->first, at->second);
        twin.erase(at);
      }
    } else {
      index.add(text, seq);
      twin.emplace(text, seq);
    }
  }
  ASSERT_EQ(index.size(), twin.size());
  for (int i = 0; i < 9000; ++i) {
    const std::string text = "key-" + std::to_string(i);
    std::set<std::int64_t> expected;
    for (auto [a, b] = twin.equal_range(text); a != b; ++a) expected.insert(a->second);
    const auto found = index.find(text);
    ASSERT_EQ(std::set<std::int64_t>(found.begin(), found.end()), expected) << text;
  }
}

TEST(SeqIndex, TellsTextsApartWhateverTheirLength) {
  SeqIndex index(3);
  std::string text;
  for (std::int64_t i = 1; i < 200; ++i) {
    text += static_cast<char>(i % 7 == 0 ? 0 : 'a');
    index.add(text, i);
  }
  text.clear();
  for (std::int64_t i = 1; i < 200; ++i) {
    text += static_cast<char>(i % 7 == 0 ? 0 : 'a');
    ASSERT_EQ(index.find(text), std::vector<std::int64_t>{i});
  }
}

}  // namespace
}  // namespace taxgate::store
