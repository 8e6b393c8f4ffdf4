#pragma once
// What the platform client needs of the configuration, and the checks that keep the channels apart: the laboratory
// never talks to anything but the simulator, and nothing else is ever taken for it.
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/core/config.h"
#include "protocol/error.h"

namespace taxgate::platform {

using std::chrono::milliseconds;

struct TaxpayerKey {
  std::string taxpayer;
  std::string sm4_key_file;  // 16 bytes, or 32 hexadecimal digits; a path or "credential:NAME"
};

/// What may change while calls are under way; those keep what they began with.
struct Limits {
  milliseconds connect{5'000};  // name, TCP and TLS together
  milliseconds answer{30'000};  // from the first byte of the request to the last of the answer
  std::size_t max_concurrent = 8;
  int calls_per_second = 20;
  std::int64_t calls_per_day = 100'000;
  std::int64_t calls_per_minute = 0, calls_per_hour = 0;  // 0: no such bound
  int reserve_percent = 0;                                // of each bound and of the connections: day work's alone
};

struct PlatformSettings : Limits {
  std::string base_url;         // "https://host[:port][/prefix]"
  std::string ca_file;          // PEM; only these authorities are trusted. Empty: the system's
  bool sandbox = false;         // other paths and the test-case header
  bool signed_profile = false;  // our envelope travels in `signature_header`
  std::string signature_header;
  std::string ability;      // nlbm
  std::string access_unit;  // jrdwptbh
  std::string using_unit;   // sydwptbh; empty: the taxpayer's id
  std::string test_case;    // ylbm
  std::vector<TaxpayerKey> taxpayers;
};

PlatformSettings settings_from(const Config& config);
Limits limits_from(const Config& config);

/// "https://host:8443/prefix" taken apart; an IPv6 host stands in brackets. errors  invalid_input platform.url
struct Address {
  std::string host, port, prefix;  // prefix without the final slash
};
Result<Address> read_address(std::string_view base_url);

/// Refuses to start when the channel and the authority do not belong together: the simulator's channel (and --lab)
/// takes only authorities whose subject says SIMULATED, every other channel none such; --lab exists on the simulator's
/// only. Reads `ca_file`; an empty name is the system's store, which never is the simulator's. errors  invalid_input
/// platform.ca_file, platform.channel_ca, platform.channel_lab
Result<void> check_channel(Channel channel, bool lab, const std::string& ca_file);
inline constexpr std::string_view kLabOnlyCaSubject = "SIMULATED";

}  // namespace taxgate::platform
