#include "protocol/states.h"

#include <array>

#include "protocol/text.h"

namespace taxgate {
namespace {

// "outcome_unknown" may follow only a durable "sending": nothing else can have reached the platform.
constexpr std::array<StateFacts, kStateCount> kStates{{
    {State::queued, "queued", "queued", "排队中", false, "signing held waiting_approval refused cancelled attention"},
    {State::waiting_approval, "waiting_approval", "waiting for approval", "待审批", false, "queued refused cancelled"},
    {State::held, "held", "on hold", "暂停", false, "queued confirmed cancelled refused attention"},
    {State::signing, "signing", "being signed", "签名中", false, "ready queued held refused cancelled attention"},
    {State::ready, "ready", "signed, ready to send", "已签名,待发送", false,
     "sending queued held cancelled attention issued void confirmed"},
    {State::sending, "sending", "being sent", "发送中", false,
     "ready outcome_unknown waiting_counterparty confirmed processing issued void refused done attention"},
    {State::outcome_unknown, "outcome_unknown", "outcome unknown: being checked, do not submit again",
     "结果待核实(系统正在查询,请勿重复提交)", false,
     "ready waiting_counterparty confirmed processing issued void refused done attention"},
    {State::waiting_counterparty, "waiting_counterparty", "waiting for the other party", "待对方确认", false,
     "confirmed issued void attention"},
    {State::confirmed, "confirmed", "confirmed, red invoice not yet issued", "已确认,待开具红字发票", false,
     "signing issued void attention held"},
    {State::processing, "processing", "upload taken, result awaited", "上传处理中", false,
     "issued confirmed outcome_unknown void attention"},
    {State::attention, "attention", "needs attention", "待人工处理", false,
     "queued ready outcome_unknown waiting_counterparty confirmed processing issued void refused cancelled done"},
    {State::issued, "issued", "red invoice issued", "红字发票已开具", true, ""},
    {State::void_, "void", "form void", "已作废", true, ""},
    {State::refused, "refused", "refused", "已拒绝", true, ""},
    {State::cancelled, "cancelled", "cancelled before sending", "已取消(未发送)", true, ""},
    {State::done, "done", "answer taken by the platform", "已完成", true, ""},
}};
constexpr std::array<std::string_view, 3> kSteps{"apply", "upload", "answer"};
constexpr std::array<std::string_view, 4> kKinds{"red", "confirm", "deny", "revoke"};

template <class E, std::size_t N>
std::optional<E> named(const std::array<std::string_view, N>& names, std::string_view wanted) {
  for (std::size_t i = 0; i < N; ++i)
    if (names[i] == wanted) return static_cast<E>(i);
  return std::nullopt;
}

}  // namespace

std::span<const StateFacts> states() { return kStates; }
const StateFacts& facts(State state) { return kStates[static_cast<std::size_t>(state)]; }
std::string_view name(State state) { return facts(state).name; }
std::string_view name(Step step) { return kSteps[static_cast<std::size_t>(step)]; }
std::string_view name(Kind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

std::optional<State> state_named(std::string_view wanted) {
  for (const auto& s : kStates)
    if (s.name == wanted) return s.state;
  return std::nullopt;
}
std::optional<Step> step_named(std::string_view wanted) { return named<Step>(kSteps, wanted); }
std::optional<Kind> kind_named(std::string_view wanted) { return named<Kind>(kKinds, wanted); }

bool allowed(State from, State to) { return has_word(facts(from).next, name(to)); }

}  // namespace taxgate
