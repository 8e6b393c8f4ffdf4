#pragma once
// taxgate-keyd's one TOML file. Grammar with every key and its default: docs/keyd.md, "Configuration".
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/keyd/guarded_login.h"
#include "protocol/error.h"
#include "protocol/sm.h"

namespace taxgate::keyd {

/// Which PIN opens which key: by the key's serial, or by the taxpayer its certificate names. The serial wins.
struct PinRule {
  std::string serial, taxpayer;
  PinSource source;
};

enum class LogSync : std::uint8_t {
  before_signing,  // the order is on the disk before the card sees it: the log has a row for every signature ever made
  before_reply,    // … before the signature leaves keyd: the disk works while the card does. A power loss may lose the
                   // row of a signature that nobody received
};

struct Deadlines {
  std::chrono::milliseconds open{
      5000};  // connect, identify, read the certificate: about ten commands, slow cards take 2 s
  std::chrono::milliseconds login{5000};     // GetPINInfo, challenge, VerifyPIN, counter
  std::chrono::milliseconds sign{3000};      // one signature; real keys take 30 to 400 ms
  std::chrono::milliseconds request{10000};  // a client's whole request when it names no deadline
};

/// A vendor's library and which of its keys are ours.
struct SkfLibrary {
  std::string library;                 // absolute path; no two with the same file name
  std::string device, serial;          // part of the device's name; the key's serial; empty: any
  std::string application, container;  // empty: the first one the key lists
};

struct Config {
  std::string socket;
  uid_t allowed_uid = 0;
  std::string state_directory;
  std::string signer_id{kDefaultSignerId};
  std::string issuer_ca;  // path, PEM or DER; empty: not checked
  std::string application, container;
  std::string disk_file;  // of the application, with a tax disk's state; empty: no disk's state is asked for
  std::chrono::seconds disk_every{60};   // between two readings while nothing is signed
  std::string usb_devices;               // path of the USB matching file; empty: no keys on USB
  std::string trace_reader, trace_file;  // whose traffic is written down, and where; empty: nobody's
  LogSync log_sync = LogSync::before_signing;
  bool verify_signatures = true;
  Deadlines deadlines;
  std::vector<PinRule> pins;
  std::vector<SkfLibrary> skf;  // empty: no keys behind vendors' libraries

  std::string ledger_directory() const { return state_directory + "/pin"; }
  std::string log_file() const { return state_directory + "/signing.log"; }
  std::string lease_file() const { return state_directory + "/leases"; }
  std::string lock_file() const { return state_directory + "/lock"; }
  const PinSource* pin_for(std::string_view serial, std::string_view taxpayer) const;
};

/// `credentials_directory`: systemd's $CREDENTIALS_DIRECTORY, or empty.
/// errors  invalid_input keyd.config_syntax, keyd.config_unknown, keyd.config_type, keyd.config_missing,
/// keyd.config_value; field is the
///         key's path, `left` is "file:line"
Result<Config> parse_config(std::string_view toml, const std::string& file_name,
                            const std::string& credentials_directory);
/// errors  also invalid_input keyd.config_file (cannot be read)
Result<Config> load_config(const std::string& file, const std::string& credentials_directory);

}  // namespace taxgate::keyd
