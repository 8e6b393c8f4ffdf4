#include "protocol/platform_status.h"

#include <gtest/gtest.h>

#include <set>

namespace taxgate {
namespace {

TEST(PlatformStatus, KeepsEveryCodeOfOneOrTwoDigitsAndYesAndNo) {
  std::set<std::uint8_t> codes;
  std::vector<std::string> texts{"", "Y", "N"};
  for (int i = 0; i < 10; ++i) texts.push_back(std::to_string(i));
  for (int i = 0; i < 100; ++i) texts.push_back({static_cast<char>('0' + i / 10), static_cast<char>('0' + i % 10)});
  for (const auto& text : texts) {
    const auto code = status_code(text);
    ASSERT_TRUE(code) << text;
    EXPECT_LT(*code, 128);
    EXPECT_EQ(status_text(*code), text);
    EXPECT_TRUE(codes.insert(*code).second) << text;
  }
  EXPECT_NE(status_code("1"), status_code("01")) << "two tables of the platform, two meanings";
}

TEST(PlatformStatus, ACodeOfAnotherFormIsNotGuessed) {
  for (const char* text : {"001", "A", "y", "-1", "1 ", " 1", "YN", "\xE5\xBC\x82"}) EXPECT_FALSE(status_code(text));
}

TEST(PlatformStatus, FieldsDoNotTouchEachOther) {
  for (std::size_t f = 0; f < kStatusFields; ++f) {
    PlatformStatus status;
    for (std::size_t g = 0; g < kStatusFields; ++g) status.set(static_cast<StatusField>(g), 112);
    status.set(static_cast<StatusField>(f), 3);
    for (std::size_t g = 0; g < kStatusFields; ++g)
      EXPECT_EQ(status.get(static_cast<StatusField>(g)), g == f ? 3 : 112);
    EXPECT_TRUE(status.sound());
  }
}

TEST(PlatformStatus, WhatAnObservationDoesNotTellStays) {
  PlatformStatus before, observed;
  before.set(StatusField::state, *status_code("0"));
  before.set(StatusField::abnormal, *status_code("01"));
  observed.set(StatusField::state, *status_code("7"));
  const auto after = before.updated_by(observed);
  EXPECT_EQ(after.text(StatusField::state), "7");
  EXPECT_EQ(after.text(StatusField::abnormal), "01");
}

TEST(PlatformStatus, BitsNobodyCanHaveWrittenAreNotSound) {
  EXPECT_FALSE((PlatformStatus{127}).sound());
  EXPECT_FALSE((PlatformStatus{std::uint64_t{1} << 49U}).sound());
}

}  // namespace
}  // namespace taxgate
