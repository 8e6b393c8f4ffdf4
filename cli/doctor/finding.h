#pragma once
// What `taxgate doctor` looks at and what it finds. One check = one small function of a Scene.
//
// A finding is an Error of the message catalogue: the id, what it is about (`field`), what was found (`wanted`) and
// what should be (`left`); sentence and remedy in both languages are the catalogue's. Thread: one.
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/core/config.h"
#include "protocol/api.pb.h"
#include "protocol/error.h"

namespace taxgate::doctor {

enum class Severity : std::uint8_t {
  note,       // worth knowing; the exit code does not change
  attention,  // works now, or works for some; a person should look
  failing,    // something does not work or is not safe
};

struct Finding {
  Severity severity = Severity::attention;
  Error error;
  /// What --fix does: safe at any time, daemons running or not. Empty: only a person can.
  std::function<Result<void>()> fix = {};
  bool fixed = false;
};
using Findings = std::vector<Finding>;

/// The few values of taxgate-keyd's configuration that matter here; docs/keyd.md has the grammar.
struct KeydConfig {
  std::string file, socket, state_directory, issuer_ca, usb_devices;
  std::vector<std::string> pin_files, credentials, skf_libraries;
};

/// A model of the USB matching file that keyd opens.
struct UsbModel {
  unsigned vendor = 0, product = 0;
  std::string name;
};

struct Scene {
  /// In front of /etc, /run, /sys, /dev and /usr for what belongs to the machine; /proc and paths of the configuration
  /// are always the real ones.
  std::string root;
  std::string taxgated_file, keyd_file;
  std::string keyd_group = "taxgate-keyd";  // which the udev rule gives device files to
  std::optional<Config> config;
  std::optional<KeydConfig> keyd;
  std::vector<UsbModel> models;
  std::optional<api::v1::KeyList> keys;  // what taxgated answered; none: it was not reached
  std::optional<Error> unreachable;
  std::chrono::system_clock::time_point now = std::chrono::system_clock::now();

  std::string at(std::string_view path) const { return root + std::string(path); }
};

/// Reads both configurations. A file that is missing or refused is a finding.
void read_configurations(Scene& scene, Findings& out);

using Check = void (*)(const Scene&, Findings&);
struct NamedCheck {
  std::string_view name;
  Check run;
};
const std::vector<NamedCheck>& checks();
Findings examine(Scene& scene);
/// Worst severity: 0 nothing or notes, 1 attention, 2 failing. What was fixed does not count.
int exit_code(const Findings& findings);

// files.cpp
void check_config_mode(const Scene&, Findings&);
void check_secrets(const Scene&, Findings&);
void check_credentials(const Scene&, Findings&);
void check_state(const Scene&, Findings&);
void check_disk_space(const Scene&, Findings&);
// devices.cpp
void check_udev_rule(const Scene&, Findings&);
void check_usb_nodes(const Scene&, Findings&);
void check_usb_holders(const Scene&, Findings&);
void check_autosuspend(const Scene&, Findings&);
void check_hub(const Scene&, Findings&);
// readers.cpp
void check_pcscd(const Scene&, Findings&);
void check_polkit(const Scene&, Findings&);
void check_reader_models(const Scene&, Findings&);
void check_reader_holders(const Scene&, Findings&);
// skf.cpp
void check_skf_libraries(const Scene&, Findings&);
// processes.cpp
void check_privilege(const Scene&, Findings&);
void check_two_daemons(const Scene&, Findings&);
void check_memory_locks(const Scene&, Findings&);
void check_core_dumps(const Scene&, Findings&);
// keys.cpp
void check_daemon(const Scene&, Findings&);
void check_pin_tries(const Scene&, Findings&);
void check_key_certificates(const Scene&, Findings&);
void check_tax_disks(const Scene&, Findings&);
void check_certificate_files(const Scene&, Findings&);
// platform.cpp
void check_platform(const Scene&, Findings&);

}  // namespace taxgate::doctor
