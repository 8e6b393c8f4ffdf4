#pragma once
// Everything `taxgate-sim up` runs, put together: private pcscd, virtual keys in its readers, virtual platform, control
// endpoints, ready file.
//
// Files below the directory: ready.json, key-ca.pem, foreign-key-ca.pem, keys/SERIAL.key (state), keys/SERIAL.disk,
// pins/SERIAL.pin (0600), platform-sm4.key (0600), pcsc/ (configuration and log of pcscd), platform-ca.pem,
// legal.clock, platform.log. Thread: start() from a thread that lives as long as the simulator (see PrivatePcscd).
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "simulator/app/scenario.h"
#include "simulator/platform/platform.h"
#include "simulator/vpcd/private_pcscd.h"
#include "simulator/vpcd/vpcd_card.h"

namespace taxgate::simulator::app {

class Simulator {
 public:
  struct Options {
    std::string directory;  // absolute; created when missing
    Scenario scenario;
    std::uint16_t platform_port = 0, control_port = 0;
  };
  /// One key with everything around it.
  struct Key {
    ScenarioKey told;
    std::string pin_file;
    std::unique_ptr<VirtualKey> device;
    std::unique_ptr<VpcdCard> card;  // after device: it borrows it
  };

  /// Listening, keys plugged and seen by the readers' ports, ready file written when it returns.
  /// errors  those of its parts; sim.scenario, sim.state_io
  static Result<std::unique_ptr<Simulator>> start(Options options);
  ~Simulator();  // removes the ready file first
  Simulator(const Simulator&) = delete;
  Simulator& operator=(const Simulator&) = delete;

  Platform& platform() { return *platform_; }
  PrivatePcscd& pcscd() { return *pcscd_; }   // only where there are keys
  std::vector<Key>& keys() { return keys_; }  // fixed after start
  Key* find(std::string_view serial);
  std::string ready_json() const;
  std::string ready_path() const { return options_.directory + "/ready.json"; }

 private:
  explicit Simulator(Options options) : options_(std::move(options)) {}
  Result<void> prepare_directory();
  Result<void> start_pcscd();
  Result<void> make_keys();
  Result<void> start_platform();
  Result<void> make_disks();
  Result<void> play_in();

  Options options_;
  std::optional<KeyAuthority> authority_, foreign_;
  std::unique_ptr<PrivatePcscd> pcscd_;  // null: the scenario has no slots, and so no keys
  std::vector<Key> keys_;
  std::unique_ptr<Platform> platform_;  // last: its handlers use everything above
};

}  // namespace taxgate::simulator::app
