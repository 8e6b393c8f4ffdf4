// Vendor codes: mapped, never guessed.
#include "daemon/rules/channel_codes.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace taxgate::rules {
namespace {

const ChannelCodes& codes() { return ChannelCodes::defaults(); }

TEST(VendorCodes, ReasonsThatAreSwappedAtTheVendorAreNotMixedUp) {
  EXPECT_EQ(codes().bureau("leqi", CodeKind::reason, "01"), "01");
  for (const char* vendor : {"nuonuo", "erp"}) {
    EXPECT_EQ(codes().bureau(vendor, CodeKind::reason, "1"), "02") << vendor;
    EXPECT_EQ(codes().bureau(vendor, CodeKind::reason, "2"), "01") << vendor;
    EXPECT_EQ(codes().bureau(vendor, CodeKind::reason, "3"), "03") << vendor;
    EXPECT_EQ(codes().bureau(vendor, CodeKind::reason, "4"), "04") << vendor;
    EXPECT_EQ(codes().bureau(vendor, CodeKind::reason, "01"), std::nullopt) << "the bureau's form is not the vendor's";
  }
}

TEST(VendorCodes, BookedAndNotBookedAreTheOtherWayRoundOnTheWeb) {
  EXPECT_EQ(codes().bureau("web", CodeKind::booking, "01"), "02");
  EXPECT_EQ(codes().bureau("web", CodeKind::booking, "00"), "01");
  EXPECT_EQ(codes().bureau("leqi", CodeKind::booking, "01"), "01");
}

TEST(VendorCodes, AFormStateIsChannelAndCode) {
  EXPECT_EQ(codes().bureau("leqi", CodeKind::form_state, "11"), "11");
  EXPECT_EQ(codes().bureau("review-front", CodeKind::form_state, "11"), std::nullopt);
  EXPECT_EQ(codes().bureau("nuonuo", CodeKind::form_state, "16"), std::nullopt) << "the vendor's own";
}

TEST(VendorCodes, WhatIsNotInATableHasNoMeaning) {
  EXPECT_EQ(codes().bureau("leqi", CodeKind::form_state, "14"), std::nullopt);
  EXPECT_EQ(codes().bureau("nobody", CodeKind::reason, "01"), std::nullopt);
  EXPECT_EQ(codes().bureau("web", CodeKind::use, "01"), std::nullopt) << "ticked, but nobody says for what";
  EXPECT_EQ(codes().bureau("leqi", CodeKind::reason, ""), std::nullopt);
  EXPECT_EQ(codes().bureau("erp", CodeKind::form_state, "04"), std::nullopt) << "a channel that has no form states";
  EXPECT_FALSE(codes().knows("nobody"));
}

TEST(VendorCodes, EveryCompiledInTableIsCompleteAndNamesItsVersionAndSource) {
  EXPECT_GE(codes().tables().size(), 6u);
  for (const auto& table : codes().tables()) {
    EXPECT_TRUE(validate(table, {}).empty()) << table.channel;
    EXPECT_FALSE(table.version.empty());
    EXPECT_FALSE(table.source.empty());
  }
}

KindTable reasons(std::vector<std::pair<std::string, std::string>> rows, std::vector<std::string> absent = {}) {
  KindTable out;
  out.line = 4;
  int line = 5;
  for (auto& [code, bureau] : rows) out.rows.push_back({code, bureau, line++});
  for (auto& code : absent) out.absent.push_back({{}, code, line});
  return out;
}

ChannelTable table(KindTable reason) {
  ChannelTable out{.channel = "ours", .version = "1", .source = "our ERP", .kinds = {}, .line = 2};
  out.kinds[static_cast<std::size_t>(CodeKind::reason)] = std::move(reason);
  return out;
}

std::vector<std::string> findings(const ChannelTable& t) {
  std::vector<std::string> out;
  for (const auto& e : validate(t, "codes.toml")) out.push_back(e.id + " " + e.field + " " + e.wanted);
  return out;
}

TEST(VendorCodes, ATableThatForgetsABureauCodeIsRefused) {
  EXPECT_EQ(findings(table(reasons({{"a", "01"}, {"b", "02"}, {"c", "03"}}))),
            std::vector<std::string>{"codes.not_reached codes.toml:4: channel.ours.reason 04"});
  EXPECT_TRUE(findings(table(reasons({{"a", "01"}, {"b", "02"}, {"c", "03"}}, {"04"}))).empty());
}

TEST(VendorCodes, DuplicatesAndCodesTheBureauDoesNotHaveAreRefusedWithTheirLine) {
  EXPECT_EQ(findings(table(reasons({{"a", "01"}, {"a", "02"}, {"c", "03"}, {"d", "04"}}))),
            std::vector<std::string>{"codes.duplicate codes.toml:6: channel.ours.reason a"});
  EXPECT_EQ(findings(table(reasons({{"a", "01"}, {"b", "02"}, {"c", "03"}, {"d", "04"}, {"e", "05"}}))),
            std::vector<std::string>{"codes.unknown_bureau codes.toml:9: channel.ours.reason 05"});
  EXPECT_EQ(findings(table(reasons({{"a", "01"}, {"b", "02"}, {"c", "03"}, {"d", "04"}}, {"04"}))),
            std::vector<std::string>{"codes.duplicate codes.toml:9: channel.ours.reason 04"});
}

TEST(VendorCodes, ACodeWithoutTextAndAnAbsentOneThatIsNoneOrNamedTwiceAreRefused) {
  EXPECT_EQ(findings(table(reasons({{"", "01"}, {"b", "02"}, {"c", "03"}, {"d", "04"}}))),
            std::vector<std::string>{"codes.duplicate codes.toml:5: channel.ours.reason "});
  EXPECT_EQ(findings(table(reasons({{"a", "01"}, {"b", "02"}, {"c", "03"}}, {"04", "05"}))),
            std::vector<std::string>{"codes.unknown_bureau codes.toml:8: channel.ours.reason 05"});
  EXPECT_EQ(findings(table(reasons({{"a", "01"}, {"b", "02"}, {"c", "03"}}, {"04", "04"}))),
            std::vector<std::string>{"codes.duplicate codes.toml:8: channel.ours.reason 04"});
}

TEST(VendorCodes, EachKindHasItsNameInTheOperatorsFile) {
  for (int kind = 0; kind < kCodeKinds; ++kind)
    EXPECT_EQ(code_kind_named(name(static_cast<CodeKind>(kind))), static_cast<CodeKind>(kind));
  EXPECT_EQ(name(CodeKind::form_state), "form_state");
  EXPECT_EQ(code_kind_named("state"), std::nullopt);
}

TEST(VendorCodes, ATableNamesItsVersionAndSourceAndItsChannelIsAName) {
  auto t = table(reasons({{"a", "01"}, {"b", "02"}, {"c", "03"}, {"d", "04"}}));
  t.version.clear();
  t.source.clear();
  t.channel = "Our Channel";
  EXPECT_EQ(findings(t).size(), 3u);
  for (const std::string channel : {"", "ours.too", "OURS", "ours/2", "ours~", "a23456789012345678901234567890123"}) {
    auto named = table(reasons({{"a", "01"}, {"b", "02"}, {"c", "03"}, {"d", "04"}}));
    named.channel = channel;
    EXPECT_EQ(findings(named).size(), 1u) << channel;
  }
  auto good = table(reasons({{"a", "01"}, {"b", "02"}, {"c", "03"}, {"d", "04"}}));
  good.channel = "our-erp_234567890123456789012345";
  EXPECT_TRUE(findings(good).empty());
  t.kinds = {};
  EXPECT_TRUE(validate(t, {}).front().field.starts_with("compiled in: channel.Our Channel")) << "no file to name";
}

TEST(VendorCodes, AnOperatorsOwnChannelIsAdded) {
  const auto made =
      ChannelCodes::make({table(reasons({{"RET", "02"}, {"ERR", "01"}, {"STOP", "03"}, {"OFF", "04"}}))}, "codes.toml");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->bureau("ours", CodeKind::reason, "ERR"), "01");
  EXPECT_EQ(made->bureau("erp", CodeKind::reason, "2"), "01") << "the others stay";
}

TEST(VendorCodes, AnOperatorsTableReplacesTheWholeKindAndNothingElse) {
  auto t = table(reasons({{"A", "01"}, {"B", "02"}, {"C", "03"}, {"D", "04"}}));
  t.channel = "nuonuo";
  const auto made = ChannelCodes::make({t}, "codes.toml");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->bureau("nuonuo", CodeKind::reason, "A"), "01");
  EXPECT_EQ(made->bureau("nuonuo", CodeKind::reason, "1"), std::nullopt);
  EXPECT_EQ(made->bureau("nuonuo", CodeKind::form_state, "07"), "07");
  t.version.clear();
  const auto refused = ChannelCodes::make({t}, "codes.toml");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().front().field, "codes.toml:2: channel.nuonuo");
}

}  // namespace
}  // namespace taxgate::rules
