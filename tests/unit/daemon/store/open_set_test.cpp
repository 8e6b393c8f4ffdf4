#include "daemon/store/open_set.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace taxgate::store {
namespace {

TEST(OpenSet, NamesWhatIsOpenInOrder) {
  OpenSet open;
  EXPECT_EQ(open.next(0), 0);
  for (const std::int64_t seq : {1, 63, 64, 65, 1000}) open.set(seq, true);
  open.set(64, false);
  open.set(5000, false);
  EXPECT_EQ(open.next(-7), 1);
  EXPECT_EQ(open.next(1), 63);
  EXPECT_EQ(open.next(63), 65);
  EXPECT_EQ(open.next(65), 1000);
  EXPECT_EQ(open.next(1000), 0);
  EXPECT_EQ(open.next(1'000'000), 0);
}

TEST(OpenSet, AgreesWithATreeWhateverOpensAndCloses) {
  std::mt19937 random(20261122);
  OpenSet open;
  std::set<std::int64_t> twin;
  for (int i = 0; i < 20'000; ++i) {
    const auto seq = static_cast<std::int64_t>(1 + random() % 3000);
    const bool opens = random() % 3 != 0;
    open.set(seq, opens);
    opens ? (void)twin.insert(seq) : (void)twin.erase(seq);
    const auto after = static_cast<std::int64_t>(random() % 3100);
    const auto next = twin.upper_bound(after);
    ASSERT_EQ(open.next(after), next == twin.end() ? 0 : *next);
  }
}

}  // namespace
}  // namespace taxgate::store
