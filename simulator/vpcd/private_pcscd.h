#pragma once
// A real pcscd of our own, with real vpcd readers, that neither sees nor disturbs the machine's: its own mount
// namespace with an empty /run, its own configuration, its own ports. Without root it lives in a user namespace.
//
// Known limit: vpcd listens on all interfaces; whoever reaches a port while a slot is empty may put a card of his own
// in. Thread   start() and restart() must be called from a thread that lives as long as the daemon shall: the kernel
//          stops pcscd when the *thread* that started it ends (PDEATHSIG), so that no pcscd is ever left behind.
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "protocol/error.h"

namespace taxgate::simulator {

class PrivatePcscd {
 public:
  struct Options {
    std::string
        directory;         // absolute, existing, not below /run: configuration, log, socket link; the caller removes it
    unsigned readers = 1;  // 1..kMaxReaders; each has two slots
    std::string pcscd = "/usr/sbin/pcscd";
    std::string vpcd_library = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so";
    std::chrono::milliseconds ready_within{30'000};
  };
  struct Slot {
    std::string reader;  // as PC/SC names it
    std::uint16_t port;  // where the card dials in, on 127.0.0.1
  };
  static constexpr unsigned kMaxReaders = 8;  // pcscd 1.9.9 has room for 16 slots

  /// Returns when pcscd answers on its socket and every slot listens.
  /// errors  invalid_input sim.pcscd_options; retry_later sim.pcscd_missing (field = the file that is not there),
  ///         sim.pcscd_namespace (neither root nor user namespaces), sim.pcscd_start (detail has the log's last line)
  static Result<std::unique_ptr<PrivatePcscd>> start(const Options& options);
  ~PrivatePcscd();  // stops pcscd and waits for it
  PrivatePcscd(const PrivatePcscd&) = delete;
  PrivatePcscd& operator=(const PrivatePcscd&) = delete;

  const std::vector<Slot>& slots() const { return slots_; }
  /// The value of PCSCLITE_CSOCK_NAME for clients; stays the same across restart().
  const std::string& socket() const { return socket_; }
  pid_t pid() const { return pid_; }

  void stop();             // SIGTERM, SIGKILL after kStopGrace, reaped; cards dial until it is back
  Result<void> restart();  // stop, then start on the same ports. errors as start()

 private:
  explicit PrivatePcscd(Options options);
  Result<void> choose_ports();
  Result<void> write_configuration() const;
  Result<void> spawn();
  Result<void> wait_until_ready();
  std::string last_log_line() const;

  Options options_;
  std::vector<Slot> slots_;
  std::string socket_;
  pid_t pid_ = -1;
};

}  // namespace taxgate::simulator
