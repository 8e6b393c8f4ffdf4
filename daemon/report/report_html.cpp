// One file without script, image or reference to anywhere. Everything that is not our own word goes through foreign():
// one line, escaped, and isolated so that its direction of writing ends with it.
#include <fmt/format.h>

#include "daemon/report/report.h"
#include "daemon/report/words.h"
#include "protocol/screen_text.h"
#include "protocol/text.h"

namespace taxgate::report {
namespace {

constexpr std::size_t kForeignColumns = 120;

constexpr std::string_view kStyle =
    "body{font:15px/1.5 sans-serif;margin:2em auto;max-width:70em;padding:0 1em;color:#222}"
    "h1{font-size:1.4em}h2{font-size:1.1em;margin:1.6em 0 .4em}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;padding:.2em .8em .2em 0;border-bottom:1px solid #ddd;vertical-align:top;"
    "overflow-wrap:anywhere}td.n,th.n{text-align:right;white-space:nowrap}tr.unit "
    "td{font-weight:bold;background:#f4f4f4}"
    ".right{color:#176b2c}.attention,.waiting_approval,.paused,.incomplete,.running{color:#8a5a00}.failed{color:#a11}"
    "@media print{body{margin:0;max-width:none}}";

std::string foreign(std::string_view text) {
  return "<bdi>" + xml_escaped(on_one_line(text, kForeignColumns)) + "</bdi>";
}

/// A sentence of ours with foreign values in it; already one line.
std::string foreign_text(std::string_view text) { return "<bdi>" + xml_escaped(std::string(text)) + "</bdi>"; }

class Html {
 public:
  explicit Html(Language language) : language_(language) {}
  Language language() const { return language_; }
  std::string_view two(std::string_view english, std::string_view chinese) const {
    return pick(language_, english, chinese);
  }
  /// Markup of ours; values in it have gone through foreign() or are figures.
  void raw(std::string_view markup) { out_ += markup; }
  void heading(std::string_view title, std::uint64_t count = 0) {
    out_ += count == 0 ? fmt::format("<h2>{}</h2>\n", title) : fmt::format("<h2>{} ({})</h2>\n", title, grouped(count));
  }
  struct Column {
    std::string_view english, chinese;
    bool number = false;
  };
  void begin_table(std::span<const Column> columns) {
    out_ += "<table><tr>";
    for (const Column& c : columns)
      out_ += fmt::format("<th{}>{}</th>", c.number ? " class=\"n\"" : "", two(c.english, c.chinese));
    out_ += "</tr>\n";
    columns_ = columns;
    rows_ = 0;
  }
  /// False: the table is full.
  bool room() const { return rows_ < kMaxRows; }
  void row(const std::vector<std::string>& cells, std::string_view kind = {}) {
    out_ += kind.empty() ? std::string("<tr>") : fmt::format("<tr class=\"{}\">", kind);
    for (std::size_t i = 0; i < cells.size(); ++i)
      out_ += fmt::format("<td{}>{}</td>", columns_[i].number ? " class=\"n\"" : "", cells[i]);
    out_ += "</tr>\n";
    ++rows_;
  }
  void end_table(std::uint64_t all, std::uint64_t shown) {
    out_ += "</table>\n";
    if (all > shown) out_ += form(language_, "<p>… and {} more</p>\n", "<p>… 另有 {}</p>\n", grouped(all - shown));
  }
  std::string take() { return std::move(out_); }

