#pragma once
// What a service tells systemd over $NOTIFY_SOCKET: one datagram a message (sd_notify(3), written here because the
// whole protocol is one sendto). Outside systemd nothing happens.
//
// Thread: one owner. Never blocks: a message that cannot be delivered at once is dropped.
#include <chrono>
#include <string>
#include <string_view>

namespace taxgate {

class ServiceNotify {
 public:
  ServiceNotify() = default;
  /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and removes them, so that no child speaks in our name.
  /// Call before other threads are started.
  static ServiceNotify from_environment();

  void ready(std::string_view status) const;     // READY=1; also the end of a reload
  void reloading() const;                        // RELOADING=1 with the time systemd asks for
  void stopping(std::string_view status) const;  // STOPPING=1
  void status(std::string_view text) const;      // one line for `systemctl status`
  void alive() const;                            // WATCHDOG=1
  /// How often alive() is to be called, from the loop whose hanging is to be noticed: half of what systemd waits.
  /// Zero: nobody waits.
  std::chrono::microseconds alive_interval() const { return alive_interval_; }
  /// Does anybody listen?
  explicit operator bool() const { return !socket_.empty(); }

 private:
  void send(std::string_view message) const;

  std::string socket_;  // path; '@' first: the abstract name space
  std::chrono::microseconds alive_interval_{0};
};

}  // namespace taxgate
