#include "daemon/api/metrics.h"

#include <fmt/format.h>

#include <map>
#include <memory>
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

void disks(Families& out, const v1::Status& status) {
  const auto each = [&status](auto act) {
    for (const auto& key : status.keys())
      for (const auto& type : key.disk().types())
        act(type, Labels{{"serial", key.serial()}, {"taxpayer", key.taxpayer()}, {"type", type.type()}});
  };
  out.family("disk_issuing_stops_seconds", "gauge", "When the tax disk stops issuing the type, seconds since 1970.");
  each([&out](const v1::DiskTypeInfo& type, const Labels& labels) {
    for (const auto& end : type.forecasts()) {
      const auto at = LegalTime::parse(end.at());
      if (!at || end.code() == "disk.end_report_window") continue;
      out.value(at->ms / 1000, labels);
      return;  // the soonest
    }
  });
  out.family("disk_lock_date_seconds", "gauge", "Lock date of the tax disk for the type, seconds since 1970.");
  each([&out](const v1::DiskTypeInfo& type, const Labels& labels) {
    if (const auto at = LegalTime::parse(type.lock_date()); at && !type.lock_date().empty())
      out.value(at->ms / 1000, labels);
  });
  out.family("disk_numbers_left", "gauge", "Numbers left in the tax disk's volumes of the type.");
  each([&out](const v1::DiskTypeInfo& type, const Labels& labels) {
    if (!type.numbers_left().empty()) out.value(type.numbers_left(), labels);
  });
}

void night(Families& out, const v1::SyncStatus& sync) {
  out.family("sync_active", "gauge", "1 while a night is under way.");
  out.value(sync.active() ? 1 : 0);
  out.time("sync_next_seconds", "When the next night begins, seconds since 1970.", sync.next_at());
  if (!sync.has_run()) return;
  const v1::SyncRun& run = sync.run();
  std::uint64_t changed = 0, added = 0, quarantined = 0;
  for (const auto& taxpayer : run.taxpayers()) {
    changed += taxpayer.changed();
    added += taxpayer.added();
    quarantined += taxpayer.quarantined();
  }
  out.time("sync_started_seconds", "Start of the last night, seconds since 1970.", run.started_at());
  out.time("sync_finished_seconds", "End of the last night, seconds since 1970.", run.finished_at());
  out.family("sync_state", "gauge", "1 for the state of the last night.");
  for (const std::string_view state :
       {"running", "paused", "waiting_approval", "right", "attention", "incomplete", "failed"})
    out.value(run.state() == state ? 1 : 0, {{"state", state}});
  const auto figure = [&out](std::string_view name, std::string_view help, std::uint64_t value) {
    out.family(name, "gauge", help);
    out.value(value);
  };
  figure("sync_exit_code", "Of the last night: 0 right, 1 attention, 2 incomplete, 3 failed.", run.exit_code());
  figure("sync_windows", "Windows of the last night.", run.windows());
  figure("sync_windows_done", "Windows of the last night that are done.", run.windows_done());
  figure("sync_records", "Records the last night has seen.", run.records());
  figure("sync_changed", "Invoices whose status the last night changed.", changed);
  figure("sync_added", "Invoices the last night added.", added);
  figure("sync_quarantined", "Records the last night did not believe.", quarantined);
  figure("sync_calls", "Calls the last night made.", run.calls());
}

}  // namespace

std::string metrics_text(const v1::Status& status, const v1::SyncStatus* sync) {
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
  disks(out, status);
  std::map<std::string_view, std::uint64_t> troubles;
  for (const auto& trouble : status.troubles()) ++troubles[trouble.code()];
  out.family("troubles", "gauge", "Troubles the status tells, by code.");
  for (const auto& [code, count] : troubles) out.value(count, {{"code", code}});
  if (sync != nullptr) night(out, *sync);
  return out.take();
}

void handle_metrics(Call call) {
  auto shared = std::make_shared<Call>(std::move(call));
  shared->gateway.status(shared->caller, [shared](std::expected<v1::Status, Findings> status) mutable {
    if (!status) return shared->responder.respond(error_answer(status.error(), shared->settings.channel, Form::json));
    shared->gateway.sync_status(
        shared->caller, [shared, status = std::move(*status)](std::expected<v1::SyncStatus, Findings> sync) mutable {
          HttpResponse response;
          response.content_type = kMetricsType;
          response.body = metrics_text(status, sync ? &*sync : nullptr);
          shared->responder.respond(std::move(response));
        });
  });
}

}  // namespace taxgate::api
