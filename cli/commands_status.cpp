// Looking at the whole: status, keys, holds, events, the ledger.
#include <charconv>

#include "cli/commands.h"
#include "cli/render.h"

namespace taxgate::cli {
namespace {

constexpr std::chrono::seconds kEventsPoll{30};
// Lending waits for the signature under way; the daemon answers within this.
constexpr std::chrono::seconds kLending{20};

/// "90s", "10m", "2h" in seconds; 0: none of these.
std::uint32_t seconds_of(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const std::uint32_t seconds = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
  constexpr std::uint32_t kMost = 24 * 3600;  // the daemon knows the real bound; here only nothing may overflow
  return ec == std::errc{} && number <= kMost ? number * seconds : 0;
}

bool disk_needs_a_person(const api::v1::KeyInfo& key) {
  for (const auto& type : key.disk().types())
    for (const auto& end : type.forecasts())
      if (!end.level().empty()) return true;
  return false;
}

Exit lend(Session& session, const char* action, const api::v1::LeaseRequest& request) {
  const auto keys =
      session.ask<api::v1::KeyList>({.method = "POST",
                                     .target = "/v1/keys/" + encoded(session.given().positionals[0]) + "/" + action,
                                     .body = to_json(request),
                                     .idempotency_key = {},
                                     .wait = kLending});
  if (!keys) return session.report(keys.error());
  if (!session.json(*keys)) session.answer(keys_text(session.screen(), *keys));
  return Exit::ok;
}

}  // namespace

Exit run_status(Session& session) {
  const auto status = session.get<api::v1::Status>("/v1/status");
  if (!status) {
    // A monitor knows three answers: a daemon that cannot be asked is failing.
    session.report(status.error());
    return Exit::refused;
  }
  if (!session.json(*status)) {
    session.answer(status_text(session.screen(), *status));
  }
  if (status->health() == "well") return Exit::ok;
  return status->health() == "attention" ? Exit::attention : Exit::refused;
}

Exit run_keys(Session& session) {
  const auto keys = session.get<api::v1::KeyList>("/v1/keys");
  if (!keys) return session.report(keys.error());
  if (!session.json(*keys)) {
    session.answer(keys_text(session.screen(), *keys));
  }
  for (const auto& key : keys->keys())
    if (key.state() != "ready" || disk_needs_a_person(key)) return Exit::attention;
  return keys->key_host_connected() ? Exit::ok : Exit::attention;
}

Exit run_keys_lease(Session& session) {
  api::v1::LeaseRequest request;
  const std::string time = session.given().value("--for");
  request.set_seconds(seconds_of(time));
  request.set_reason(session.given().value("--reason"));
  if (request.seconds() == 0)
    return session.report(failed({Errc::invalid_input, "cli.option_value", "--for", "--for", "90s, 10m, 2h", {}}));
  return lend(session, "lease", request);
}

Exit run_keys_release(Session& session) { return lend(session, "release", {}); }

Exit run_holds(Session& session) {
  const auto holds = session.get<api::v1::HoldList>("/v1/holds");
  if (!holds) return session.report(holds.error());
  if (!session.json(*holds)) session.answer(holds_text(session.screen(), *holds));
  return holds->holds().empty() ? Exit::ok : Exit::attention;
}

Exit run_events(Session& session) {
  const auto& given = session.given();
  const bool follow = given.has("--follow");
  std::string after = given.value("--after");
  for (bool first = true;; first = false) {
    std::string target = "/v1/events";
    add_query(target, "after", after);
    add_query(target, "limit", given.value("--limit"));
    add_query(target, "submission", given.value("--submission"));
    const auto wait = follow && !first ? kEventsPoll : std::chrono::seconds{0};
    if (wait.count() > 0) add_query(target, "wait", std::to_string(wait.count()));
    const auto list = session.get<api::v1::EventList>(target, wait);
    if (!list) return session.report(list.error());
    if (session.screen().json && follow) {
      for (const auto& event : list->events()) session.json(event);  // one event a line, for pipes
    } else if (!session.json(*list)) {
      const std::string text = events_text(session.screen(), *list);
      if (first)
        session.answer(text);
      else
        session.say(text);
      if (!follow && !list->next().empty() && !list->events().empty())
        session.say(session.screen().pick("from here on: --after ", "此后: --after ") + list->next() + "\n");
    }
    if (!follow) return Exit::ok;
    if (!list->next().empty())
      after = list->next();
    else if (!list->events().empty())
      after = list->events(list->events_size() - 1).cursor();
  }
}

Exit run_invoice(Session& session) {
  const auto invoice = session.get<api::v1::Invoice>("/v1/invoices/" + encoded(session.given().positionals[0]));
  if (!invoice) return session.report(invoice.error());
  if (!session.json(*invoice)) session.answer(invoice_text(session.screen(), *invoice));
  return Exit::ok;
}

}  // namespace taxgate::cli
