// Looking at the whole: status, keys, holds, events, the ledger.
#include "cli/commands.h"
#include "cli/render.h"

namespace taxgate::cli {
namespace {

constexpr std::chrono::seconds kEventsPoll{30};

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
    if (key.state() != "ready") return Exit::attention;
  return keys->key_host_connected() ? Exit::ok : Exit::attention;
}

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
