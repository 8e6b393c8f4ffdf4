// `taxgate doctor`: what on this machine keeps submissions from going through. `taxgate selftest`: one submission with
// the time of each step.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <chrono>

#include "cli/commands.h"
#include "cli/doctor/finding.h"
#include "cli/render.h"
#include "protocol/legal_time.h"
#include "protocol/sync.pb.h"

namespace taxgate::cli {
namespace {

using doctor::Finding;
using doctor::Severity;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kTaxgatedFile = "/etc/taxgate/taxgated.toml";
constexpr std::string_view kKeydFile = "/etc/taxgate/keyd.toml";
// A form that nobody else has to confirm is issued within seconds; the platform's own queue may take a minute.
constexpr std::chrono::seconds kSelftestTime{90};
constexpr std::chrono::seconds kTestPoll{5};

std::string_view code(Severity severity) {
  return severity == Severity::failing ? "failing" : severity == Severity::attention ? "attention" : "note";
}

std::string word(const Screen& screen, const Finding& one) {
  if (one.fixed) return screen.pick("fixed", "已修复");
  switch (one.severity) {
    case Severity::failing:
      return screen.pick("failing", "故障");
    case Severity::attention:
      return screen.pick("attention", "注意");
    default:
      return screen.pick("note", "提示");
  }
}

std::string json_of(const Finding& one) {
  return boost::json::serialize(boost::json::object{{"id", one.error.id},
                                                    {"severity", code(one.severity)},
                                                    {"field", one.error.field},
                                                    {"found", one.error.wanted},
                                                    {"wanted", one.error.left},
                                                    {"message", message_text(one.error, Language::english)},
                                                    {"message_zh", message_text(one.error, Language::chinese)},
                                                    {"remedy", remedy_text(one.error, Language::english)},
                                                    {"remedy_zh", remedy_text(one.error, Language::chinese)},
                                                    {"fixable", one.fix != nullptr},
                                                    {"fixed", one.fixed}});
}

void show(const Session& session, const Finding& one) {
  const Screen& screen = session.screen();
  if (screen.json) return session.say(json_of(one) + "\n");
  std::string text =
      fmt::format("{}  {}  [{}]\n", word(screen, one), message_text(one.error, screen.language), one.error.id);
  if (const auto remedy = remedy_text(one.error, screen.language); !remedy.empty() && !one.fixed)
    text += fmt::format("    → {}\n", remedy);
  session.say(text);
}

}  // namespace

Exit run_doctor(Session& session) {
  const auto& given = session.given();
  doctor::Scene scene;
  scene.root = given.value("--root");
  scene.taxgated_file = given.value("--config", scene.at(kTaxgatedFile));
  scene.keyd_file = given.value("--keyd-config", scene.at(kKeydFile));
  if (auto keys = session.get<api::v1::KeyList>("/v1/keys"))
    scene.keys = std::move(*keys);
  else
    scene.unreachable = Error{Errc::retry_later, keys.error().body.code(), {}, keys.error().body.wanted(), {}, {}};

  auto findings = doctor::examine(scene);
  doctor::Findings more;
  if (given.has("--fix"))
    for (auto& one : findings) {
      if (!one.fix) continue;
      if (const auto done = one.fix())
        one.fixed = true;
      else
        more.push_back({one.severity, done.error()});
    }
  findings.insert(findings.end(), more.begin(), more.end());
  for (const auto& one : findings) show(session, one);
  const int worst = doctor::exit_code(findings);
  if (!session.screen().json) {
    std::size_t open = 0, fixed = 0;
    for (const auto& one : findings) (one.fixed ? fixed : open) += one.severity == Severity::note ? 0 : 1;
    session.say(fmt::format("{} {}, {} {}\n", open, session.screen().pick("open", "项待处理"), fixed,
                            session.screen().pick("fixed", "项已修复")));
  }
  return worst == 0 ? Exit::ok : worst == 1 ? Exit::attention : Exit::refused;
}

Exit run_sync_preflight(Session& session) {
  auto found = session.get<api::v1::SyncPreflight>("/v1/sync/preflight");
  if (!found) return session.report(found.error());
  doctor::Findings findings;
  for (const auto& f : found->findings())
    findings.push_back({f.failing() ? Severity::failing : Severity::attention,
                        {Errc::invalid_input, f.code(), f.field(), f.wanted(), f.left(), {}}});
  // Certificate files with the eyes of this side, with the configuration in reach; once when the daemon said it too.
  doctor::Scene scene;
  scene.taxgated_file = session.given().value("--config", std::string(kTaxgatedFile));
  if (auto config = load_config(scene.taxgated_file)) {
    scene.config = std::move(*config);
    doctor::Findings here;
    doctor::check_certificate_files(scene, here);
    for (auto& one : here)
      if (std::ranges::none_of(findings, [&](const Finding& known) {
            return known.error.id == one.error.id && known.error.field == one.error.field;
          }))
        findings.push_back(std::move(one));
  }
  for (const auto& one : findings) show(session, one);
  if (findings.empty() && !session.screen().json)
    session.answer(session.screen().pick("Everything stands for the night until ", "夜间同步条件齐备,时段终点:") +
                   short_time(found->window_end()) + "\n");
  const int worst = doctor::exit_code(findings);
  return worst == 0 ? Exit::ok : worst == 1 ? Exit::attention : Exit::refused;
}

namespace {

std::int64_t ms_since(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
}

/// One row: a step, how long it took, "ok" or the error's code.
class Steps {
 public:
  explicit Steps(const Session& session) : session_(session) {}
  void add(std::string_view step, std::int64_t ms, std::string_view result, std::string_view reference = {}) {
    if (session_.screen().json)
      session_.say(boost::json::serialize(
                       boost::json::object{{"step", step}, {"ms", ms}, {"result", result}, {"reference", reference}}) +
                   "\n");
    else
      session_.say(fmt::format("{:>9} ms  {:<24} {}  {}\n", ms, step, result, reference));
  }

