#include "daemon/report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <random>
#include <set>
#include <sstream>

#include "daemon/report/night_record.h"
#include "protocol/screen_text.h"
#include "protocol/text.h"

namespace taxgate::report {
namespace {

namespace bj = boost::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Language kBoth[] = {Language::english, Language::chinese};
LegalTime time(std::string_view text) { return *LegalTime::parse(text); }

// A name that tries everything at once.
const std::string kHostile = "<script>alert(1)</script>\"'><img src=x onerror=y>\x1b[2J\x1b]0;t\x07\u202e\u2066" +
                             std::string("\xff\xfe\n\r\t\xc2\x9b") + "31m";

sync::NightSummary night() {
  sync::NightSummary n;
  n.run = 12;
  n.state = sync::NightState::attention;
  n.cause = "schedule";
  n.principal = "taxgated";
  n.channel = "simulator";
  n.started_at = time("2026-11-22 03:00:00");
  n.finished_at = time("2026-11-22 03:21:10");
  n.window_end = time("2026-11-22 07:00:00");
  n.windows = 4;
  n.windows_done = 3;
  n.records = 1'000'000;
  n.expected_records = 1'250'000;
  n.calls = 212;
  n.calls_planned = 220;
  n.spent = {1'082'000, 60'000, 0, 400, 20};
  for (int i = 0; i < 2; ++i) {
    sync::TaxpayerNight t;
    t.id = i == 0 ? "91310115TGDM00011U" : "91420106TGDM00214A";
    t.name = i == 0 ? "泰格示例制造有限公司" : "泰格示例商贸有限公司";
    t.org_unit = i == 0 ? "华东" : "";
    t.state = sync::NightState::right;
    t.records = 500'000;
    t.changed = 2500;
    t.added = 60;
    t.transitions = {{StatusField::use, "0", "1", 2000}, {StatusField::state, "0", "2", 500}};
    for (const auto direction : {sync::Direction::issued, sync::Direction::received}) {
      sync::WindowResult w;
      w.window = {t.id, direction, "81", sync::Month::of(n.started_at)};
      w.done = true;
      w.records = 250'000;
      w.platform_count = 250'000;
      t.windows.push_back(w);
    }
    n.taxpayers.push_back(t);
  }
  n.taxpayers[0].windows[1].platform_count = 250'001;
  n.taxpayers[0].windows[1].trouble = "sync.count_differs";
  n.taxpayers[0].windows[1].detail = "totals say 250001";
  n.taxpayers[1].windows[0].records = 249'000;  // some were met before, in another listing: nothing to look at
  n.taxpayers[1].windows[1].done = false;
  n.taxpayers[0].forms_near = {2, {{"99202611000000000001", "对方公司", "deadline 2026-11-22 10:19:52"}}};
  n.taxpayers[1].now_abnormal = {1, {{"26117000001134616865", "对方公司", "ycpzzt 02"}}};
  n.taxpayers[1].now_locked = {1, {{"26117000001134616866", "", "hzsdbs Y"}}};
  return n;
}

sync::NightSummary hostile() {
  sync::NightSummary n = night();
  for (auto& t : n.taxpayers) {
    t.name = t.org_unit = t.id = t.trouble = t.detail = kHostile + std::string(5000, 'W');
    t.transitions[0].before = t.transitions[0].after = kHostile;
    for (auto& w : t.windows) w.window.taxpayer = w.window.type = w.detail = w.trouble = kHostile;
    for (auto* list : {&t.forms_near, &t.now_abnormal, &t.now_locked, &t.no_longer_red})
      *list = {1'000'000, std::vector<sync::Example>(sync::kMaxExamples, {kHostile, kHostile, kHostile})};
  }
  n.principal = n.cause = n.channel = n.trouble = n.detail = kHostile;
  return n;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

void expect_fit_for_a_terminal(const std::string& text) {
  EXPECT_TRUE(is_utf8(text));
  for (const char c : text)
    if (c != '\n') EXPECT_GE(static_cast<unsigned char>(c), 0x20U);
  for (const char* steering : {"\u202e", "\u2066", "\u009b", "\u200b", "\x7f"})
    EXPECT_THAT(text, Not(HasSubstr(steering)));
  const auto lines = lines_of(text);
  EXPECT_LE(lines.size(), kPageLines);
  for (const auto& line : lines) EXPECT_LE(columns(line), kPageColumns) << line;
}

TEST(ReportText, SaysWhatWasSeenWhatChangedWhatLimitedAndWhatIsLeft) {
  const std::string page = text(night(), Language::english);
  EXPECT_THAT(page, HasSubstr("Night 12: needs attention (channel: simulator)"));
  EXPECT_THAT(page, HasSubstr("1,000,000 seen, 5,000 changed, 120 new, 0 quarantined"));
  EXPECT_THAT(page, HasSubstr("212 (220 planned)"));
  EXPECT_THAT(page, HasSubstr("the platform's answers (18 min 2 s of waiting"));
  EXPECT_THAT(page, HasSubstr("1 windows, about 250,000 invoices"));
  EXPECT_THAT(page, HasSubstr("4,000  use: 0 not used → 1 deducted")) << "taxpayers are summed";
  EXPECT_THAT(page, HasSubstr("Confirmation forms about to pass 72 hours (2)"));
  EXPECT_THAT(page, HasSubstr("… and 1 more"));
  EXPECT_THAT(page, HasSubstr("irregular or suspicious vouchers (1)"));
  EXPECT_THAT(page, HasSubstr("Windows to look at (1)"));
  EXPECT_THAT(page, HasSubstr("91310115TGDM00011U received 81 2026-11: 250,000 seen, platform 250,001\n"));
  const std::string zh = text(night(), Language::chinese);
  EXPECT_THAT(zh, HasSubstr("夜间同步 12:待人工处理(渠道:模拟)"));
  EXPECT_THAT(zh, HasSubstr("用途确认: 0 未使用 → 1 已申请抵扣"));
  EXPECT_THAT(zh, HasSubstr("1 个时间段,约 250,000 张发票"));
}

TEST(ReportText, SaysWhyInTheReadersLanguage) {
  sync::NightSummary n = night();
  n.taxpayers[0].trouble = "sync.held";
  n.taxpayers[0].detail = "150 / 24";
  n.taxpayers[1].trouble = "sync.sample_differs";
  n.taxpayers[1].detail = "26117000001134616865";
  auto& sums = n.taxpayers[0].windows[0];
  sums.trouble = "sync.sum_differs";
  sums.our_amount = Fen{100};
  sums.platform_amount = Fen{200};
  sums.our_tax = Fen{13};
  sums.platform_tax = Fen{26};
  auto& refused = n.taxpayers[1].windows[1];
  refused.window.type.clear();  // the incremental listing
  refused.platform_count.reset();
  refused.trouble = "listing.refused";
  refused.detail = sync::detail_of({Errc::rejected, refused.trouble, {}, "99001", {}, "系统繁忙"});
  n.taxpayers[0].in_quarantine = {2, {{"26117000001134616867", "", "rzzt 01 > 03"}, {"", "", "unreadable gmfmc"}}};
  n.trouble = "sync.window_over";
  n.detail = sync::detail_of({Errc::retry_later, n.trouble, {}, "2026-11-22 07:00:00", {}, {}});
  const std::string english = text(n, Language::english), chinese = text(n, Language::chinese);
  for (const char* said : {"The night ended at 2026-11-22 07:00:00 with work left.", "Taxpayers to look at (2)",
                           "150 known invoices of one taxpayer would change, 24 may without a person.",
                           "taxgate sync approve", "Invoice 26117000001134616865, asked for by itself",
                           "Sums: amount 1.00 here, 2.00 there; tax 0.13 here, 0.26 there.", "code 99001: 系统繁忙.",
                           "received changes 2026-11\n", "until 2026-11-22 10:19:52", "02 irregular voucher",
                           "Y locked", "In quarantine: shown by the platform, not believed (2)",
                           "booking: 01 not booked → 03 booking withdrawn", "cannot be read (gmfmc)", "[[transition]]"})
    EXPECT_THAT(english, HasSubstr(said));
  for (const char* said :
       {"夜间同步时段于 2026-11-22 07:00:00 结束", "待处理的纳税人 (2)", "将有 150 张已知发票变更", "最多允许 24 张",
        "发票 26117000001134616865 状态", "合计:金额 本方 1.00,平台 2.00;税额 本方 0.13,平台 0.26。",
        "代码 99001: 系统繁忙", "截止 2026-11-22", "02 异常凭证", "Y 已锁定", "入账确认: 01 未入账 → 03 已入账撤销",
        "无法读取(gmfmc)"})
    EXPECT_THAT(chinese, HasSubstr(said));
  EXPECT_LE(lines_of(english).size(), kPageLines);
  EXPECT_THAT(english, HasSubstr("Look for invoices imported with another")) << "what to do about a window";
}

TEST(ReportText, GroupsTaxpayersByOrgUnitAndSumsEachUnit) {
  sync::NightSummary n = night();
  n.taxpayers.push_back(n.taxpayers[0]);
  n.taxpayers.back().id = "91110000TGDM00001X";
  const std::string page = text(n, Language::english);
  const auto unit = page.find("华东"), first = page.find("91110000TGDM00001X"),
             second = page.find("91310115TGDM00011U"), none = page.find("(no unit)"),
             last = page.find("91420106TGDM00214A");
  EXPECT_LT(unit, first);
  EXPECT_LT(first, second) << "by id";
  EXPECT_LT(second, none) << "the one without a unit last";
  EXPECT_LT(none, last);
  EXPECT_NE(page.substr(unit, first - unit).find("1,000,000"), std::string::npos) << "the unit's own line";
}

TEST(ReportText, IsOnePageWhateverTheNightHeld) {
  sync::NightSummary n = night();
  for (int i = 0; i < 500; ++i) {
    n.taxpayers.push_back(n.taxpayers[static_cast<std::size_t>(i % 2)]);
    auto& t = n.taxpayers.back();
    t.org_unit = std::to_string(i % 7);
    for (auto& w : t.windows) w.trouble = "listing.page";
    for (int k = 0; k < 20; ++k) t.transitions.push_back({StatusField::risk, std::to_string(k), "01", 1});
  }
  n.audit.at = n.started_at;
  for (int i = 0; i < 70; ++i)
    n.audit.add({true, Error{Errc::corrupt, "audit.unknown_order", "T", std::to_string(i), "request", {}}});
  for (const Language language : kBoth) expect_fit_for_a_terminal(text(n, language));
  expect_fit_for_a_terminal(text(sync::NightSummary{}, Language::english));
}

TEST(ReportText, EveryFormNamesTheGapsOfTheAuditWithWhatToDoInBothLanguages) {
  sync::NightSummary n = night();
  EXPECT_THAT(text(n, Language::english), Not(HasSubstr("Audit")));
  n.audit.at = n.started_at;
  n.audit.kept = 12;
  EXPECT_THAT(text(n, Language::english), HasSubstr("12 kept"));
  EXPECT_THAT(text(n, Language::english), HasSubstr("nothing missing"));
  n.audit.add({true, Error{Errc::corrupt, "audit.red_not_listed", "T1", "26990000000000000777", "<b>sub", {}}});
  n.audit.unaudited = Error{Errc::retry_later, "key.host_absent", {}, "/run/keyd.sock", {}, {}};
  for (const Language language : kBoth)
    for (const std::string& page : {text(n, language), html(n, language)})
      EXPECT_THAT(page, HasSubstr("26990000000000000777"));
  EXPECT_THAT(text(n, Language::english), HasSubstr("Look it up on the platform"));
  EXPECT_THAT(html(n, Language::english), HasSubstr("log was not read"));
  EXPECT_THAT(html(n, Language::chinese), HasSubstr("申报前请在平台人工查询"));
  EXPECT_THAT(html(n, Language::english), Not(HasSubstr("<b>sub")));
  const bj::value v = bj::parse(json(n)).at("audit");
  EXPECT_EQ(v.at("gaps"), 1);
  EXPECT_EQ(v.at("named").at(0).at("code"), "audit.red_not_listed");
  EXPECT_EQ(v.at("named").at(0).at("number"), "26990000000000000777");
  EXPECT_EQ(v.at("unaudited").at("code"), "key.host_absent");
  const sync::NightSummary back = from_record(to_record(n));
  ASSERT_EQ(back.audit.named.size(), 1U);
  EXPECT_EQ(back.audit.named[0].error.left, "<b>sub");
  EXPECT_EQ(back.audit.kept, 12U);
}

TEST(ReportText, HostileNamesCannotSteerATerminal) {
  for (const Language language : kBoth) expect_fit_for_a_terminal(text(hostile(), language));
}

TEST(ReportText, EveryStateSaysWhoHasToAct) {
  sync::NightSummary n = night();
  n.state = sync::NightState::waiting_approval;
  EXPECT_THAT(text(n, Language::english), HasSubstr("taxgate sync approve 12"));
  n.state = sync::NightState::incomplete;
  EXPECT_THAT(text(n, Language::english), HasSubstr("goes on next night"));
  n.state = sync::NightState::right;
  n.windows_done = 4;
  EXPECT_THAT(text(n, Language::english), HasSubstr("left              nothing\n"));
}

TEST(ReportJson, HoldsEverythingUnderStableNames) {
  const bj::value v = bj::parse(json(night()));
  EXPECT_EQ(v.at("run"), 12);
  EXPECT_EQ(v.at("state"), "attention");
  EXPECT_EQ(v.at("exit"), 1);
  EXPECT_EQ(v.at("limited_by"), "platform");
  EXPECT_EQ(v.at("left").at("windows"), 1);
  EXPECT_EQ(v.at("left").at("records"), 250'000);
  EXPECT_EQ(v.at("transitions").at(0).at("count"), 4000);
  EXPECT_EQ(v.at("transitions").at(0).at("platform_field"), "fpyt");
  EXPECT_EQ(v.at("finished_at"), "2026-11-22T03:21:10.000+08:00");
  EXPECT_TRUE(v.at("expected_finish").is_null());
  const bj::value& first = v.at("taxpayers").at(0);
  EXPECT_EQ(first.at("org_unit"), "华东");
  EXPECT_EQ(first.at("forms_near").at("count"), 2);
  EXPECT_EQ(first.at("forms_near").at("shown").as_array().size(), 1U);
  EXPECT_EQ(first.at("windows").at(1).at("trouble"), "sync.count_differs");
}

TEST(ReportJson, HostileNamesComeBackAsTheyWereGiven) {
  sync::NightSummary n = night();
  n.taxpayers[0].name = "<script>\"\\\n\u202e名";
  EXPECT_EQ(bj::parse(json(n)).at("taxpayers").at(0).at("name"), n.taxpayers[0].name.c_str());
  boost::system::error_code ec;
  bj::parse(json(hostile()), ec);
  EXPECT_FALSE(ec) << "bytes that are no UTF-8 do not make it unreadable";
}

TEST(ReportHtml, OpensOfflineWithoutScriptInBothLanguages) {
  for (const Language language : kBoth) {
    const std::string page = html(night(), language);
    EXPECT_TRUE(page.starts_with("<!doctype html>"));
    EXPECT_THAT(page, HasSubstr("default-src 'none'"));
    for (const char* outside : {"<script", "http://", "https://", "src=", "href=", "url(", "@import"})
      EXPECT_THAT(page, Not(HasSubstr(outside)));
  }
  EXPECT_THAT(html(night(), Language::chinese), HasSubstr("<html lang=\"zh-CN\">"));
  EXPECT_THAT(html(night(), Language::chinese), HasSubstr("即将满72小时的红字确认单 (2)"));
  EXPECT_THAT(html(night(), Language::english), HasSubstr("250,001"));
}

// Reads tags strictly: every "<" begins one of ours, all are closed in order.
void expect_well_formed(const std::string& page) {
  std::vector<std::string> open;
  std::size_t at = page.find("<html");
  while ((at = page.find('<', at)) != std::string::npos) {
    const std::size_t end = page.find('>', at);
    ASSERT_NE(end, std::string::npos);
    std::string tag = page.substr(at + 1, end - at - 1);
    const bool closing = tag.starts_with('/');
    if (closing) tag.erase(0, 1);
    tag = tag.substr(0, tag.find(' '));
    static const std::set<std::string> kOurs{"html", "head",  "meta", "title", "style", "body", "h1", "h2",
                                             "span", "table", "tr",   "th",    "td",    "bdi",  "br", "p"};
    ASSERT_TRUE(kOurs.contains(tag)) << tag;
    if (closing) {
      ASSERT_FALSE(open.empty());
      ASSERT_EQ(open.back(), tag);
      open.pop_back();
    } else if (tag != "meta" && tag != "br") {
      open.push_back(tag);
    }
    at = end;
  }
  EXPECT_TRUE(open.empty());
}

TEST(ReportHtml, HostileNamesAreNeverMarkup) {
  for (const Language language : kBoth) {
    expect_well_formed(html(night(), language));
    const std::string page = html(hostile(), language);
    expect_well_formed(page);
    EXPECT_TRUE(is_utf8(page));
    for (const char* bad : {"<script", "<img", "\x1b", "\u202e", "\u2066"}) EXPECT_THAT(page, Not(HasSubstr(bad)));
    EXPECT_THAT(page, HasSubstr("&lt;script&gt;"));
    EXPECT_LT(page.size(), 2'000'000U) << "what is too long is cut";
  }
}

TEST(ReportHtml, ATableHasAnEndAndSaysWhatItLeftOut) {
  sync::NightSummary n = night();
  for (int i = 0; i < 2000; ++i) n.taxpayers.push_back(n.taxpayers[1]);
  const std::string page = html(n, Language::english);
  EXPECT_THAT(page, HasSubstr("more</p>"));
  EXPECT_LT(page.size(), 3'000'000U);
}

TEST(ScreenText, OneLineIsNeverWiderThanAskedAndNeverSteers) {
  EXPECT_EQ(on_one_line("红字发票", 8), "红字发票");
  EXPECT_EQ(on_one_line("红字发票", 7), "红字发…");
  EXPECT_EQ(on_one_line("红字发票", 6), "红字…");
  EXPECT_EQ(on_one_line("ab", 1), "…");
  EXPECT_EQ(on_one_line("ab", 0), "");
  EXPECT_EQ(on_one_line("a\x1b[2J\n\u202eb\xff", 20), "a?[2J??b?");
  std::mt19937 dice(3);
  for (int i = 0; i < 3000; ++i) {
    std::string foreign(dice() % 40, ' ');
    for (char& c : foreign) c = static_cast<char>(dice());
    const std::size_t most = dice() % 30;
    const std::string line = on_one_line(foreign, most);
    EXPECT_LE(columns(line), most);
    EXPECT_TRUE(is_utf8(line));
    EXPECT_TRUE(std::ranges::none_of(line, [](char c) { return static_cast<unsigned char>(c) < 0x20; }));
  }
}

}  // namespace
}  // namespace taxgate::report
