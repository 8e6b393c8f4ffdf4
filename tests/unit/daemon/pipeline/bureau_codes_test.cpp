// A caller's own codes, and the operator's tables of them.
#include "daemon/pipeline/bureau_codes.h"

#include <gtest/gtest.h>

#include <fstream>

#include "daemon/pipeline/settings.h"

namespace taxgate::pipeline {
namespace {

api::v1::SubmissionRequest request(std::string codes, std::string reason) {
  api::v1::SubmissionRequest r;
  r.set_codes(std::move(codes));
  r.set_reason(std::move(reason));
  return r;
}

TEST(CallersCodes, ASwappedReasonIsTurnedRoundAndTheBureausOwnIsLeftAlone) {
  const auto& channels = rules::ChannelCodes::defaults();
  auto swapped = request("nuonuo", "1");
  EXPECT_TRUE(to_bureau_codes(swapped, channels).empty());
  EXPECT_EQ(swapped.reason(), "02");
  auto own = request("", "01");
  EXPECT_TRUE(to_bureau_codes(own, channels).empty());
  EXPECT_EQ(own.reason(), "01");
}

TEST(CallersCodes, AReasonWithoutMeaningIsRefusedAndNeverTakenForAnother) {
  const auto& channels = rules::ChannelCodes::defaults();
  auto bureau_form = request("nuonuo", "02");
  const auto findings = to_bureau_codes(bureau_form, channels);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].id, "codes.no_meaning");
  EXPECT_EQ(findings[0].field, "reason");
  auto nobody = request("nobody", "1");
  EXPECT_EQ(to_bureau_codes(nobody, channels).front().id, "codes.unknown_channel");
}

TEST(CallersCodes, BookedOnTheWebIsBookedAtTheBureauAndUsesTheWebCannotSayAreUnknown) {
  auto r = request("web", "02");
  r.mutable_blue()->set_booking("01");
  r.mutable_blue()->set_use("01");
  EXPECT_TRUE(to_bureau_codes(r, rules::ChannelCodes::defaults()).empty());
  EXPECT_EQ(r.blue().booking(), "02");
  EXPECT_EQ(r.blue().use(), "");
}

class TablesFileOfChannels : public testing::Test {
 protected:
  Result<void> load(std::string_view text) {
    const std::string path = testing::TempDir() + "/taxgate_channels.toml";
    std::ofstream(path) << text;
    file_ = path;
    return load_tables(path, settings_);
  }
  std::string refusal(std::string_view text) {
    const auto loaded = load(text);
    if (loaded) return "loaded";
    std::string field = loaded.error().field;
    if (field.starts_with(file_)) field.erase(0, file_.size());
    return loaded.error().id + " " + field + " " + loaded.error().wanted;
  }
  Settings settings_;
  std::string file_;
};

TEST_F(TablesFileOfChannels, ACompleteTableIsUsed) {
  ASSERT_TRUE(load(R"([channel.ourerp]
version = "3"
source = "our ERP's manual"
[channel.ourerp.reason]
map = { "RET" = "02", "ERR" = "01", "STOP" = "03" }
own = ["OTHER"]
absent = ["04"]
)"));
  EXPECT_EQ(settings_.channels.bureau("ourerp", rules::CodeKind::reason, "RET"), "02");
  EXPECT_EQ(settings_.channels.bureau("ourerp", rules::CodeKind::reason, "OTHER"), std::nullopt);
  EXPECT_EQ(settings_.channels.bureau("nuonuo", rules::CodeKind::reason, "1"), "02") << "the others stay";
}

TEST_F(TablesFileOfChannels, MistakesAreRefusedWithFileAndLineAndNothingChanges) {
  EXPECT_EQ(refusal("[channel.a]\nversion = \"1\"\nsource = \"x\"\n[channel.a.reason]\n"
                    "map = { \"1\" = \"01\", \"2\" = \"02\", \"3\" = \"03\" }\n"),
            "codes.not_reached :4: channel.a.reason 04");
  EXPECT_EQ(refusal("[channel.a]\nversion = \"1\"\nsource = \"x\"\n[channel.a.reason]\nown = [\"1\",\n\"1\"]\n"
                    "absent = [\"01\", \"02\", \"03\", \"04\"]\n"),
            "codes.duplicate :6: channel.a.reason 1");
  EXPECT_EQ(refusal("[channel.a]\nversion = \"1\"\nsource = \"x\"\n[channel.a.colour]\n"),
            "config.tables :4: channel.a.colour unknown");
  EXPECT_EQ(refusal("[channel.a]\nversion = 1\n"), "config.tables :2: channel.a.version not a string");
  EXPECT_EQ(refusal("[channel.a]\nsource = \"x\"\n"), "codes.no_source :1: channel.a version");
  EXPECT_FALSE(settings_.channels.knows("a"));
}

TEST_F(TablesFileOfChannels, ACalendarIsLaidOverTheCompiledInDays) {
  ASSERT_TRUE(load(R"([calendar]
source = "the notice for 2027"
verified = true
off = ["2027-10-01..2027-10-07 国庆节"]
working = ["2027-10-09 国庆节调休"]
)"));
  const auto kind = [&](std::string_view d) { return settings_.calendar.kind(*rules::CivilDay::parse(d)); };
  EXPECT_EQ(kind("2027-10-07"), rules::DayKind::holiday);
  EXPECT_EQ(kind("2027-10-09"), rules::DayKind::working);
  EXPECT_EQ(kind("2026-10-01"), rules::DayKind::holiday) << "the other years stay";
  EXPECT_TRUE(settings_.calendar.entry(*rules::CivilDay::parse("2027-10-01"))->verified);
  EXPECT_EQ(refusal("[calendar]\noff = [\n\"2027-10-07..2027-10-01 x\"]\n"),
            "config.tables :3: calendar.off 2027-10-07..2027-10-01 x");
  EXPECT_EQ(refusal("[calendar]\noff = [\"2027-02-30 x\"]\n"), "config.tables :2: calendar.off 2027-02-30 x");
  EXPECT_EQ(refusal("[calendar]\nclosed = []\n"), "config.tables :2: calendar.closed unknown");
}

}  // namespace
}  // namespace taxgate::pipeline
