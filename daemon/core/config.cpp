#include "daemon/core/config.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "daemon/core/files.h"
#include "daemon/core/limits.h"
#include "daemon/core/toml_reader.h"

namespace taxgate {
namespace {

constexpr std::int64_t kSecondMs = 1000, kMinuteMs = 60 * kSecondMs, kHourMs = 60 * kMinuteMs, kDayMs = 24 * kHourMs;
constexpr std::int64_t kMaxBody = 16LL * 1024 * 1024;  // the daemon holds a body in memory several times over

Channel channel_named(const std::string& text) {
  return text == "production" ? Channel::production : text == "sandbox" ? Channel::sandbox : Channel::simulator;
}

void read_port(TomlReader& r, std::string_view key, std::optional<std::uint16_t>& into) {
  if (!r.has(key)) return;
  std::int64_t port = 0;
  r.number(key, port, 0, 65535);
  into = static_cast<std::uint16_t>(port);
}

void read_api(const toml::table& t, const std::string& file, Config::Api& api, Error& error) {
  TomlReader r(t, file, "api", error);
  r.path("socket", api.socket);
  read_port(r, "tcp_port", api.tcp_port);
  r.path("token_file", api.token_file);
  read_port(r, "tls_port", api.tls_port);
  r.path("tls_certificate", api.tls_certificate);
  r.path("tls_key", api.tls_key);
  r.path("tls_client_ca", api.tls_client_ca);
  r.integer("max_body_bytes", api.max_body_bytes, 1024, kMaxBody);
  r.integer("max_pending", api.max_pending, 1, static_cast<std::int64_t>(limits::kStorePending));
  r.integer("max_connections", api.max_connections, 1, 65536);
  r.finish();
  if (api.tcp_port && api.token_file.empty()) r.refuse("config.missing", "token_file");
  if (api.tls_port) {
    if (api.tls_certificate.empty()) r.refuse("config.missing", "tls_certificate");
    if (api.tls_key.empty()) r.refuse("config.missing", "tls_key");
    if (api.tls_client_ca.empty()) r.refuse("config.missing", "tls_client_ca");
  }
  if (api.socket.empty() && !api.tcp_port && !api.tls_port) r.refuse("config.missing", "socket");
}

void read_platform(const toml::table& t, const std::string& file, Config::Platform& p, Error& error) {
  TomlReader r(t, file, "platform", error);
  r.text("base_url", p.base_url, true);
  if (!r.failed() && !p.base_url.starts_with("https://"))
    r.refuse("config.range", "base_url", p.base_url, "https://...");
  r.path("ca_file", p.ca_file);
  r.choice("profile", p.profile, {"leqi-shape", "signed"});
  r.text("signature_header", p.signature_header);
  r.text("ability", p.ability);
  r.text("access_unit", p.access_unit);
  r.text("using_unit", p.using_unit);
  r.text("test_case", p.test_case);
  if (const auto* timeouts = r.table("timeouts")) {
    TomlReader w(*timeouts, file, "platform.timeouts", error);
    w.number("connect_ms", p.connect_ms, 100, kMinuteMs);
    w.number("answer_ms", p.answer_ms, 100, 10 * kMinuteMs);
    w.finish();
  }
  r.number("settle_ms", p.settle_ms, kSecondMs, kHourMs);
  r.integer("max_concurrent", p.max_concurrent, 1, 256);
  r.integer("calls_per_second", p.calls_per_second, 1, 10'000);
  r.number("calls_per_day", p.calls_per_day, 1, 100'000'000);
  r.number("calls_per_minute", p.calls_per_minute, 0, 600'000);
  r.number("calls_per_hour", p.calls_per_hour, 0, 36'000'000);
  r.finish();
  if (p.profile == "signed" && p.signature_header.empty()) r.refuse("config.missing", "signature_header");
}

void read_taxpayer(const toml::table& t, const std::string& file, Config::Taxpayer& p, Error& error) {
  TomlReader r(t, file, "taxpayer", error);
  r.text("id", p.id, true);
  r.text("name", p.name, true);
  r.path("sm4_key_file", p.sm4_key_file, true);
  r.text("org_unit", p.org_unit);
  std::string issue = "upload";
  r.choice("issue", issue, {"auto", "upload"});
  p.issue = issue == "auto" ? IssueMode::automatic : IssueMode::upload;
  if (r.has("tracks")) {
    std::vector<std::string> tracks;
    r.texts("tracks", tracks);
    p.tracks.clear();
    for (const auto& track : tracks) {
      if (track == "confirmation_form")
        p.tracks.push_back(Track::confirmation_form);
      else if (track == "information_table")
        p.tracks.push_back(Track::information_table);
      else
        r.refuse("config.range", "tracks", track, "confirmation_form, information_table");
    }
    if (p.tracks.empty()) r.refuse("config.missing", "tracks");
  }
  r.finish();
}

void read_tax_device(const toml::table& t, const std::string& file, const Config& c, Config::TaxDevice& d,
                     Error& error) {
  constexpr std::size_t kDigits = 12;
  TomlReader r(t, file, "tax_device", error);
  r.text("number", d.number, true);
  r.text("taxpayer", d.taxpayer, true);
  r.texts("keys", d.keys);
  r.finish();
  if (r.failed()) return;
  if (d.number.size() != kDigits || d.number.find_first_not_of("0123456789") != std::string::npos)
    r.refuse("config.range", "number", d.number, "12 digits");
  else if (c.taxpayer(d.taxpayer) == nullptr)
    r.refuse("config.range", "taxpayer", d.taxpayer, "the id of a [[taxpayer]]");
  else if (d.keys.empty() || std::ranges::find(d.keys, "") != d.keys.end())
    r.refuse("config.missing", "keys");
}

void read_queue(const toml::table& t, const std::string& file, Config::Queue& q, Error& error) {
  TomlReader r(t, file, "queue", error);
  r.number("retry_first_ms", q.retry_first_ms, 10, kHourMs);
  r.number("retry_max_ms", q.retry_max_ms, 10, kDayMs);
  r.integer("jitter_percent", q.jitter_percent, 0, 100);
  r.integer("retry_budget", q.retry_budget, 1, 10'000);
  r.integer("active_set", q.active_set, 4, 100'000);
  r.number("poll_form_ms", q.poll_form_ms, 100, kDayMs);
  r.number("poll_upload_ms", q.poll_upload_ms, 100, kDayMs);
  r.number("poll_inbox_ms", q.poll_inbox_ms, 100, kDayMs);
  r.number("poll_unknown_ms", q.poll_unknown_ms, 100, kDayMs);
  r.number("warn_before_ms", q.warn_before_ms, kMinuteMs, 3 * kDayMs);
  r.integer("filing_day", q.filing_day, 1, 28);  // a day every month has
  r.finish();
  if (!r.failed() && q.retry_max_ms < q.retry_first_ms)
    r.refuse("config.range", "retry_max_ms", std::to_string(q.retry_max_ms), "retry_first_ms or more");
}

void read_approval(const toml::table& t, const std::string& file, Config::Approval& a, Error& error) {
  TomlReader r(t, file, "approval", error);
  std::string amount, share;  // texts: no floating point touches money
  r.text("amount", amount);
  r.text("share", share);
  r.finish();
  if (r.failed()) return;
  if (!amount.empty()) {
    const auto fen = Fen::parse(amount);
    if (!fen || fen->value < 0) return r.refuse("config.range", "amount", amount, "an amount such as \"50000.00\"");
    a.amount = *fen;
  }
  if (!share.empty()) {
    const auto part = Decimal::parse(share);
    if (!part || part->sign() <= 0 || *part > Decimal::from_int(1))
      return r.refuse("config.range", "share", share, "a share such as \"0.1\", at most 1");
    a.share = *part;
  }
}

/// "03:00" as minutes of the day.
void read_minute(TomlReader& r, std::string_view key, int& into, bool may_be_off) {
  std::string text;
  r.text(key, text);
  if (r.failed() || text.empty()) return;
  if (may_be_off && text == "off") {
    into = Config::Sync::kNever;
    return;
  }
  const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9' ? text[i] - '0' : -100; };
  const bool shape = text.size() == 5 && text[2] == ':';
  const int hour = shape ? digit(0) * 10 + digit(1) : -1, minute = shape ? digit(3) * 10 + digit(4) : -1;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59)
    return r.refuse("config.range", key, text, may_be_off ? "HH:MM or off" : "HH:MM");
  into = hour * 60 + minute;
}

void read_sync(const toml::table& t, const std::string& file, Config::Sync& s, Error& error) {
  TomlReader r(t, file, "sync", error);
  read_minute(r, "at", s.at, true);
  read_minute(r, "until", s.until, false);
  if (r.has("types")) r.texts("types", s.types);
  r.choice("form", s.form, {"json", "protobuf"});
  r.integer("months", s.months, 1, 120);
  r.integer("deep_months", s.deep_months, 1, 120);
  r.integer("concurrency", s.concurrency, 1, 64);
  r.integer("reserve_percent", s.reserve_percent, 0, 90);
  r.number("poll_ms", s.poll_ms, 10, kHourMs);
  r.integer("max_change_percent", s.max_change_percent, 0, 100);
  r.number("max_change_floor", s.max_change_floor, 0, 1'000'000'000);
  r.integer("sample", s.sample, 0, 10'000);
  r.finish();
  if (r.failed()) return;
  for (const auto& type : s.types)
    if (type.size() != 2 || type[0] < '0' || type[0] > '9' || type[1] < '0' || type[1] > '9')
      return r.refuse("config.range", "types", type, "two digits");
  if (s.types.empty()) r.refuse("config.missing", "types");
  if (s.at == s.until) r.refuse("config.range", "until", "as at", "another time than at");
}

void read_webhook(const toml::table& t, const std::string& file, Config::Webhook& w, Error& error) {
  TomlReader r(t, file, "webhook", error);
  r.text("name", w.name, true);
  r.text("url", w.url, true);
  if (!r.failed() && !w.url.starts_with("https://") && !w.url.starts_with("http://"))
    r.refuse("config.range", "url", w.url, "https://... or http://...");
  r.path("secret_file", w.secret_file, true);
  r.path("ca_file", w.ca_file);
  r.texts("events", w.events);
  r.finish();
}

Config read_root(const toml::table& root, const std::string& file, Error& error) {
  Config c;
  c.file = file;
  TomlReader r(root, file, "", error);
  static const toml::table kNone;
  const auto section = [&](std::string_view key) -> const toml::table& {
    const auto* t = r.table(key);
    return t != nullptr ? *t : kNone;
  };
  {
    TomlReader d(section("taxgated"), file, "taxgated", error);
    std::string channel;
    if (d.has("lab")) d.refuse("config.lab_key", "lab");
    d.choice("channel", channel, {"simulator", "sandbox", "production"}, true);
    d.path("state_dir", c.state_dir, true);
    d.finish();
    c.channel = channel_named(channel);
  }
  read_api(section("api"), file, c.api, error);
  read_platform(section("platform"), file, c.platform, error);
  std::set<std::string> seen;
  for (const auto* t : r.tables("taxpayer")) {
    read_taxpayer(*t, file, c.taxpayers.emplace_back(), error);
    if (!r.failed() && !seen.insert(c.taxpayers.back().id).second)
      TomlReader(*t, file, "taxpayer", error).refuse("config.duplicate", "id", c.taxpayers.back().id);
  }
  if (c.taxpayers.empty()) r.refuse("config.missing", "taxpayer");
  seen.clear();
  for (const auto* t : r.tables("tax_device")) {
    read_tax_device(*t, file, c, c.tax_devices.emplace_back(), error);
    if (!r.failed() && !seen.insert(c.tax_devices.back().number).second)
      TomlReader(*t, file, "tax_device", error).refuse("config.duplicate", "number", c.tax_devices.back().number);
  }
  {
    TomlReader k(section("keys"), file, "keys", error);
    k.path("socket", c.keys.socket, true);
    k.number("deadline_ms", c.keys.deadline_ms, 100, 10 * kMinuteMs);
    k.finish();
  }
  read_queue(section("queue"), file, c.queue, error);
  read_approval(section("approval"), file, c.approval, error);
  read_sync(section("sync"), file, c.sync, error);
  seen.clear();
  for (const auto* t : r.tables("webhook")) {
    read_webhook(*t, file, c.webhooks.emplace_back(), error);
    if (!r.failed() && !seen.insert(c.webhooks.back().name).second)
      TomlReader(*t, file, "webhook", error).refuse("config.duplicate", "name", c.webhooks.back().name);
  }
  {
    TomlReader u(section("rules"), file, "rules", error);
    u.path("tables_file", c.rules.tables_file);
    u.finish();
  }
  r.finish();
  return c;
}

}  // namespace

std::string_view name(Channel channel) {
  switch (channel) {
    case Channel::simulator:
      return "simulator";
    case Channel::sandbox:
      return "sandbox";
    case Channel::production:
      break;
  }
  return "production";
}

std::string_view name_zh(Channel channel) {
  switch (channel) {
    case Channel::simulator:
      return "模拟";
    case Channel::sandbox:
      return "沙箱";
    case Channel::production:
      break;
  }
  return "生产";
}

const Config::Taxpayer* Config::taxpayer(std::string_view id) const {
  for (const auto& t : taxpayers)
    if (t.id == id) return &t;
  return nullptr;
}

Result<Config> parse_config(std::string_view text, const std::string& path) {
  std::error_code ec;
  const std::string file = std::filesystem::absolute(path, ec).lexically_normal().string();
  toml::table root;
  try {
    root = toml::parse(text, file);
  } catch (const toml::parse_error& e) {
    return fail(Errc::invalid_input, "config.syntax", file + ":" + std::to_string(e.source().begin.line),
                std::string(e.description()));
  }
  Error error;
  Config config = read_root(root, file, error);
  if (!error.id.empty()) return std::unexpected(std::move(error));
  return config;
}

Result<Config> load_config(const std::string& path) {
  const auto text = read_file(path, limits::kConfigFile);
  if (!text) return std::unexpected(text.error());
  return parse_config(*text, path);
}

Result<void> apply_lab(Config& config, const std::string& clock_file) {
  if (config.channel != Channel::simulator)
    return fail(Errc::invalid_input, "config.lab_channel", "taxgated.channel", std::string(name(config.channel)),
                "simulator");
  config.lab = true;
  config.lab_clock_file = clock_file;
  return {};
}

}  // namespace taxgate
