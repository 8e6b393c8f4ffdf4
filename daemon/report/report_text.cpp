// One page for a terminal and for mail. Foreign names stand last on their lines: whatever their direction of writing,
// nothing of ours follows them.
#include <fmt/format.h>

#include <algorithm>

#include "daemon/report/report.h"
#include "daemon/report/words.h"
#include "protocol/screen_text.h"

namespace taxgate::report {
namespace {

// What a page has room for beside its own ten lines.
constexpr std::size_t kTaxpayerLines = 12, kTransitionLines = 5, kExamplesEach = 2, kWindowLines = 4, kGapLines = 5,
                      kTroubledLines = 3;
constexpr std::size_t kIdColumns = 20, kUnitColumns = 30, kNumberColumns = 24, kWhatColumns = 48;

class Page {
 public:
  explicit Page(Language language) : language_(language) {}
  /// Whatever else happens to a text on its way here, no line steers a terminal or leaves the page.
  void line(std::string_view text) { out_.append(on_one_line(text, kPageColumns)).append("\n"); }
  /// A sentence over as many lines as it needs, broken at blanks, or anywhere when it has none. returns  lines
  std::size_t paragraph(std::string_view indent, std::string_view text) {
    constexpr std::size_t kRoom = kPageColumns - 4;  // beside the indent
    std::size_t lines = 0;
    while (!text.empty()) {
      std::size_t end = 0, width = 0, blank = 0;
      while (end < text.size()) {
        std::size_t next = end + 1;
        while (next < text.size() && (static_cast<unsigned char>(text[next]) & 0xC0U) == 0x80U) ++next;
        width += columns(text.substr(end, next - end));
        if (width > kRoom) break;
        if (text[end] == ' ') blank = end;
        end = next;
      }
      if (end < text.size() && blank > 0) end = blank;
      line(fmt::format("{}{}", indent, text.substr(0, end)));
      text.remove_prefix(std::max<std::size_t>(end, 1));
      if (text.starts_with(' ')) text.remove_prefix(1);
      ++lines;
    }
    return lines;
  }
  void heading(std::string_view english, std::string_view chinese, std::uint64_t count = 0) {
    line("");
    const std::string_view title = pick(language_, english, chinese);
    line(count == 0 ? std::string(title) : fmt::format("{} ({})", title, grouped(count)));
  }
  void pair(std::string_view english, std::string_view chinese, std::string_view value) {
    constexpr std::size_t kLabel = 18;
    const std::string_view label = pick(language_, english, chinese);
    const std::size_t width = columns(label);
    line(fmt::format("{}{}{}", label, std::string(width < kLabel ? kLabel - width : 1, ' '), value));
  }
  void rest(std::uint64_t all, std::size_t shown) {
    if (all > shown) line(form(language_, "  … and {} more", "  … 另有 {}", grouped(all - shown)));
  }
  Language language() const { return language_; }
  bool zh() const { return language_ == Language::chinese; }
  std::string take() { return std::move(out_); }

