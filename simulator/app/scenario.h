#pragma once
// What `taxgate-sim up` sets up: keys, platform, seed data. From a JSON file, or N ordinary keys.
//
//   {"seed": 1, "profile": "signed" | "leqi-shape", "signature_header": "access_signature", "spare_slots": 1,
//    "keys": [{"serial","taxpayer","name","pin","admin_pin","max_tries","certificate","plugged","disk","faults":[…]}],
//    "platform": {"seed": {…}, "counterparty": {…}, "faults": …}}
//
// Only "serial" and "taxpayer" of a key must be there. `platform` members are the bodies of POST /seed, /counterparty
// and /faults (docs/simulator.md), `faults` of a key that of POST /keys/{serial}/fault.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error.h"
#include "simulator/vpcd/card_fault.h"

namespace taxgate::simulator::app {

enum class CertificateKind : std::uint8_t { valid, expired, not_yet_valid, foreign };
std::string_view certificate_kind_name(CertificateKind kind);

struct ScenarioKey {
  std::string serial, taxpayer, name;
  std::string pin, admin_pin;  // empty: eight random digits, kept in the PIN file
  unsigned max_tries = 10;
  CertificateKind certificate = CertificateKind::valid;
  bool plugged = true;
  std::string disk;  // device number, 12 digits: the key is a tax disk (tax_disk.h, ordinary_disk); empty: none
  std::vector<CardFault> faults;
};

struct Scenario {
  std::uint64_t seed = 1;
  bool signed_profile = true;
  std::string signature_header = "access_signature";
  unsigned spare_slots = 1;  // empty slots to move keys to
  std::vector<ScenarioKey> keys;
  std::string platform_seed, platform_counterparty, platform_faults;  // JSON bodies; empty: none
};

inline constexpr std::size_t kMaxKeys = 15;  // 16 slots, one spare

/// A tax disk's device number: 12 digits.
bool is_disk_number(std::string_view text);

/// Keys TGSIM0001 … of the three invented demo taxpayers in turn. errors  invalid_input sim.scenario
Result<Scenario> ordinary_scenario(std::size_t keys);
/// Unknown members are refused: a misspelt fault proves nothing. errors  invalid_input sim.scenario (field = path)
Result<Scenario> read_scenario(std::string_view json);

/// One fault object or an array of them:
///   {"kind","ins":"74","nth","count","delay_ms","direction":"command"|"response",
///    "counting":"command"|"link"|"apdus","at_byte","replug_ms"}   only "kind" must be there
Result<std::vector<CardFault>> read_card_faults(std::string_view json);

}  // namespace taxgate::simulator::app
