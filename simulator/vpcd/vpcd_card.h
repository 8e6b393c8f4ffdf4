#pragma once
// A virtual key in a slot of a vpcd reader: it dials in to the reader (vpcd in listen mode), answers power, reset and
// ATR, hands command APDUs to the key, and misbehaves as told.
//
// Wire    2-byte big-endian length, payload. Length 1 is control: 0 off, 1 on, 2 reset, 4 ATR (the only one answered).
// Speed   TCP_QUICKACK is re-armed before every receive: without it vpcd's Nagle and our delayed ACK cost 44 ms a
// command. Thread  own thread per card; all members may be called from any thread. Destruction pulls the card.
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "simulator/device/virtual_key.h"
#include "simulator/vpcd/card_fault.h"

namespace taxgate::simulator {

class VpcdCard {
 public:
  /// Bytes since the card was last plugged, length prefixes included.
  struct StreamBytes {
    CardFaultScript::Position to_card, from_card;  // .link all bytes, .apdus those of APDU frames only
  };

  /// `key` must outlive the card. Starts unplugged. `host` is an IPv4 address.
  VpcdCard(CardDevice& key, std::string host, std::uint16_t port);
  ~VpcdCard();
  VpcdCard(const VpcdCard&) = delete;
  VpcdCard& operator=(const VpcdCard&) = delete;

  /// Puts the card in: it keeps dialling until the reader listens, and again when the reader hangs up. Does not wait.
  void plug();
  /// Pulls the card. When it returns no byte moves any more.
  void unplug();
  /// Another slot, from the next plug() on. Pulls the card first when it is in.
  void move_to(std::uint16_t port);
  bool plugged() const;
  bool connected() const;  // the reader took the call
  StreamBytes stream_bytes() const;

  void add_fault(CardFault fault);
  /// A command that is delayed goes on at once; a hanging card stays hung until it is pulled.
  void clear_faults();
  std::size_t fault_count() const;

  std::uint16_t port() const;

 private:
  enum class End : std::uint8_t { link_lost, pulled };
  void run(std::stop_token stop);
  End serve(int fd);
  /// Pulls itself because of a fault.
  End pull(std::uint32_t replug_ms);
  bool delayed(std::uint32_t ms);  // until then or until the faults are cleared; false: pulled or stopping
  std::optional<CardFaultScript::Cut> cut_of(const std::optional<CardFault>& command_fault,
                                             CardFault::Direction direction, CardFaultScript::Position at,
                                             std::uint64_t size, bool is_apdu);
  void note_bytes(CardFaultScript::Position in, CardFaultScript::Position out);
  bool run_control(std::uint8_t code, Bytes& reply);  // false: nothing is answered

  CardDevice& key_;
  const std::string host_;

  mutable std::mutex mutex_;
  std::uint16_t port_;
  std::condition_variable changed_;
  bool stopping_ = false, plugged_ = false, connected_ = false;
  std::uint32_t replug_ms_ = 0;
  int fd_ = -1;  // of the link now served; shut down, not closed, by unplug()
  StreamBytes bytes_;
  CardFaultScript faults_;
  std::uint64_t clearings_ = 0;  // ends delays that began before
  std::jthread thread_;          // last: it uses everything above
};

}  // namespace taxgate::simulator
