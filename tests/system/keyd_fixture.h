#pragma once
// A real stack for the key host: private pcscd, vpcd readers, virtual keys, a taxgate-keyd process, a client.
#include <sys/types.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "protocol/keyd_frame.h"
#include "simulator/device/virtual_key.h"
#include "simulator/vpcd/private_pcscd.h"
#include "simulator/vpcd/vpcd_card.h"

namespace taxgate::tests {

/// A delay (CardFault::delay_ms) that a test ends itself, by clearing the faults.
inline constexpr std::uint32_t kUntilCleared = 60'000;
/// No key hangs in the test: deadlines that a starved machine does not reach.
inline constexpr const char* kPatient =
    "[deadlines]\nopen_ms = 60000\nlogin_ms = 60000\nsign_ms = 60000\nrequest_ms = 60000\n";

/// A blocking client of keyd's socket: one thread, plain reads.
class KeydClient {
 public:
  explicit KeydClient(const std::string& socket, std::uint32_t version_min = 1, std::uint32_t version_max = 1);
  ~KeydClient();
  KeydClient(const KeydClient&) = delete;
  KeydClient& operator=(const KeydClient&) = delete;

  bool connected() const { return fd_ >= 0; }
  bool send(const keyd::v1::Frame& frame);
  /// The next frame that is not a key event, or nothing after `within`.
  std::optional<keyd::v1::Frame> receive(std::chrono::milliseconds within);
  std::optional<keyd::v1::SignReply> sign(const keyd::v1::SignRequest& request,
                                          std::chrono::milliseconds within = std::chrono::seconds(60));
  std::vector<keyd::v1::Key> keys();

 private:
  int fd_ = -1;
  keyd::FrameCutter cutter_;
};

/// taxgate-keyd of the build with DIRECTORY/keyd.toml, its log appended to DIRECTORY/keyd.log; it ends with this
/// process.
pid_t spawn_keyd(const std::string& directory, const std::vector<std::string>& environment);
/// SIGTERM and its end; `pid` is -1 then. Nothing when there is none.
void end_keyd(pid_t& pid);
/// A worker that dies of a sanitizer's finding is replaced like any other: only the log would tell. Prints it after a
/// failure.
void expect_no_fault(const std::string& log);

inline std::string whole_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class KeydStack {
 public:
  struct Options {
    unsigned readers = 1;           // two slots each
    unsigned keys = 1;              // key i sits in slot i, taxpayer i, PIN file i
    std::string extra_config = {};  // TOML before the [[pin]] tables
    bool issuer_ca = true;
    int max_tries = 10;
    std::function<void(unsigned, simulator::KeyDefinition&)> define = {};  // last word on key i
    std::set<unsigned> foreign_keys = {};                                  // certified by a CA that keyd does not know
  };
  explicit KeydStack(Options options);
  ~KeydStack();
  KeydStack(const KeydStack&) = delete;
  KeydStack& operator=(const KeydStack&) = delete;

  void start_keyd();            // and waits until it greets
  void start_keyd_unchecked();  // does not wait
  void kill_keyd();             // SIGKILL, reaped
  void stop_keyd();             // SIGTERM, reaped
  int run_keyd_to_its_end();    // a second one; returns its exit code
  pid_t keyd_pid() const { return keyd_; }

  std::string directory() const { return directory_; }
  std::string socket() const { return directory_ + "/keyd.sock"; }
  std::string state() const { return directory_ + "/state"; }
  static std::string taxpayer(unsigned i);
  std::string serial(unsigned i) const;
  std::string pin_file(unsigned i) const;
  void write_pin(unsigned i, const std::string& pin);
  static constexpr const char* kPin = "123456";

  simulator::PrivatePcscd& pcscd() { return *pcscd_; }
  simulator::VirtualKey& key(unsigned i) { return *keys_.at(i); }
  simulator::VpcdCard& card(unsigned i) { return *cards_.at(i); }
  const simulator::KeyAuthority& authority() const { return *authority_; }

  /// A well-formed order for taxpayer i.
  static keyd::v1::SignRequest request(unsigned i, const std::string& request_id, std::uint32_t deadline_ms = 10000);
  /// True when the signature is of that request's bytes, by that taxpayer's certificate.
  static bool verifies(const keyd::v1::SignRequest& request, const keyd::v1::SignReply& reply);
  /// Waits until key i is in `state`; false after `within`.
  bool wait_state(unsigned i, const std::string& state, std::chrono::milliseconds within = std::chrono::seconds(60));
  std::string state_of(unsigned i);
  std::string keyd_log() const;
  static bool contains(const std::string& file, const std::string& text);
  static bool contains_anywhere(const std::string& directory, const std::string& text);
  /// Processes keyd started of itself, by the mode they run in ("--worker", "--probe", "--watch-readers") and reader.
  std::vector<pid_t> children(const std::string& mode, const std::string& reader = {}) const;
  /// Waits until `count` of them run: keyd tells a key's state before a worker it no longer needs has ended.
  bool wait_children(const std::string& mode, std::size_t count, const std::string& reader = {}) const;

 private:
  Options options_;
  std::string directory_;
  std::unique_ptr<simulator::PrivatePcscd> pcscd_;
  std::optional<simulator::KeyAuthority> authority_, foreign_;
  std::vector<std::unique_ptr<simulator::VirtualKey>> keys_;
  std::vector<std::unique_ptr<simulator::VpcdCard>> cards_;
  pid_t keyd_ = -1;
};

}  // namespace taxgate::tests
