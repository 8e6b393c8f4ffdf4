#include "daemon/report/words.h"

#include "daemon/report/report.h"

#include <fmt/format.h>

#include "protocol/screen_text.h"

namespace taxgate::report {
namespace {

constexpr std::size_t kTroubleColumns = 90, kWordColumns = 20, kGapColumns = 240;

struct Word {
  std::string_view code, english, chinese;
};
std::string_view found(std::span<const Word> words, std::string_view code, Language language) {
  for (const Word& w : words)
    if (w.code == code) return pick(language, w.english, w.chinese);
  return {};
}
std::string or_itself(std::span<const Word> words, std::string_view code, Language language) {
  const std::string_view known = found(words, code, language);
  return known.empty() ? on_one_line(code, kWordColumns) : std::string(known);
}

constexpr Word kStates[] = {{"running", "running", "进行中"},
                            {"paused", "paused", "暂停中"},
                            {"waiting_approval", "waiting for approval", "待批准"},
                            {"right", "right", "正确"},
                            {"attention", "needs attention", "待人工处理"},
                            {"incomplete", "incomplete", "未完成"},
                            {"failed", "failed", "失败"}};
constexpr Word kLimits[] = {{"nothing", "nothing", "无"},
                            {"platform", "the platform's answers", "平台应答"},
                            {"budget", "our budget of calls", "本方调用额度"},
                            {"pauses", "pauses the platform or the network asked for", "平台或网络要求的暂停"},
                            {"processor", "the processor", "处理器"},
                            {"disk", "the disk", "磁盘"}};
constexpr Word kCauses[] = {{"schedule", "by schedule", "按计划"},
                            {"asked", "asked for", "人工发起"},
                            {"catch_up", "made up for", "补做"},
                            {"approved", "approved", "批准后继续"}};
constexpr Word kChannels[] = {
    {"simulator", "simulator", "模拟"}, {"sandbox", "sandbox", "沙箱"}, {"production", "production", "生产"}};
constexpr Word kFields[] = {{"state", "invoice status", "发票状态"},
                            {"lock", "lock", "红字锁定"},
                            {"use", "use", "用途确认"},
                            {"booking", "booking", "入账确认"},
                            {"abnormal", "irregular voucher", "异常凭证"},
                            {"risk", "risk level", "预警级别"},
                            {"agriculture", "farm produce deduction", "农产品加计扣除"}};

// rules.md B.3, by field in the order of StatusField.
constexpr Word kStateCodes[] = {{"0", "normal", "正常"},
                                {"2", "void", "作废"},
                                {"3", "reversed", "已红冲"},
                                {"7", "partly reversed", "部分红冲"},
                                {"8", "fully reversed", "全额红冲"}};
constexpr Word kLockCodes[] = {{"Y", "locked", "已锁定"}, {"N", "not locked", "未锁定"}};
constexpr Word kUseCodes[] = {{"0", "not used", "未使用"},
                              {"1", "deducted", "已申请抵扣"},
                              {"2", "refund asked for", "已申请退税"},
                              {"3", "refund by agent asked for", "已申请代办退税"},
                              {"6", "not to be deducted", "已申请不抵扣"},
                              {"7", "domestic to export", "内销转出口"},
                              {"8", "export to domestic", "出口转内销"},
                              {"9", "refund granted", "准予退税"},
                              {"10", "refund refused", "不予退税"},
                              {"11", "Winter Games refund", "冬奥退税"}};
constexpr Word kBookingCodes[] = {
    {"01", "not booked", "未入账"}, {"02", "booked", "已入账"}, {"03", "booking withdrawn", "已入账撤销"}};
constexpr Word kAbnormalCodes[] = {
    {"01", "normal", "正常"}, {"02", "irregular voucher", "异常凭证"}, {"03", "suspicious voucher", "疑似异常凭证"}};
constexpr Word kRiskCodes[] = {{"01", "red", "红"}, {"02", "yellow", "黄"}, {"03", "blue", "蓝"}};
constexpr Word kFarmCodes[] = {{"0", "not used", "未使用"},
                               {"1", "in full", "全部加计"},
                               {"2", "none", "全部不加计"},
                               {"3", "in part", "部分加计"}};
constexpr std::span<const Word> kCodes[kStatusFields] = {kStateCodes,    kLockCodes, kUseCodes, kBookingCodes,
                                                         kAbnormalCodes, kRiskCodes, kFarmCodes};

}  // namespace

std::string state_text(std::string_view state, Language language) { return or_itself(kStates, state, language); }
std::string_view word(sync::NightState state, Language language) { return found(kStates, name(state), language); }
std::string_view word(Limit limit, Language language) { return found(kLimits, name(limit), language); }
std::string_view word(sync::Direction direction, Language language) {
  return direction == sync::Direction::issued ? pick(language, "issued", "销项") : pick(language, "received", "进项");
}
std::string_view word(StatusField field, Language language) { return found(kFields, taxgate::name(field), language); }
std::string cause_word(std::string_view cause, Language language) { return or_itself(kCauses, cause, language); }
std::string channel_word(std::string_view channel, Language language) {
  return or_itself(kChannels, channel, language);
}

std::string code_word(StatusField field, std::string_view code, Language language) {
  if (code.empty()) return "-";
  const std::string_view meaning = found(kCodes[static_cast<std::size_t>(field)], code, language);
  std::string out = on_one_line(code, 4);
  if (!meaning.empty()) out.append(" ").append(meaning);
  return out;
}

std::string trouble_word(std::string_view id, std::string_view detail, Language language) {
  const Message* row = id.empty() ? nullptr : find_message(id);
  const bool has_places = row != nullptr && row->text.find('{') != std::string_view::npos;
  if (row == nullptr || (has_places && detail.empty()))
    return on_one_line(detail.empty() ? id : detail, kTroubleColumns);
  // "field wanted / left", as the driver keeps it (sync::detail_of).
  Error error{Errc::corrupt, std::string(id), {}, {}, {}, {}};
  if (row->text.find("{field}") != std::string_view::npos) {
    const auto blank = detail.find(' ');
    error.field = detail.substr(0, blank);
    detail.remove_prefix(std::min(detail.size(), error.field.size() + 1));
  }
  const auto slash = detail.find(" / ");
  error.wanted = detail.substr(0, slash);
  if (slash != std::string_view::npos) error.left = detail.substr(slash + 3);
  return on_one_line(message_text(error, language), kGapColumns);
}

std::string trouble_remedy(std::string_view id, Language language) {
  const Message* row = find_message(id);
  if (row == nullptr) return {};
  const std::string_view text = pick(language, row->remedy, row->remedy_zh);
  return text.find('{') == std::string_view::npos ? std::string(text) : std::string();
}

std::string what_word(std::string_view what, Language language) {
  const auto blank = what.find(' ');
  const std::string_view first = what.substr(0, blank), rest = blank == what.npos ? "" : what.substr(blank + 1);
  if (first == "deadline") return on_one_line(form(language, "until {}", "截止 {}", rest), kGapColumns);
  if (first == "unreadable")
    return on_one_line(form(language, "cannot be read ({})", "无法读取({})", rest), kGapColumns);
  for (std::size_t f = 0; f < kStatusFields; ++f) {
    const auto field = static_cast<StatusField>(f);
    if (first != platform_name(field)) continue;
    const auto became = rest.find(" > ");
    if (became == rest.npos) return code_word(field, rest, language);
    return fmt::format("{}: {} → {}", word(field, language), code_word(field, rest.substr(0, became), language),
                       code_word(field, rest.substr(became + 3), language));
  }
  return on_one_line(what, kGapColumns);
}

std::string grouped(std::uint64_t number) {
  std::string out = std::to_string(number);
  for (std::size_t at = out.size(); at > 3;) out.insert(at -= 3, ",");
  return out;
}

std::string windows_sentence(const sync::NightSummary& night, Language language) {
  std::string out = fmt::format("{} / {}", grouped(night.windows_done), grouped(night.windows));
  if (const std::uint64_t empty = sums(night).windows_told_empty; empty > 0)
    out += form(language, "; {} empty by the platform's totals", ";平台汇总为空 {} 个", grouped(empty));
  if (night.windows_left_out > 0)
    out += form(language, "; {} long empty, not asked tonight", ";长期为空、本夜未查 {} 个",
                grouped(night.windows_left_out));
  return out;
}

std::string audit_sentence(const sync::Audit& audit, Language language) {
  if (!audit.at.is_set()) return std::string(pick(language, "not made", "未进行"));
  std::string out =
      form(language, "{} orders and {} signatures of the key host, {} kept; {} reds issued, {} listed; ",
           "介质服务指令 {}、签名 {},本系统保存 {};已开红字 {},清单红字 {};", grouped(audit.orders),
           grouped(audit.signatures), grouped(audit.kept), grouped(audit.reds), grouped(audit.foreign_looked));
  if (audit.unaudited)
    out += pick(language, "the key host's log was not read", "未能读取介质服务日志");
  else if (audit.gaps == 0)
    out += pick(language, "nothing missing", "无缺口");
  else
    out += form(language, "{} gaps", "缺口 {} 处", grouped(audit.gaps));
  return out;
}

std::string gap_sentence(const sync::AuditGap& gap, Language language) {
  return on_one_line(message_text(gap.error, language), kGapColumns);
}

std::string gap_remedy(const sync::AuditGap& gap, Language language) {
  return on_one_line(remedy_text(gap.error, language), kGapColumns);
}

std::string left_sentence(const sync::NightSummary& night, Language language) {
  const Left left = left_of(night);
  std::string what = left.windows == 0   ? std::string(pick(language, "nothing", "无"))
                     : left.records == 0 ? form(language, "{} windows", "{} 个时间段", grouped(left.windows))
                                         : form(language, "{} windows, about {} invoices", "{} 个时间段,约 {} 张发票",
                                                grouped(left.windows), grouped(left.records));
  switch (night.state) {
    case sync::NightState::running:
      if (night.expected_finish.is_set())
        what += form(language, "; expected to be done at {}", ";预计 {} 完成", night.expected_finish.platform_text());
      break;
    case sync::NightState::paused:
      what += pick(language, "; goes on by itself", ";将自动继续");
      break;
    case sync::NightState::waiting_approval:
      what += form(language, "; a person decides: taxgate sync approve {}", ";待批准后写入:taxgate sync approve {}",
                   night.run);
      break;
    case sync::NightState::incomplete:
      what += pick(language, "; goes on next night", ";下一夜继续");
      break;
    case sync::NightState::failed:
      what += pick(language, "; it does not go on by itself", ";不会自动继续");
      break;
    case sync::NightState::right:
    case sync::NightState::attention:
      break;
  }
  return what;
}

}  // namespace taxgate::report
