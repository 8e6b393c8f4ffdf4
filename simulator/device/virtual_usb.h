#pragma once
// A virtual USB device without a bus: transfers go in, completions come out. Front ends (simulator/umockdev) carry them
// to real host software. It knows endpoints, halts and pulling; what the device *is* is a UsbFunction.
//
// Thread: all members from any thread. Completions are called without a lock, from whichever thread caused them, also
// from within submit().
#include <array>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "simulator/device/usb_identity.h"

namespace taxgate::simulator {

/// What answers behind the endpoints. Called one at a time, under the device's lock.
class UsbFunction {
 public:
  enum class Take : std::uint8_t { taken, stall, wait };
  struct Packet {
    bool stall = false;
    Bytes bytes;  // at most what was asked for; fewer end the transfer
  };
  virtual ~UsbFunction() = default;
  virtual Take out(ByteView data) = 0;
  virtual std::optional<Packet> in(std::size_t length) = 0;  // nothing: not yet
  /// A class request on the default pipe; `answer` goes to the host. False: stalled.
  virtual bool control(const std::array<std::uint8_t, 8>& setup, Bytes& answer) = 0;
  virtual void halt_cleared(std::uint8_t endpoint) = 0;
  virtual void bus_reset() = 0;
  virtual void power(bool on) = 0;
};

enum class UsbEnd : std::uint8_t { ok, stalled, cancelled, gone };

struct UsbRequest {
  std::uint64_t id = 0;       // the front end's own; unique among those under way
  std::uint8_t endpoint = 0;  // 0, kBulkIn or kBulkOut
  std::array<std::uint8_t, 8> setup{};
  Bytes data;              // out
  std::size_t length = 0;  // in: how much the host takes
};
struct UsbCompletion {
  std::uint64_t id = 0;
  UsbEnd end = UsbEnd::ok;
  Bytes data;             // in
  std::size_t moved = 0;  // bytes in either direction
};

class VirtualUsb {
 public:
  enum class Direction : std::uint8_t { to_device, from_device };
  /// Pulls the device inside a bulk transfer: so many bytes since it was plugged still pass.
  struct Pull {
    Direction direction = Direction::to_device;
    std::uint64_t at_byte = 0;
    std::uint32_t replug_ms = 0;  // plugged again so much later; 0: stays out
  };
  struct Bytes64 {
    std::uint64_t to_device = 0, from_device = 0;
  };
  struct Counters {
    std::uint64_t transfers = 0, halts_cleared = 0, bus_resets = 0;
  };
  struct Hooks {
    std::function<void(UsbCompletion)> complete;
    /// A Pull pulled it; the completions are already under way.
    std::function<void(std::uint32_t replug_ms)> pulled;
  };

  /// `function` must outlive the device.
  VirtualUsb(UsbIdentity identity, UsbFunction& function);

  void plug(Hooks hooks);
  /// All transfers under way end as `gone`; when it returns no completion of them is still to come.
  void unplug();
  bool plugged() const;

  /// False: not plugged; no completion follows.
  bool submit(UsbRequest request);
  /// Ends a transfer under way as `cancelled`. False: there is none of this id.
  bool cancel(std::uint64_t id);
  /// All transfers under way end as `cancelled`: their host process died.
  void cancel_all();
  bool clear_halt(std::uint8_t endpoint);  // false: not plugged
  bool reset();                            // the port's reset; false: not plugged

  /// One at a time; it is used up when it fires. Counts from the next plug when the device is not plugged.
  void set_pull(std::optional<Pull> pull);
  bool pull_pending() const;
  Bytes64 moved() const;  // since it was plugged
  Counters counters() const;

  const UsbIdentity& identity() const { return identity_; }

 private:
  using Done = std::vector<UsbCompletion>;
  struct Fired {
    Done done;
    std::optional<Pull> pulled;
  };
  void advance(Fired& fired);  // moves whatever can move
  bool advance_one(UsbRequest& request, Fired& fired);
  void move_out(UsbRequest& request, Fired& fired, bool& done);
  void move_in(UsbRequest& request, Fired& fired, bool& done);
  void drop_all(UsbEnd end, Fired& fired);
  void tell(Fired fired, const std::shared_ptr<Hooks>& hooks);

  const UsbIdentity identity_;
  UsbFunction& function_;
  mutable std::mutex mutex_;
  std::shared_ptr<Hooks> hooks_;  // null: not plugged
  std::list<UsbRequest> under_way_;
  bool in_halted_ = false, out_halted_ = false;
  std::optional<Pull> pull_;
  Bytes64 moved_;
  Counters counters_;
};

}  // namespace taxgate::simulator
