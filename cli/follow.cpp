#include "cli/follow.h"

#include <charconv>

#include "cli/render.h"

namespace taxgate::cli {
namespace {

constexpr std::chrono::seconds kPoll{
    30};  // half of the longest the daemon allows: a dead connection is noticed in time

// Nothing moves these on but a person.
bool stands_still(const api::v1::Submission& s) {
  return s.final() || s.state() == "attention" || s.state() == "waiting_approval";
}

}  // namespace

Result<std::chrono::seconds> wait_given(const Given& given) {
  const std::string text = given.value("--wait");
  if (text.empty()) return std::chrono::seconds{0};
  unsigned seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size())
    return fail(Errc::invalid_input, "cli.number", "--wait", text);
  return std::chrono::seconds{seconds};
}

Exit follow(Session& session, api::v1::Submission submission) {
  const auto limit = wait_given(session.given());
  if (!limit) return session.report(failed(limit.error()));
  const auto until = std::chrono::steady_clock::now() + *limit;
  std::uint64_t shown = 0;
  bool first = true, moved = false;
  while (true) {
    if (!session.json(submission)) {
      if (first) {
        session.answer(submission_brief(session.screen(), submission));
      }
      for (const auto& entry : submission.timeline())
        if (entry.seq() > shown) session.say(timeline_row(session.screen(), entry) + "\n");
    }
    for (const auto& entry : submission.timeline()) shown = std::max<std::uint64_t>(shown, entry.seq());
    first = false;
    if (stands_still(submission)) break;

    auto wait = kPoll;
    if (limit->count() > 0) {
      const auto left = std::chrono::duration_cast<std::chrono::seconds>(until - std::chrono::steady_clock::now());
      if (left.count() <= 0) break;
      wait = std::min(wait, left);
    }
    std::string target = "/v1/submissions/" + encoded(submission.id());
    add_query(target, "wait", std::to_string(wait.count()));
    add_query(target, "seen", submission.state());
    bool changed = false;
    while (!changed) {
      auto next = session.get<api::v1::Submission>(target, wait);
      if (!next) return session.report(next.error());
      moved = moved || next->state() != submission.state();
      changed =
          next->state() != submission.state() || next->timeline_size() != submission.timeline_size() || next->final();
      submission = std::move(*next);
      if (limit->count() > 0 && std::chrono::steady_clock::now() >= until) break;
    }
    if (!changed) break;
  }
  if (!session.screen().json && moved) session.say(submission_brief(session.screen(), submission));
  return wants_attention(submission) ? Exit::attention : Exit::ok;
}

}  // namespace taxgate::cli
