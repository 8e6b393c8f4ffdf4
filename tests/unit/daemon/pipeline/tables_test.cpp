#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>

#include "daemon/core/config.h"
#include "daemon/pipeline/settings.h"

namespace taxgate::pipeline {
namespace {

class TablesFile : public ::testing::Test {
 protected:
  ~TablesFile() override { ::unlink(name_); }
  std::string with(const std::string& text) {
    std::ofstream(name_) << text;
    return name_;
  }
  char name_[32] = "/tmp/taxgate-tables-XXXXXX";
  void SetUp() override { ::close(::mkstemp(name_)); }
};

TEST_F(TablesFile, OverridesTheListsItNamesAndKeepsTheOthers) {
  Settings settings;
  settings.busy_texts = {"compiled in"};
  ASSERT_TRUE(load_tables(with("refused_use = [\"42\"]\n[hold_codes]\n99001 = \"quota_exhausted\"\n"), settings));
  EXPECT_EQ(settings.codes.refused_use, std::vector<std::string>{"42"});
  EXPECT_EQ(settings.codes.void_status, std::vector<std::string>{"2"});
  EXPECT_EQ(settings.busy_texts, std::vector<std::string>{"compiled in"});
  EXPECT_EQ(settings.hold_codes.at("99001"), "quota_exhausted");
}

TEST_F(TablesFile, RefusesWhatItDoesNotKnowByName) {
  for (const char* text :
       {"refused_uses = [\"1\"]\n", "refused_use = \"1\"\n", "refused_use = [1]\n", "[hold_codes]\n1 = 2\n",
        "x = = 1\n", "hold_codes = 1\n", "[[approval]]\n", "[[approval]]\namount = 50000.0\n",
        "[[approval]]\namount = \"-1.00\"\n", "[[approval]]\namounts = \"1.00\"\n", "approval = 1\n",
        "approval = [1]\n", "[[evidence]]\nkinds = [\"a\"]\nrule = \"R1\"\n",
        "[[evidence]]\nkinds = [\"a\"]\nseverity = \"fatal\"\n", "[[evidence]]\nrule = \"R22\"\n",
        "[reason_words]\n\"退货\" = \"9\"\n", "remark_characters = \"1.5\"\n", "remark_characters = 450\n"}) {
    Settings settings;
    const auto loaded = load_tables(with(text), settings);
    ASSERT_FALSE(loaded) << text;
    EXPECT_EQ(loaded.error().id, "config.tables");
    EXPECT_NE(loaded.error().field.find(name_), std::string::npos);
  }
}

TEST_F(TablesFile, SaysWhichStatusMayFollowWhichAndNamesTheRowThatIsWrong) {
  Settings settings;
  const auto booked_to = [&](const char* to) {
    return settings.transitions.may_follow(StatusField::booking, *status_code("01"), *status_code(to));
  };
  EXPECT_FALSE(booked_to("03"));
  ASSERT_TRUE(load_tables(with("[[transition]]\nfield = \"rzzt\"\nfrom = \"01\"\nto = [\"03\"]\n"), settings));
  EXPECT_TRUE(booked_to("03"));
  EXPECT_FALSE(booked_to("02"));
  ASSERT_TRUE(load_tables(with("busy_texts = []\n"), settings));
  EXPECT_FALSE(booked_to("03")) << "a file without the row has the compiled-in one";
  const std::string good = "[[transition]]\nfield = \"rzzt\"\nfrom = \"01\"\nto = [\"*\"]\n";
  for (const auto& [text, what] :
       {std::pair{"[[transition]]\nfield = \"state\"\nfrom = \"01\"\nto = []\n", "field"},
        std::pair{"[[transition]]\nfield = \"rzzt\"\nto = []\n", "from"},
        std::pair{"[[transition]]\nfield = \"rzzt\"\nfrom = \"01\"\n", "to"},
        std::pair{"[[transition]]\nfield = \"rzzt\"\nfrom = \"01\"\nto = [\"x\"]\n", "from/to"},
        std::pair{"[[transition]]\nfield = \"rzzt\"\nfrom = \"?\"\nto = []\n", "from/to"}}) {
    const auto loaded = load_tables(with(good + text), settings);
    ASSERT_FALSE(loaded) << text;
    EXPECT_EQ(loaded.error().field, std::string(name_) + ": transition[1]." + what);
    EXPECT_FALSE(booked_to("03")) << "nothing of a wrong file counts";
  }
}

TEST_F(TablesFile, NamesWhoApprovesWhichPapersAreDemandedAndWhatWordsMean) {
  Settings settings;
  ASSERT_TRUE(load_tables(with("service_prefix = [\"3\", \"2\"]\nremark_characters = \"200\"\n"
                               "[[approval]]\nquantity_share = \"0.2\"\nreasons = [\"02\"]\n"
                               "[[approval]]\namount = \"100000.00\"\ncustomers = [\"key\"]\n"
                               "[[evidence]]\nrule = \"P16\"\nseverity = \"refuse\"\nkinds = [\"paper\"]\n"
                               "provinces = [\"44\"]\n[reason_words]\n\"客户退票\" = \"01\"\n"),
                          settings));
  EXPECT_EQ(settings.codes.service_prefix, (rules::Codes{"3", "2"}));
  EXPECT_EQ(settings.codes.remark_characters, 200);
  ASSERT_EQ(settings.codes.approvals.size(), 2U);
  EXPECT_EQ(settings.codes.approvals[0].quantity_share, *Decimal::parse("0.2"));
  EXPECT_EQ(settings.codes.approvals[1].amount, Fen{10'000'000});
  EXPECT_EQ(settings.codes.approvals[1].customers, rules::Codes{"key"});
  ASSERT_EQ(settings.codes.evidence.size(), 1U);
  EXPECT_EQ(settings.codes.evidence[0].severity, rules::Severity::refuse);
  ASSERT_EQ(settings.codes.reason_words.size(), 1U);
  EXPECT_EQ(settings.codes.reason_words[0].second, "01");
}

TEST_F(TablesFile, EveryListOfTheRulesCanBeNamed) {
  for (const rules::CodeList& list : rules::code_lists()) {
    Settings settings;
    ASSERT_TRUE(load_tables(with(std::string(list.key) + " = [\"x\"]\n"), settings)) << list.key;
    EXPECT_EQ(settings.codes.*(list.list), rules::Codes{"x"}) << list.key;
  }
}

TEST_F(TablesFile, AnEmptyTableOfHoldsMeansNone) {
  Settings settings;
  settings.hold_codes["31022"] = "risk_information";
  ASSERT_TRUE(load_tables(with("[hold_codes]\n"), settings));
  EXPECT_TRUE(settings.hold_codes.empty());
}

TEST(SettingsOfConfig, TakeTheApprovalBoundsAsRowsOfTheRules) {
  Config config;
  EXPECT_TRUE(settings_from(config)->codes.approvals.empty());
  config.approval.amount = Fen{5'000'000};
  config.approval.share = *Decimal::parse("0.1");
  const auto settings = settings_from(config);
  ASSERT_EQ(settings->codes.approvals.size(), 2U);
  EXPECT_EQ(settings->codes.approvals[0].amount, Fen{5'000'000});
  EXPECT_EQ(settings->codes.approvals[1].share, *Decimal::parse("0.1"));
}

TEST_F(TablesFile, AChangedUseCodeChangesTheVerdict) {
  Invoice blue;
  blue.number = "26990000000000000001";
  blue.type = "81";
  blue.status = "0";
  blue.use = "42";
  blue.booking = "01";
  blue.seller = {"91310115TGDM00011U", "甲"};
  blue.buyer = {"91420106TGDM00214A", "乙"};
  InvoiceLine line;
  line.number = 1;
  line.tax_code = "1090131050000000000";
  line.name = "*制冷空调设备*空调";
  line.quantity = Decimal::from_int(1);
  line.price = Decimal::from_int(100);
  line.amount = Fen{10'000};
  line.rate = *Decimal::parse("0.13");
  line.tax = Fen{1'300};
  blue.lines = {line};
  blue.amount = line.amount;
  blue.tax = line.tax;
  Settings settings;
  EXPECT_TRUE(rules::derive({.blue = &blue, .reds = {}}, {}, settings.codes));
  ASSERT_TRUE(load_tables(with("refused_use = [\"42\"]\n"), settings));
  const auto red = rules::derive({.blue = &blue, .reds = {}}, {}, settings.codes);
  ASSERT_FALSE(red);
  EXPECT_TRUE(red.error().front().id.starts_with("R9")) << red.error().front().id;
}

TEST(SettingsOfConfig, TakeTheTracksAsTheSellersKind) {
  Config config;
  config.taxpayers.push_back({.id = "A", .tracks = {Track::confirmation_form}});
  config.taxpayers.push_back({.id = "B", .tracks = {Track::information_table}});
  config.taxpayers.push_back({.id = "C"});
  const auto settings = settings_from(config);
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->taxpayers.at("A").kind, rules::SellerKind::all_digital_only);
  EXPECT_EQ(settings->taxpayers.at("B").kind, rules::SellerKind::tax_device_only);
  EXPECT_EQ(settings->taxpayers.at("C").kind, rules::SellerKind::both);
}

}  // namespace
}  // namespace taxgate::pipeline
