#include "simulator/demo/day.h"

#include <fmt/format.h>

#include <cstdio>
#include <thread>

namespace taxgate::simulator {

void Day::say(const std::string& what, const std::string& text) {
  if (quiet_) return;
  fmt::print("{:7.2f}  {:<22} {}\n", seconds(), what, text);
  std::fflush(stdout);
}

double Day::seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count(); }

void Day::submit(Entry& entry) {
  Result<api::v1::Submission> answer;
  // A billing server repeats what got no answer, with the same key: that is what the key is for.
  for (int attempt = 0; attempt < 40; ++attempt) {
    answer = stand_.submit(entry.c->request);
    if (answer || (answer.error().code != Errc::retry_later && answer.error().code != Errc::outcome_unknown)) break;
    ++repeated_;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  if (!answer) {
    entry.state = "refused";
    entry.refusal = answer.error().id;
    say("refused", fmt::format("{}  {}  {}", entry.c->blue.number, answer.error().id, entry.c->label));
    return;
  }
  entry.id = answer->id();
  entry.state = answer->state();
  track(entry);
  ++accepted_;
  say("accepted", fmt::format("{}  {} / {}  {}{}", entry.c->blue.number, answer->amount(), answer->tax(),
                              entry.c->label, entry.trouble.empty() ? "" : "  [" + entry.trouble + "]"));
}

void Day::hear(std::chrono::milliseconds wait) {
  auto list = stand_.call<api::v1::EventList>(
      "GET", fmt::format("/v1/events?limit=500{}{}", cursor_.empty() ? "" : "&after=" + cursor_,
                         wait.count() >= 1000 ? "&wait=1" : ""));
  if (!list) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return;
  }
  for (const auto& event : list->events()) {
    const auto known = by_id_.find(event.submission());
    if (known == by_id_.end()) continue;
    Entry& entry = entries_[known->second];
    if (event.state() == entry.state || event.state().empty()) continue;
    entry.state = event.state();
    const bool quiet_step = entry.state == "queued" || entry.state == "signing" || entry.state == "ready" ||
                            entry.state == "sending" || entry.state == "processing";
    if (!quiet_step) say(entry.state, fmt::format("{}  {}", event.blue_number(), event.detail()));
  }
  cursor_ = list->next();
  if (list->events().empty() && wait.count() > 0 && wait.count() < 1000) std::this_thread::sleep_for(wait);
}

bool Day::settled(const Entry& entry) const {
  return entry.state == "issued" || entry.state == "void" || entry.state == "refused" || entry.state == "cancelled" ||
         entry.state == "done" || entry.state == "attention";
}

bool Day::hear_until(const std::function<bool()>& done, std::chrono::milliseconds within) {
  const auto until = std::chrono::steady_clock::now() + within;
  while (!done()) {
    if (std::chrono::steady_clock::now() >= until) return false;
    hear(std::chrono::milliseconds(25));
  }
  return true;
}

}  // namespace taxgate::simulator
