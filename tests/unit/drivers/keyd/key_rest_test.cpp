#include "drivers/keyd/key_rest.h"

#include <gtest/gtest.h>

namespace taxgate::keyd {
namespace {

using namespace std::chrono_literals;

const Error kBad{Errc::corrupt, "key.signature", {}, {}, {}, {}};

TEST(KeyRest, ComesAfterThreeFailuresInARowAndASignatureForgetsThem) {
  KeyRest rest;
  const KeyRest::Time t{};
  EXPECT_FALSE(rest.failed("K", kBad, t));
  EXPECT_FALSE(rest.failed("K", kBad, t));
  rest.signed_("K");
  EXPECT_FALSE(rest.failed("K", kBad, t));
  EXPECT_FALSE(rest.failed("K", kBad, t));
  EXPECT_FALSE(rest.until("K", t));
  EXPECT_TRUE(rest.failed("K", kBad, t));
  EXPECT_EQ(rest.until("K", t), t + 1s);
  EXPECT_FALSE(rest.until("L", t)) << "another key does not rest with it";
  const auto trouble = rest.trouble("K", t);
  ASSERT_TRUE(trouble);
  EXPECT_EQ(trouble->id, "key.resting");
  EXPECT_EQ(trouble->code, Errc::retry_later);
  EXPECT_EQ(trouble->detail, "key.signature");
}

TEST(KeyRest, EndsByItselfAndIsTwiceAsLongAfterEachFailedProbeUpToAMinute) {
  KeyRest rest;
  KeyRest::Time t{};
  for (int i = 0; i < 2; ++i) rest.failed("K", kBad, t);
  for (const auto expected : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
    EXPECT_TRUE(rest.failed("K", kBad, t));
    EXPECT_TRUE(rest.until("K", t + expected - 1ms));
    EXPECT_FALSE(rest.until("K", t + expected));
    EXPECT_FALSE(rest.trouble("K", t + expected));
    t += expected;
  }
  rest.signed_("K");
  for (int i = 0; i < 3; ++i) rest.failed("K", kBad, t);
  EXPECT_EQ(rest.until("K", t), t + 1s) << "a key that signed again starts anew";
}

TEST(KeyRest, IsNotForKeysThatWerePulledOrLent) {
  KeyRest rest;
  for (const char* id : {"key.gone", "key.leased", "key.log_failed"})
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(rest.failed("K", {Errc::device_gone, id, {}, {}, {}, {}}, {})) << id;
  EXPECT_FALSE(rest.until("K", {}));
}

}  // namespace
}  // namespace taxgate::keyd
