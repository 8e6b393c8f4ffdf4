#include "simulator/vpcd/card_fault.h"

#include <gtest/gtest.h>

namespace taxgate::simulator {
namespace {

using Kind = CardFault::Kind;
using Direction = CardFault::Direction;
using Counting = CardFault::Counting;

constexpr std::uint8_t kSign = 0x74, kRandom = 0x50;

CardFault fault(Kind kind) {
  CardFault out;
  out.kind = kind;
  return out;
}

TEST(CardFaultScript, FiresOnTheNthMatchAndAsOftenAsItCounts) {
  CardFaultScript script;
  auto f = fault(Kind::delay);
  f.ins = kSign;
  f.nth = 2;
  f.count = 2;
  script.add(f);
  EXPECT_FALSE(script.on_command(kRandom));
  EXPECT_FALSE(script.on_command(kSign));
  EXPECT_TRUE(script.on_command(kSign));
  EXPECT_FALSE(script.on_command(kRandom));
  EXPECT_TRUE(script.on_command(kSign));
  EXPECT_TRUE(script.empty());
  EXPECT_FALSE(script.on_command(kSign));
}

TEST(CardFaultScript, WithoutACountHoldsUntilCleared) {
  CardFaultScript script;
  auto f = fault(Kind::hang);
  f.count = 0;
  script.add(f);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(script.on_command(kRandom));
  script.clear();
  EXPECT_FALSE(script.on_command(kRandom));
}

TEST(CardFaultScript, SparesCommandsThatCannotShowAWrongSignature) {
  CardFaultScript script;
  script.add(fault(Kind::wrong_signature));
  EXPECT_FALSE(script.on_command(kRandom));
  EXPECT_TRUE(script.on_command(kSign));
}

TEST(CardFaultScript, FirstAddedFiresFirst) {
  CardFaultScript script;
  script.add(fault(Kind::delay));
  auto second = fault(Kind::hang);
  second.nth = 2;
  script.add(second);
  EXPECT_EQ(script.on_command(kSign)->kind, Kind::delay);
  EXPECT_EQ(script.on_command(kSign)->kind, Kind::hang);
}

TEST(CardFaultScript, CutsTheFrameThatHoldsThePosition) {
  CardFaultScript script;
  auto f = fault(Kind::unplug);
  f.counting = Counting::per_link;
  f.at_byte = 10;
  script.add(f);
  EXPECT_FALSE(script.on_command(kSign)) << "a position is no command";
  EXPECT_FALSE(script.on_frame(Direction::response, {8, 0}, 5, true)) << "other direction";
  EXPECT_FALSE(script.on_frame(Direction::command, {3, 0}, 7, true)) << "bytes 0 to 9 pass";
  const auto cut = script.on_frame(Direction::command, {8, 0}, 5, false);
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->passes, 2U);
  EXPECT_TRUE(script.empty());
}

TEST(CardFaultScript, CountsApdusWithoutTheReadersPolls) {
  CardFaultScript script;
  auto f = fault(Kind::unplug);
  f.counting = Counting::per_apdus;
  f.at_byte = 2;
  script.add(f);
  EXPECT_FALSE(script.on_frame(Direction::command, {100, 0}, 3, false)) << "a control frame";
  EXPECT_EQ(script.on_frame(Direction::command, {103, 0}, 9, true)->passes, 2U);
}

TEST(CardFaultScript, APositionAlreadyPassedCutsTheNextFrameAtOnce) {
  CardFaultScript script;
  auto f = fault(Kind::unplug);
  f.counting = Counting::per_link;
  f.at_byte = 1;
  script.add(f);
  EXPECT_EQ(script.on_frame(Direction::command, {50, 0}, 9, true)->passes, 0U);
}

TEST(CardFaultKinds, HaveNamesThatReadBack) {
  for (const auto kind : {Kind::delay, Kind::hang, Kind::unplug, Kind::drop, Kind::wrong_signature, Kind::pin_locked})
    EXPECT_EQ(kind_of(kind_name(kind)), kind);
  EXPECT_FALSE(kind_of("melt"));
}

}  // namespace
}  // namespace taxgate::simulator
