// Which keys may change under a running daemon, and how a new file takes their place.
#include "daemon/core/config.h"

namespace taxgate {
namespace {

template <class T>
void compare(std::vector<std::string>& out, const char* key, const T& running, const T& fresh) {
  if (!(running == fresh)) out.emplace_back(key);
}

// Listeners, identities and whatever work in flight refers to: only a restart changes these.
void keep_running(const Config& running, Config& fresh) {
  fresh.channel = running.channel;
  fresh.state_dir = running.state_dir;
  fresh.lab = running.lab;
  fresh.lab_clock_file = running.lab_clock_file;
  const auto max_body = fresh.api.max_body_bytes;
  const auto max_connections = fresh.api.max_connections;
  fresh.api = running.api;
  fresh.api.max_body_bytes = max_body;
  fresh.api.max_connections = max_connections;
  const Config::Platform next = fresh.platform;
  fresh.platform = running.platform;
  fresh.platform.connect_ms = next.connect_ms;
  fresh.platform.answer_ms = next.answer_ms;
  fresh.platform.settle_ms = next.settle_ms;
  fresh.platform.max_concurrent = next.max_concurrent;
  fresh.platform.calls_per_second = next.calls_per_second;
  fresh.platform.calls_per_day = next.calls_per_day;
  fresh.platform.calls_per_minute = next.calls_per_minute;
  fresh.platform.calls_per_hour = next.calls_per_hour;
  fresh.taxpayers = running.taxpayers;
  fresh.keys.socket = running.keys.socket;
}

}  // namespace

std::vector<std::string> needs_restart(const Config& running, const Config& fresh) {
  std::vector<std::string> out;
  compare(out, "taxgated.channel", running.channel, fresh.channel);
  compare(out, "taxgated.state_dir", running.state_dir, fresh.state_dir);
  compare(out, "api.socket", running.api.socket, fresh.api.socket);
  compare(out, "api.tcp_port", running.api.tcp_port, fresh.api.tcp_port);
  compare(out, "api.token_file", running.api.token_file, fresh.api.token_file);
  compare(out, "api.tls_port", running.api.tls_port, fresh.api.tls_port);
  compare(out, "api.tls_certificate", running.api.tls_certificate, fresh.api.tls_certificate);
  compare(out, "api.tls_key", running.api.tls_key, fresh.api.tls_key);
  compare(out, "api.tls_client_ca", running.api.tls_client_ca, fresh.api.tls_client_ca);
  compare(out, "api.max_pending", running.api.max_pending, fresh.api.max_pending);
  const auto& a = running.platform;
  const auto& b = fresh.platform;
  compare(out, "platform.base_url", a.base_url, b.base_url);
  compare(out, "platform.ca_file", a.ca_file, b.ca_file);
  compare(out, "platform.profile", a.profile, b.profile);
  compare(out, "platform.signature_header", a.signature_header, b.signature_header);
  compare(out, "platform.ability", a.ability, b.ability);
  compare(out, "platform.access_unit", a.access_unit, b.access_unit);
  compare(out, "platform.using_unit", a.using_unit, b.using_unit);
  compare(out, "platform.test_case", a.test_case, b.test_case);
  bool same = running.taxpayers.size() == fresh.taxpayers.size();
  for (std::size_t i = 0; same && i < fresh.taxpayers.size(); ++i) {
    const auto& x = running.taxpayers[i];
    const auto& y = fresh.taxpayers[i];
    same = x.id == y.id && x.name == y.name && x.sm4_key_file == y.sm4_key_file && x.issue == y.issue &&
           x.tracks == y.tracks && x.org_unit == y.org_unit;
  }
  if (!same) out.emplace_back("taxpayer");
  compare(out, "keys.socket", running.keys.socket, fresh.keys.socket);
  return out;
}

std::shared_ptr<const Config> LiveConfig::get() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

Result<LiveConfig::Fresh> LiveConfig::read_again() const {
  const auto running = get();
  auto fresh = load_config(running->file);
  if (!fresh) return std::unexpected(fresh.error());
  auto waiting = needs_restart(*running, *fresh);
  keep_running(*running, *fresh);
  return Fresh{std::make_shared<const Config>(*std::move(fresh)), std::move(waiting)};
}

void LiveConfig::put_in_force(const Fresh& fresh) {
  const std::lock_guard lock(mutex_);
  current_ = fresh.config;
}

}  // namespace taxgate