 private:
  const Session& session_;
};

}  // namespace

Exit run_selftest(Session& session) {
  const auto& given = session.given();
  for (const char* needed : {"--seller", "--blue"})
    if (!given.has(needed))
      return session.report(failed({Errc::invalid_input, "cli.missing_argument", "selftest", needed, {}, {}}));
  std::chrono::seconds patience = kSelftestTime;
  if (given.has("--wait")) {
    const std::string text = given.value("--wait");
    int seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc{} || end != text.data() + text.size() || seconds < 1)
      return session.report(failed({Errc::invalid_input, "cli.number", "--wait", text, {}, {}}));
    patience = std::chrono::seconds(seconds);
  }

  Steps steps(session);
  auto start = Clock::now();
  const auto status = session.get<api::v1::Status>("/v1/status");
  if (!status) {
    steps.add("daemon", ms_since(start), status.error().body.code());
    return session.report(status.error());
  }
  // Only what is known to be no real business: a channel of another name is refused as well.
  if (status->channel() != "simulator" && status->channel() != "sandbox")
    return session.report(failed({Errc::rejected,
                                  "selftest.production",
                                  "channel",
                                  session.screen().pick(status->channel(), status->channel_zh()),
                                  {},
                                  {}}));
  if (!session.screen().json) session.answer("");
  steps.add("daemon", ms_since(start), "ok", status->version());

  start = Clock::now();
  const auto keys = session.get<api::v1::KeyList>("/v1/keys");
  if (!keys) {
    steps.add("keys", ms_since(start), keys.error().body.code());
    return session.report(keys.error());
  }
  int ready = 0;
  for (const auto& key : keys->keys()) ready += key.state() == "ready" ? 1 : 0;
  steps.add("keys", ms_since(start), keys->key_host_connected() ? "ok" : "key.host_down",
            fmt::format("{} ready", ready));

  api::v1::SubmissionRequest request;
  request.set_idempotency_key(
      given.value("--key", fmt::format("selftest-{}", std::chrono::system_clock::now().time_since_epoch().count())));
  request.set_seller(given.value("--seller"));
  request.set_blue_number(given.value("--blue"));
  request.set_reason(given.value("--reason", "01"));
  start = Clock::now();
  auto submission = session.post<api::v1::Submission>("/v1/submissions", request);
  if (!submission) {
    steps.add("accept", ms_since(start), submission.error().body.code());
    return session.report(submission.error());
  }
  steps.add("accept", ms_since(start), "ok", submission->id());

  const auto until = Clock::now() + patience;
  int shown = 0;
  std::int64_t last_ms = 0;
  for (;;) {
    std::string target = "/v1/submissions/" + encoded(submission->id());
    auto view = session.get<api::v1::Submission>(target);
    if (!view) return session.report(view.error());
    for (; shown < view->timeline_size(); ++shown) {
      const auto& entry = view->timeline(shown);
      const auto at = LegalTime::parse(entry.at());
      const std::int64_t ms = at ? at->ms : last_ms;
      steps.add(entry.event(), last_ms == 0 ? 0 : ms - last_ms, entry.state(), entry.reference());
      last_ms = ms;
    }
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(until - Clock::now());
    const bool stuck = view->state() == "attention" || view->state() == "held" || view->state() == "waiting_approval";
    if (view->final() || stuck || left.count() < 1) {
      const bool good = view->final() && view->error().code().empty();
      steps.add(view->state(), ms_since(start),
                good                           ? "ok"
                : view->error().code().empty() ? "not final"
                                               : view->error().code(),
                view->red_number());
      return good ? Exit::ok : Exit::attention;
    }
    const auto wait = std::min(left, kTestPoll);
    add_query(target, "wait", std::to_string(wait.count()));
    add_query(target, "seen", view->state());
    if (auto changed = session.get<api::v1::Submission>(target, wait); !changed) return session.report(changed.error());
  }
}

}  // namespace taxgate::cli
