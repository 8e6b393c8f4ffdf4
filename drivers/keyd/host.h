#pragma once
// taxgate-keyd: readers, keys, clients and signals on one thread. Has no network and opens no device: its workers do.
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "drivers/keyd/config.h"

namespace taxgate::keyd {

enum class LogLevel : int { error = 3, warning = 4, notice = 5, info = 6 };  // syslog priorities
/// One line; `id` is a stable message id. Never a PIN, a key or a payload.
using LogSink = std::function<void(LogLevel, std::string_view id, std::string_view text)>;

/// Runs until SIGTERM or SIGINT; SIGHUP asks keys in trouble again. Signals must not be blocked or handled before.
/// errors  invalid_input keyd.socket, keyd.state_directory, keyd.issuer_ca; rejected keyd.running (another host has the
/// state
///         directory); corrupt key.log_damaged; retry_later key.log_failed
Result<void> run_host(const Config& config, const LogSink& log);

}  // namespace taxgate::keyd