 private:
  Language language_;
  std::string out_;
};

void head(Page& page, const sync::NightSummary& night) {
  const Language l = page.language();
  page.line(form(page.language(), "Night {}: {} (channel: {})", "夜间同步 {}:{}(渠道:{})", night.run,
                 word(night.state, l), channel_word(night.channel, l)));
  if (!night.trouble.empty() || !night.detail.empty()) page.line(trouble_word(night.trouble, night.detail, l));
  page.line("");
  std::string times = night.started_at.platform_text() + " ";
  times +=
      "(" + cause_word(night.cause, l) +
      (night.principal.empty() || night.cause == "schedule" ? "" : ", " + on_one_line(night.principal, kUnitColumns)) +
      ")";
  if (night.finished_at.is_set())
    times += fmt::format(" – {}, {}", night.finished_at.platform_text(),
                         duration_text(night.finished_at.ms - night.started_at.ms, l));
  page.pair("time", "时间", times);
  page.pair("windows", "时间段", windows_sentence(night, l));
  const Sums all = sums(night);
  // What changed is counted when all is listed.
  const bool counted = night.state != sync::NightState::running && night.state != sync::NightState::paused;
  if (!counted)
    page.pair("records", "发票记录", form(page.language(), "{} seen so far", "目前已读 {}", grouped(night.records)));
  else
    page.pair("records", "发票记录",
              form(page.language(), "{} seen, {} changed, {} new, {} quarantined", "已读 {},变化 {},新增 {},隔离 {}",
                   grouped(night.records), grouped(all.changed), grouped(all.added), grouped(all.quarantined)));
  page.pair("checks", "核对",
            form(page.language(), "{} windows read twice; {} invoices asked for one by one, {} differ",
                 "重读 {} 个时间段;逐张核对 {} 张,不符 {}", grouped(night.rescanned), grouped(night.samples),
                 grouped(night.samples_differ)));
  page.pair(
      "calls", "调用次数",
      form(page.language(), "{} ({} planned)", "{}(计划 {})", grouped(night.calls), grouped(night.calls_planned)));
  const Limit limit = limited_by(night.spent);
  page.pair("speed limited by", "速度受限于",
            limit == Limit::nothing ? std::string(word(limit, l))
                                    : form(l, "{} ({} of waiting, all windows together)", "{}(各时间段累计等待 {})",
                                           word(limit, l), duration_text(waited_ms(night.spent, limit), l)));
  if (all.settled_submissions > 0)
    page.pair("submissions", "申请",
              form(page.language(), "{} looked at again", "复查 {} 笔", grouped(all.settled_submissions)));
  page.pair("left", "剩余", left_sentence(night, l));
}

void taxpayers(Page& page, const sync::NightSummary& night) {
  page.heading("Taxpayers", "纳税人", night.taxpayers.size());
  const bool zh = page.zh();
  Grid grid({"", zh ? "状态" : "state", zh ? "时间段" : "windows", zh ? "记录" : "records", zh ? "变化" : "changed",
             zh ? "新增" : "new", zh ? "隔离" : "quarantined", zh ? "名称" : "name"});
  std::size_t shown = 0, lines = 0;
  const auto row = [&](std::string name, std::string state, const Sums& s, std::string foreign) {
    grid.add({std::move(name), std::move(state), fmt::format("{}/{}", s.windows_done, s.windows), grouped(s.records),
              grouped(s.changed), grouped(s.added), grouped(s.quarantined), std::move(foreign)});
    ++lines;
  };
  const std::vector<Group> all = groups(night);
  const bool units = all.size() > 1 || (all.size() == 1 && !all[0].org_unit.empty());
  for (const Group& group : all) {
    if (lines >= kTaxpayerLines) break;
    if (units)
      row(group.org_unit.empty() ? std::string(pick(page.language(), "(no unit)", "(未分组)"))
                                 : on_one_line(group.org_unit, kUnitColumns),
          "", group.sums, "");
    for (const auto* taxpayer : group.taxpayers) {
      if (lines >= kTaxpayerLines) break;
      Sums one;
      one.add(*taxpayer);
      row((units ? "  " : "") + on_one_line(taxpayer->id, kIdColumns),
          std::string(word(taxpayer->state, page.language())), one, on_one_line(taxpayer->name, kIdColumns));
      ++shown;
    }
  }
  const std::string table = grid.text({2, 3, 4, 5, 6}, "  ");
  for (std::string_view left = table; !left.empty(); left.remove_prefix(left.find('\n') + 1))
    page.line(left.substr(0, left.find('\n')));
  page.rest(night.taxpayers.size(), shown);
}

/// Of whom something is to be said that stands at none of its windows: held back, a sample that differs.
void troubled(Page& page, const sync::NightSummary& night) {
  std::uint64_t all = 0;
  for (const auto& taxpayer : night.taxpayers) all += taxpayer.trouble.empty() ? 0 : 1;
  if (all == 0) return;
  page.heading("Taxpayers to look at", "待处理的纳税人", all);
  std::size_t shown = 0;
  for (const auto& taxpayer : night.taxpayers) {
    if (taxpayer.trouble.empty()) continue;
    if (shown++ == kTroubledLines) break;
    page.paragraph("  ", fmt::format("{}: {}", on_one_line(taxpayer.id, kIdColumns),
                                     trouble_word(taxpayer.trouble, taxpayer.detail, page.language())));
    page.paragraph("    ", trouble_remedy(taxpayer.trouble, page.language()));
  }
  page.rest(all, std::min<std::size_t>(shown, kTroubledLines));
}

void changes(Page& page, const sync::NightSummary& night) {
  const auto all = transitions(night);
  if (all.empty()) return;
  page.heading("Changed", "状态变化");
  for (std::size_t i = 0; i < all.size() && i < kTransitionLines; ++i)
    page.line(fmt::format("  {:>12}  {}: {} → {}", grouped(all[i].count), word(all[i].field, page.language()),
                          code_word(all[i].field, all[i].before, page.language()),
                          code_word(all[i].field, all[i].after, page.language())));
  page.rest(all.size(), kTransitionLines);
}

void lists(Page& page, const sync::NightSummary& night) {
  for (const List& list : kLists) {
    std::uint64_t count = 0;
    for (const auto& taxpayer : night.taxpayers) count += (taxpayer.*list.examples).count;
    if (count == 0) continue;
    page.heading(list.english, list.chinese, count);
    if (list.examples == &sync::TaxpayerNight::in_quarantine)
      page.paragraph("  ", pick(page.language(), kQuarantineEnglish, kQuarantineChinese));
    std::size_t shown = 0;
    for (const auto& taxpayer : night.taxpayers)
      for (const sync::Example& e : (taxpayer.*list.examples).shown) {
        if (shown == kExamplesEach) break;
        page.line(fmt::format("  {}  {}  {}", on_one_line(e.number, kNumberColumns),
                              on_one_line(what_word(e.what, page.language()), kWhatColumns),
                              on_one_line(e.counterparty, kUnitColumns)));
        ++shown;
      }
    page.rest(count, shown);
  }
}

/// "Sums: tax 129.99 here, 130.00 there.", or nothing.
std::string sums_that_differ(const sync::WindowResult& w, Language language) {
  std::string out;
  const auto compare = [&](const std::optional<Fen>& ours, const std::optional<Fen>& theirs, std::string_view english,
                           std::string_view chinese) {
    if (!ours || !theirs || *ours == *theirs) return;
    out += out.empty() ? pick(language, "Sums: ", "合计:") : pick(language, "; ", ";");
    out += form(language, "{} {} here, {} there", "{} 本方 {},平台 {}", pick(language, english, chinese), ours->text(),
                theirs->text());
  };
  compare(w.our_amount, w.platform_amount, "amount", "金额");
  compare(w.our_tax, w.platform_tax, "tax", "税额");
  return out.empty() ? out : out + std::string(pick(language, ".", "。"));
}

void windows(Page& page, const sync::NightSummary& night) {
  const auto all = windows_to_look_at(night);
  if (all.empty()) return;
  page.heading("Windows to look at", "待核查的时间段", all.size());
  for (std::size_t i = 0; i < all.size() && i < kWindowLines; ++i) {
    const sync::WindowResult& w = *all[i].window;
    std::string line = fmt::format("  {} {} {} {}", on_one_line(w.window.taxpayer, kIdColumns),
                                   word(w.window.direction, page.language()),
                                   w.window.type.empty() ? pick(page.language(), "changes", "增量")
                                                         : std::string_view(on_one_line(w.window.type, 2)),
                                   w.window.month.text());
    if (w.platform_count)
      line += form(page.language(), ": {} seen, platform {}", ":已读 {},平台 {}", grouped(w.records),
                   grouped(*w.platform_count));
    page.line(line);
    page.paragraph("    ", trouble_word(w.trouble, w.detail, page.language()));
    if (const std::string sums = sums_that_differ(w, page.language()); !sums.empty()) page.paragraph("    ", sums);
    // Below the last window of its kind: four of them rarely have four remedies.
    const auto same = [&w](const LookedAt& other) { return other.window->trouble == w.trouble; };
    if (std::none_of(all.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                     all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), kWindowLines)), same))
      page.paragraph("    ", trouble_remedy(w.trouble, page.language()));
  }
  page.rest(all.size(), kWindowLines);
}

void audit(Page& page, const sync::NightSummary& night) {
  const sync::Audit& a = night.audit;
  if (!a.at.is_set()) return;
  page.heading("Audit: key host, journal, listing", "三方核对:介质服务、本系统、平台清单", a.gaps);
  page.paragraph("  ", audit_sentence(a, page.language()));
  std::size_t shown = 0;
  for (std::size_t lines = 0; shown < a.named.size() && lines < kGapLines; ++shown)
    lines += page.paragraph("  ", gap_sentence(a.named[shown], page.language())) +
             page.paragraph("    ", gap_remedy(a.named[shown], page.language()));
  page.rest(a.gaps, shown);
}

}  // namespace

std::string text(const sync::NightSummary& night, Language language) {
  Page page(language);
  head(page, night);
  taxpayers(page, night);
  troubled(page, night);
  changes(page, night);
  lists(page, night);
  windows(page, night);
  audit(page, night);
  return page.take();
}

}  // namespace taxgate::report
