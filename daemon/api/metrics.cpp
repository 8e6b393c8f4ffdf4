#include "daemon/api/metrics.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/api/handlers.h"
#include "protocol/legal_time.h"
#include "protocol/states.h"

namespace taxgate::api {
namespace {

using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

/// Label values may hold anything; three characters would end them.
std::string label_value(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

class Families {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    out_ += fmt::format("# HELP taxgate_{} {}\n# TYPE taxgate_{} {}\n", name, help, name, type);
  }
  template <class Number>
  void value(Number number, const Labels& labels = {}) {
    out_ += fmt::format("taxgate_{}", name_);
    for (std::size_t i = 0; i < labels.size(); ++i)
      out_ += fmt::format("{}{}=\"{}\"", i == 0 ? "{" : ",", labels[i].first, label_value(labels[i].second));
    out_ += fmt::format("{} {}\n", labels.empty() ? "" : "}", number);
  }
  /// Seconds since 1970, when the text is a time.
  void time(std::string_view name, std::string_view help, std::string_view rfc3339) {
    const auto at = LegalTime::parse(rfc3339);
    if (rfc3339.empty() || !at) return;
    family(name, "gauge", help);
    value(at->ms / 1000);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
  std::string_view name_;
};

void submissions(Families& out, const v1::Status& status) {
  // Every state is there from the start: a series that appears only with its first trouble cannot be watched for
  // change.
  std::map<std::string_view, std::uint64_t> counts;
  for (const StateFacts& facts : states()) counts[facts.name] = 0;
  for (const auto& state : status.states()) counts[state.state()] = state.count();
  out.family("submissions", "gauge", "Submissions by state.");
  for (const auto& [state, count] : counts) out.value(count, {{"state", state}});
}

void holds(Families& out, const v1::Status& status) {
  std::map<std::string_view, std::uint64_t> by_taxpayer;
  for (const auto& hold : status.holds()) ++by_taxpayer[hold.taxpayer()];
  out.family("holds", "gauge", "Holds in force.");
  out.value(status.holds_size());
  out.family("taxpayer_held", "gauge", "1 while a taxpayer's work is held.");
  for (const auto& [taxpayer, count] : by_taxpayer) out.value(1, {{"taxpayer", taxpayer}});
}

void keys(Families& out, const v1::Status& status) {
  out.family("key_host_connected", "gauge", "1 while taxgate-keyd is connected.");
  out.value(status.key_host_connected() ? 1 : 0);
  out.family("key_ready", "gauge", "1 while the tax key can sign.");
  for (const auto& key : status.keys())
    out.value(key.state() == "ready" ? 1 : 0, {{"serial", key.serial()}, {"taxpayer", key.taxpayer()}});
  out.family("key_pin_tries_left", "gauge", "Wrong PINs the tax key still takes.");
  for (const auto& key : status.keys())
    out.value(key.pin_tries_left(), {{"serial", key.serial()}, {"taxpayer", key.taxpayer()}});
  out.family("key_certificate_expires_seconds", "gauge", "End of the certificate's validity, seconds since 1970.");
  for (const auto& key : status.keys())
    if (const auto end = LegalTime::parse(key.valid_until()); end && !key.valid_until().empty())
      out.value(end->ms / 1000, {{"serial", key.serial()}, {"taxpayer", key.taxpayer()}});
  out.family("key_signatures_total", "counter", "Signatures the tax key has made.");
  for (const auto& key : status.keys())
    out.value(key.signed_count(), {{"serial", key.serial()}, {"taxpayer", key.taxpayer()}});
}

}  // namespace

std::string metrics_text(const v1::Status& status) {
  Families out;
  out.family("info", "gauge", "Version and channel.");
  out.value(1, {{"version", status.version()}, {"channel", status.channel()}});
  out.family("health", "gauge", "1 for the health that is.");
  for (const std::string_view health : {"well", "attention", "failing"})
    out.value(status.health() == health ? 1 : 0, {{"health", health}});
  out.time("start_time_seconds", "Start of the daemon, seconds since 1970.", status.started_at());
  out.time("legal_time_seconds", "The daemon's legal time, seconds since 1970.", status.legal_time());
  submissions(out, status);
  out.time("oldest_queued_seconds", "When the oldest queued submission came, seconds since 1970.",
           status.oldest_queued_at());
  out.time("next_deadline_seconds", "The next deadline of a form or a month, seconds since 1970.",
           status.next_deadline());
  holds(out, status);
  keys(out, status);
  std::map<std::string_view, std::uint64_t> troubles;
  for (const auto& trouble : status.troubles()) ++troubles[trouble.code()];
  out.family("troubles", "gauge", "Troubles the status tells, by code.");
  for (const auto& [code, count] : troubles) out.value(count, {{"code", code}});
  return out.take();
}

void handle_metrics(Call call) {
  Reply<v1::Status> reply = [responder = call.responder, &settings = call.settings](auto status) mutable {
    if (!status) return responder.respond(error_answer(status.error(), settings.channel, Form::json));
    HttpResponse response;
    response.content_type = kMetricsType;
    response.body = metrics_text(*status);
    responder.respond(std::move(response));
  };
  call.gateway.status(std::move(call.caller), std::move(reply));
}

}  // namespace taxgate::api
