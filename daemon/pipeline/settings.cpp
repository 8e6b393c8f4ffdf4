#include "daemon/pipeline/settings.h"
#include "daemon/core/certificate_files.h"

#include <algorithm>

#include "daemon/core/config.h"

namespace taxgate::pipeline {

namespace {

rules::SellerKind kind_of(const std::vector<Track>& tracks) {
  const bool form = std::ranges::find(tracks, Track::confirmation_form) != tracks.end();
  const bool table = std::ranges::find(tracks, Track::information_table) != tracks.end();
  if (form && table) return rules::SellerKind::both;
  return form    ? rules::SellerKind::all_digital_only
         : table ? rules::SellerKind::tax_device_only
                 : rules::SellerKind::unknown;
}

}  // namespace

Result<Settings> settings_from(const Config& config) {
  Settings s;
  s.channel = std::string(name(config.channel));
  s.lab = config.lab;
  for (const auto& t : config.taxpayers)
    s.taxpayers[t.id] = {.id = t.id,
                         .name = t.name,
                         .issue = t.issue == IssueMode::upload ? Issue::upload : Issue::automatic,
                         .kind = kind_of(t.tracks),
                         .org_unit = t.org_unit,
                         .tax_device = {}};
  for (const auto& device : config.tax_devices) {
    s.tax_devices[device.number] = device.keys;
    // Whoever has one device means it.
    auto& its = s.taxpayers[device.taxpayer].tax_device;
    its =
        std::ranges::count(config.tax_devices, device.taxpayer, &Config::TaxDevice::taxpayer) == 1 ? device.number : "";
  }
  s.settle_ms = config.platform.settle_ms;
  s.retry_first_ms = config.queue.retry_first_ms;
  s.retry_max_ms = config.queue.retry_max_ms;
  s.jitter_percent = config.queue.jitter_percent;
  s.poll_unknown_ms = config.queue.poll_unknown_ms;
  s.poll_form_ms = config.queue.poll_form_ms;
  s.poll_issue_ms = config.queue.poll_form_ms;
  s.poll_upload_ms = config.queue.poll_upload_ms;
  s.poll_inbox_ms = config.queue.poll_inbox_ms;
  s.warn_deadline_ms = config.queue.warn_before_ms;
  s.filing_day = config.queue.filing_day;
  s.sign_deadline_ms = static_cast<int>(config.keys.deadline_ms);
  s.max_resends = config.queue.retry_budget;
  s.max_active = static_cast<int>(config.queue.active_set);
  s.state_dir = config.state_dir;
  s.certificate_files = certificate_files_of(config);
  s.sync = config.sync;
  s.calls = platform::limits_from(config);
  s.upload_serial_prefix = config.platform.using_unit + config.platform.access_unit;
  // The configuration's bounds are rows of the rules' table of approvals; the tables file may name others instead.
  s.codes.approvals.clear();
  if (config.approval.amount) s.codes.approvals.emplace_back().amount = config.approval.amount;
  if (config.approval.share) s.codes.approvals.emplace_back().share = config.approval.share;
  // rules.md C: messages the platform gives when a form already stands, and codes that stop a taxpayer's business.
  s.busy_texts = {"存在进行中的红字确认单", "没有可红冲的金额"};
  s.hold_codes = {{"31022", "risk_information"}, {"31120", "high_risk"}, {"31121", "red_alert"}};
  if (auto ok = load_tables(config.rules.tables_file, s); !ok) return std::unexpected(ok.error());
  return s;
}

}  // namespace taxgate::pipeline
