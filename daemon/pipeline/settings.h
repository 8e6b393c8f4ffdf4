#pragma once
// What the pipeline needs of the configuration, already checked; swapped as a whole on reload.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/core/config.h"
#include "daemon/platform/settings.h"
#include "daemon/rules/calendar.h"
#include "daemon/rules/channel_codes.h"
#include "daemon/rules/rules.h"
#include "daemon/sync/transitions.h"
#include "protocol/decimal.h"
#include "protocol/error.h"

namespace taxgate::pipeline {

/// Who makes the red invoice once the form is confirmed (rules.md §0-6).
enum class Issue : std::uint8_t { automatic, upload };

struct TaxpayerSettings {
  std::string id, name;
  Issue issue = Issue::automatic;
  rules::SellerKind kind = rules::SellerKind::unknown;  // which tracks it issues on (R12)
  std::string org_unit;                                 // groups the night's reports
  std::string tax_device;                               // default 12-digit device number for information tables
};

struct Settings {
  std::string channel = "simulator";  // simulator, sandbox, production
  bool lab = false;
  std::map<std::string, TaxpayerSettings, std::less<>> taxpayers;
  std::int64_t settle_ms = 60'000;  // two answers "none" must lie this far apart before a resend
  std::int64_t retry_first_ms = 500, retry_max_ms = 60'000;
  int jitter_percent = 20;                // of every back-off, up or down
  std::int64_t poll_unknown_ms = 15'000;  // from silence to the first question
  std::int64_t poll_form_ms = 300'000;    // a form that waits for the counterparty
  std::int64_t poll_issue_ms = 30'000;    // a confirmed form whose red the platform issues
  std::int64_t poll_upload_ms = 5'000;    // asynchronous result of an upload
  std::int64_t poll_inbox_ms = 300'000;   // forms raised by counterparties
  std::int64_t warn_deadline_ms = 24LL * 3600 * 1000;
  int filing_day = 15;            // of the month; queue/deadlines.h
  int sign_deadline_ms = 10'000;  // one signature, from request to r‖s
  std::map<std::string, std::vector<std::string>, std::less<>>
      tax_devices;      // number → serials of the keys that may sign
  int max_resends = 5;  // then a person decides
  int max_active = 64;
  std::string state_dir;                       // the ledger's
  std::vector<std::string> certificate_files;  // core/certificate_files.h
  Config::Sync sync;                           // the night
  platform::Limits calls;                      // what the night plans with; the platform room holds them
  std::string upload_serial_prefix;            // 使用单位id+直连单位id, first part of ywlsh
  std::map<std::string, std::string, std::less<>> hold_codes;      // platform code → hold reason (operator data)
  rules::ChannelCodes channels = rules::ChannelCodes::defaults();  // operator data, see load_tables
  rules::Calendar calendar = rules::Calendar::defaults();          // the same
  rules::CodeTables codes;                                         // operator data, see load_tables
  sync::TransitionTable transitions;                               // the night's; operator data, see load_tables
  std::vector<std::string>
      busy_texts;  // platform messages that mean "a form already stands": ask before believing them
};

/// The pipeline's view of a loaded configuration, its tables file read. errors  invalid_input config.tables
Result<Settings> settings_from(const Config& config);
/// Overlays the operator's tables; an empty name changes nothing. errors  invalid_input config.tables
Result<void> load_tables(const std::string& file, Settings& settings);
const TaxpayerSettings* find_taxpayer(const Settings& settings, std::string_view id);

}  // namespace taxgate::pipeline