 private:
  Language language_;
  std::string out_;
  std::span<const Column> columns_;
  std::size_t rows_ = 0;
};

constexpr Html::Column kFacts[] = {{"", ""}, {"", ""}};
constexpr Html::Column kTaxpayers[] = {
    {"taxpayer", "纳税人"},    {"name", "名称"},          {"state", "状态"},     {"windows", "时间段", true},
    {"records", "记录", true}, {"changed", "变化", true}, {"new", "新增", true}, {"quarantined", "隔离", true}};
constexpr Html::Column kTransitions[] = {
    {"count", "数量", true}, {"field", "字段"}, {"before", "原状态"}, {"after", "新状态"}};
constexpr Html::Column kExamples[] = {
    {"taxpayer", "纳税人"}, {"number", "号码"}, {"what", "情况"}, {"counterparty", "对方"}};
constexpr Html::Column kWindows[] = {{"taxpayer", "纳税人"},
                                     {"window", "时间段"},
                                     {"seen", "已读", true},
                                     {"platform", "平台", true},
                                     {"our amount", "本方金额", true},
                                     {"its amount", "平台金额", true},
                                     {"our tax", "本方税额", true},
                                     {"its tax", "平台税额", true},
                                     {"what", "情况"}};

void facts_table(Html& page, const sync::NightSummary& night) {
  const Language l = page.language();
  const Sums all = sums(night);
  const Limit limit = limited_by(night.spent);
  page.begin_table(kFacts);
  const auto fact = [&page](std::string_view english, std::string_view chinese, const std::string& value) {
    page.row({std::string(page.two(english, chinese)), value});
  };
  fact("channel", "渠道", foreign(channel_word(night.channel, l)));
  fact("started", "开始", night.started_at.platform_text() + " " + foreign(cause_word(night.cause, l)));
  fact("asked for by", "发起人", foreign(night.principal));
  fact("finished", "结束", night.finished_at.is_set() ? night.finished_at.platform_text() : "-");
  fact("windows", "时间段", windows_sentence(night, l));
  fact("records seen", "已读记录", grouped(night.records));
  fact("changed", "变化", grouped(all.changed));
  fact("new", "新增", grouped(all.added));
  fact("quarantined", "隔离", grouped(all.quarantined));
  fact("windows read twice", "重读时间段", grouped(night.rescanned));
  fact("asked for one by one / differ", "逐张核对/不符",
       fmt::format("{} / {}", grouped(night.samples), grouped(night.samples_differ)));
  fact("submissions looked at again", "复查申请", grouped(all.settled_submissions));
  fact("calls / planned", "调用次数/计划", fmt::format("{} / {}", grouped(night.calls), grouped(night.calls_planned)));
  fact("speed limited by", "速度受限于",
       fmt::format("{} ({})", word(limit, l), duration_text(waited_ms(night.spent, limit), l)));
  fact("left", "剩余", xml_escaped(left_sentence(night, l)));
  page.end_table(0, 0);
}

void taxpayer_table(Html& page, const sync::NightSummary& night) {
  page.heading(page.two("Taxpayers", "纳税人"), night.taxpayers.size());
  page.begin_table(kTaxpayers);
  const auto figures = [](std::vector<std::string> cells, const Sums& s) {
    for (const auto& cell : {fmt::format("{}/{}", s.windows_done, s.windows), grouped(s.records), grouped(s.changed),
                             grouped(s.added), grouped(s.quarantined)})
      cells.push_back(cell);
    return cells;
  };
  std::uint64_t shown = 0;
  for (const Group& group : groups(night)) {
    if (!page.room()) break;
    page.row(figures({group.org_unit.empty() ? std::string(page.two("(no unit)", "(未分组)")) : foreign(group.org_unit),
                      "", ""},
                     group.sums),
             "unit");
    for (const auto* taxpayer : group.taxpayers) {
      if (!page.room()) break;
      Sums one;
      one.add(*taxpayer);
      std::string state(word(taxpayer->state, page.language()));
      if (!taxpayer->trouble.empty() || !taxpayer->detail.empty())
        state += "<br>" + foreign(trouble_word(taxpayer->trouble, taxpayer->detail, page.language()));
      page.row(figures({foreign(taxpayer->id), foreign(taxpayer->name), std::move(state)}, one), name(taxpayer->state));
      ++shown;
    }
  }
  page.end_table(night.taxpayers.size(), shown);
}

void changed_table(Html& page, const sync::NightSummary& night) {
  const auto all = transitions(night);
  if (all.empty()) return;
  page.heading(page.two("Changed", "状态变化"));
  page.begin_table(kTransitions);
  std::uint64_t shown = 0;
  for (const auto& t : all) {
    if (!page.room()) break;
    page.row({grouped(t.count), std::string(word(t.field, page.language())),
              foreign(code_word(t.field, t.before, page.language())),
              foreign(code_word(t.field, t.after, page.language()))});
    ++shown;
  }
  page.end_table(all.size(), shown);
}

void example_tables(Html& page, const sync::NightSummary& night) {
  for (const List& list : kLists) {
    std::uint64_t count = 0, shown = 0;
    for (const auto& taxpayer : night.taxpayers) count += (taxpayer.*list.examples).count;
    if (count == 0) continue;
    page.heading(page.two(list.english, list.chinese), count);
    if (list.examples == &sync::TaxpayerNight::in_quarantine)
      page.raw(fmt::format("<p>{}</p>\n", page.two(kQuarantineEnglish, kQuarantineChinese)));
    page.begin_table(kExamples);
    for (const auto& taxpayer : night.taxpayers)
      for (const sync::Example& e : (taxpayer.*list.examples).shown) {
        if (!page.room()) break;
        page.row({foreign(taxpayer.id), foreign(e.number), foreign(what_word(e.what, page.language())),
                  foreign(e.counterparty)});
        ++shown;
      }
    page.end_table(count, shown);
  }
}

void window_table(Html& page, const sync::NightSummary& night) {
  const auto all = windows_to_look_at(night);
  if (all.empty()) return;
  page.heading(page.two("Windows to look at", "待核查的时间段"), all.size());
  page.begin_table(kWindows);
  const auto money = [](const std::optional<Fen>& fen) { return fen ? fen->text() : std::string("-"); };
  std::uint64_t shown = 0;
  for (const LookedAt& at : all) {
    if (!page.room()) break;
    const sync::WindowResult& w = *at.window;
    page.row({foreign(w.window.taxpayer),
              fmt::format("{} {} {}", word(w.window.direction, page.language()), foreign(w.window.type),
                          w.window.month.text()),
              grouped(w.records), w.platform_count ? grouped(*w.platform_count) : "-", money(w.our_amount),
              money(w.platform_amount), money(w.our_tax), money(w.platform_tax),
              foreign(trouble_word(w.trouble, w.detail, page.language()))});
    ++shown;
  }
  page.end_table(all.size(), shown);
}

constexpr Html::Column kGaps[] = {{"gap", "缺口"}, {"what to do", "处理办法"}};

void audit_table(Html& page, const sync::NightSummary& night) {
  const sync::Audit& a = night.audit;
  if (!a.at.is_set()) return;
  page.heading(page.two("Audit: key host, journal, listing", "三方核对:介质服务、本系统、平台清单"), a.gaps);
  page.raw("<p>" + xml_escaped(audit_sentence(a, page.language())) + "</p>\n");
  if (a.named.empty()) return;
  page.begin_table(kGaps);
  for (const auto& gap : a.named)
    page.row({foreign_text(gap_sentence(gap, page.language())), foreign_text(gap_remedy(gap, page.language()))});
  page.end_table(a.gaps, a.named.size());
}

}  // namespace

std::string html(const sync::NightSummary& night, Language language) {
  Html page(language);
  const std::string title = fmt::format("{} {}", page.two("Night", "夜间同步"), night.run);
  page.raw(
      fmt::format("<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\">\n"
                  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
                  "'unsafe-inline'\">\n<title>{}</title><style>{}</style></head><body>\n",
                  page.two("en", "zh-CN"), title, kStyle));
  page.raw(fmt::format("<h1>{}: <span class=\"{}\">{}</span></h1>\n", title, name(night.state),
                       word(night.state, language)));
  if (!night.trouble.empty() || !night.detail.empty())
    page.raw("<p>" + foreign(trouble_word(night.trouble, night.detail, language)) + "</p>\n");
  facts_table(page, night);
  taxpayer_table(page, night);
  changed_table(page, night);
  example_tables(page, night);
  window_table(page, night);
  audit_table(page, night);
  page.raw("</body></html>\n");
  return page.take();
}

}  // namespace taxgate::report
