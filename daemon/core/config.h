#pragma once
// The daemon's configuration: one TOML file, read once into a plain immutable value (docs/config.md has every key).
// Unknown keys, wrong types and values out of range are refused with file, line and key. Relative paths are relative to
// the configuration file's directory. Secrets are never in it: only names of files, or "credential:NAME" (files.h).
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/decimal.h"
#include "protocol/error.h"
#include "protocol/invoice.h"

namespace taxgate {

/// 渠道: 模拟 / 沙箱 / 生产
enum class Channel : std::uint8_t { simulator, sandbox, production };
std::string_view name(Channel channel);     // "simulator"
std::string_view name_zh(Channel channel);  // "模拟"

/// How a confirmed form becomes a red invoice.
enum class IssueMode : std::uint8_t { automatic, upload };  // "auto": the platform issues it; "upload": we do

struct Config {
  std::string file;  // where it was read from, absolute

  Channel channel = Channel::simulator;
  std::string state_dir;  // absolute; database, lock
  // Laboratory mode is never in the file: only the flag --lab sets it (apply_lab).
  bool lab = false;
  std::string lab_clock_file;

  struct Api {
    std::string socket;                     // empty: no Unix socket
    std::optional<std::uint16_t> tcp_port;  // loopback only; 0: any free port; unset: no listener
    std::string token_file;                 // required with tcp_port: token of the caller "local:token"
    std::optional<std::uint16_t> tls_port;  // mutual TLS on all addresses; 0: any; unset: none
    std::string tls_certificate, tls_key, tls_client_ca;
    std::size_t max_body_bytes = 1024 * 1024;  // one request body
    std::size_t max_pending = 8192;            // acceptances waiting for durability; beyond: 503 with Retry-After
    std::size_t max_connections = 1024;
  } api;

  struct Platform {
    std::string base_url;                // https://…; required, there is no default
    std::string ca_file;                 // PEM; empty: the system's store
    std::string profile = "leqi-shape";  // "leqi-shape": no signature travels; "signed": in signature_header
    std::string signature_header = "X-Taxgate-Envelope";
    std::string ability = "202007";       // nlbm
    std::string access_unit, using_unit;  // jrdwptbh, sydwptbh
    std::string test_case;                // ylbm, sandbox only
    std::int64_t connect_ms = 5'000, answer_ms = 30'000;
    std::int64_t settle_ms = 60'000;  // legal ms between two queries whose "none" counts as none
    int max_concurrent = 8;
    int calls_per_second = 20;
    std::int64_t calls_per_day = 100'000;
    std::int64_t calls_per_minute = 0, calls_per_hour = 0;  // 0: no such bound
  } platform;

  struct Taxpayer {
    std::string id, name;
    std::string sm4_key_file;  // 16 bytes, or 32 hexadecimal digits
    std::string org_unit;      // groups reports; empty: none
    IssueMode issue = IssueMode::upload;
    std::vector<Track> tracks{Track::confirmation_form, Track::information_table};
  };
  std::vector<Taxpayer> taxpayers;  // at least one; ids unique
  const Taxpayer* taxpayer(std::string_view id) const;

  /// A tax device by the number that stands in its documents. They are signed by one of its keys and by no other: the
  /// device itself, and those the operator declares equal to it.
  struct TaxDevice {
    std::string number, taxpayer;
    std::vector<std::string> keys;  // serials
  };
  std::vector<TaxDevice> tax_devices;  // numbers unique

  struct Keys {
    std::string socket;                 // of taxgate-keyd
    std::int64_t deadline_ms = 10'000;  // one signature, from request to r‖s
  } keys;

  struct Queue {
    std::int64_t retry_first_ms = 1'000;    // back-off: doubles from here …
    std::int64_t retry_max_ms = 300'000;    // … up to here,
    int jitter_percent = 20;                // ± this share,
    int retry_budget = 20;                  // then attention
    std::size_t active_set = 512;           // submissions in memory at a time; a quarter is kept for fresh work
    std::int64_t poll_form_ms = 60'000;     // waiting for the other party
    std::int64_t poll_upload_ms = 5'000;    // result of an upload
    std::int64_t poll_inbox_ms = 300'000;   // forms raised by others
    std::int64_t poll_unknown_ms = 15'000;  // first query after an unknown outcome
    std::int64_t warn_before_ms = 12 * 3'600'000LL;  // a deadline is announced this long before it passes
    int filing_day = 15;  // last day of the month on which the last month's return is filed; moved by nothing
  } queue;

  /// Reds at or above either bound wait for a person with the approver role. Unset: no approval.
  struct Approval {
    std::optional<Fen> amount;     // amount without tax, absolute
    std::optional<Decimal> share;  // of the blue invoice's amount, above 0 up to 1
  } approval;

  /// The night sync (docs/sync.md).
  struct Sync {
    int at = 3 * 60;     // minute of the day (+08:00) at which it begins; kNever: only when asked
    int until = 7 * 60;  // minute at which it gives way to the day
    static constexpr int kNever = -1;
    std::vector<std::string> types{"81", "82"};  // fplx that are listed
    std::string form = "json";                   // of the packages
    int months = 3;                              // listed every night
    int deep_months = 36;                        // of a first night; then one of the older ones a night
    int concurrency = 4;                         // windows under way at once
    int reserve_percent = 25;                    // of calls and connections: day work's alone
    std::int64_t poll_ms = 2'000;                // between two looks whether a list is ready
    int max_change_percent = 20;                 // of a taxpayer's known invoices that may change without a person
    std::int64_t max_change_floor = 1'000;       // and never held back below so many
    int sample = 20;                             // invoices asked for one by one at the end
  } sync;

  struct Webhook {
    std::string name, url, secret_file;
    std::string ca_file;              // https: trust only this PEM file; empty: the system's store
    std::vector<std::string> events;  // event types; empty: all; "submission.*" matches a prefix
  };
  std::vector<Webhook> webhooks;

  struct Rules {
    std::string tables_file;  // empty: the tables compiled in
  } rules;
};

/// errors  invalid_input file.missing/file.unreadable, config.syntax, config.unknown_key, config.type, config.range,
///         config.missing, config.duplicate, config.lab_key; `field` is "file:line: section.key"
Result<Config> load_config(const std::string& path);
/// The same from text; `path` is used for messages and relative paths.
Result<Config> parse_config(std::string_view text, const std::string& path);

/// --lab: only on the simulator's channel. errors  invalid_input config.lab_channel
Result<void> apply_lab(Config& config, const std::string& clock_file);

/// Keys (as "section.key") that differ and take effect only after a restart.
std::vector<std::string> needs_restart(const Config& running, const Config& fresh);

/// The configuration in force. Any thread; a reader keeps the value it got for as long as it needs.
class LiveConfig {
 public:
  explicit LiveConfig(Config config) : current_(std::make_shared<const Config>(std::move(config))) {}
  std::shared_ptr<const Config> get() const;
  struct Fresh {
    std::shared_ptr<const Config> config;
    std::vector<std::string> needs_restart;  // keys that differ and keep their running values
  };
  /// SIGHUP: reads the file again and changes nothing yet. errors  as load_config
  Result<Fresh> read_again() const;
  /// Puts it in force, once whatever else it names has been read too.
  void put_in_force(const Fresh& fresh);

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Config> current_;
};

}  // namespace taxgate
