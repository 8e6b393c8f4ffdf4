#include "cli/words.h"

#include <span>

#include "protocol/invoice.h"
#include "protocol/states.h"

namespace taxgate::cli {
namespace {

struct Word {
  std::string_view code, english, chinese;
};

std::string word(const Screen& screen, std::span<const Word> words, std::string_view code) {
  for (const auto& w : words)
    if (w.code == code) return screen.pick(w.english, w.chinese);
  return std::string(code);
}

constexpr Word kTracks[] = {{"confirmation_form", "confirmation form", "红字确认单"},
                            {"information_table", "information table", "信息表"}};
constexpr Word kKinds[] = {{"red", "red invoice", "开具红字发票"},
                           {"confirm", "confirm a form", "确认红字确认单"},
                           {"deny", "deny a form", "否认红字确认单"},
                           {"revoke", "revoke a form", "撤销红字确认单"}};
constexpr Word kPurposes[] = {{"apply", "apply for a confirmation form", "申请红字确认单"},
                              {"table", "apply for an information table", "申请信息表"},
                              {"upload", "upload the red invoice", "上传红字发票"},
                              {"confirm", "confirm a form", "确认红字确认单"},
                              {"deny", "deny a form", "否认红字确认单"},
                              {"revoke", "revoke a form", "撤销红字确认单"},
                              {"", "unreadable", "无法读取"}};
constexpr Word kEvents[] = {
    {"accepted", "accepted", "已受理"}, {"state", "state", "状态变更"},     {"signed", "signed", "已签名"},
    {"sent", "sent", "已发送"},         {"queried", "asked", "已查询"},     {"note", "note", "备注"},
    {"hold", "hold", "暂停"},           {"release", "release", "解除暂停"}, {"deadline", "deadline near", "临近期限"},
    {"ledger", "ledger", "台账"}};
constexpr Word kHealth[] = {
    {"well", "well", "正常"}, {"attention", "needs attention", "待人工处理"}, {"failing", "failing", "故障"}};
// The English is the key host's own word, which docs/keyd.md explains.
constexpr Word kKeyStates[] = {{"ready", "ready", "就绪"},
                               {"opening", "opening", "打开中"},
                               {"pin_wrong", "pin_wrong", "口令错误"},
                               {"pin_last_try", "pin_last_try", "口令仅剩一次"},
                               {"locked", "locked", "已锁死"},
                               {"hung", "hung", "无响应"},
                               {"foreign", "foreign", "非指定机构证书"},
                               {"expired", "expired", "证书已到期"},
                               {"gone", "gone", "已拔出"},
                               {"no_pin", "no_pin", "未配置口令"},
                               {"duplicate", "duplicate", "重复"},
                               {"leased", "leased", "已借出"},
                               {"resting", "resting", "暂停使用"}};
constexpr Word kSides[] = {{"seller", "seller", "销售方"}, {"buyer", "buyer", "购买方"}};

}  // namespace

std::string state_word(const Screen& screen, std::string_view state) {
  const auto known = state_named(state);
  return known ? screen.pick(facts(*known).text, facts(*known).text_zh) : std::string(state);
}

std::string reason_word(const Screen& screen, std::string_view code) {
  const auto reason = parse_reason(code);
  if (!reason) return std::string(code);
  return std::string(reason_code(*reason)) + " " + std::string(reason_term(*reason, screen.chinese()));
}

std::string track_word(const Screen& screen, std::string_view track) { return word(screen, kTracks, track); }
std::string kind_word(const Screen& screen, std::string_view kind) { return word(screen, kKinds, kind); }
std::string purpose_word(const Screen& screen, std::string_view p) { return word(screen, kPurposes, p); }
std::string event_word(const Screen& screen, std::string_view event) { return word(screen, kEvents, event); }
std::string health_word(const Screen& screen, std::string_view health) { return word(screen, kHealth, health); }
std::string key_state_word(const Screen& screen, std::string_view state) { return word(screen, kKeyStates, state); }
std::string side_word(const Screen& screen, std::string_view side) { return word(screen, kSides, side); }

}  // namespace taxgate::cli
