#pragma once
// A recorded card (docs/card-trace.md) played as a device: what was asked of the key then is answered as it was then,
// also with silence and refusals. What was masked is answered with zeros and taken whatever it is; what the trace does
// not know is answered 6D00.
//
// A host asks in an order of its own, so an answer is looked for from the place after the last one to the end of that
// session, then in the sessions after it, then from the beginning. A digest to be signed is another one each time: it
// is taken whatever it is, and the signature is the recorded one, which then does not verify.
#include <mutex>
#include <vector>

#include "protocol/card_trace.h"
#include "simulator/device/card_device.h"

namespace taxgate::simulator {

class ReplayCard final : public CardDevice {
 public:
  explicit ReplayCard(std::vector<card_trace::Entry> entries) : entries_(std::move(entries)) {}

  Bytes process(ByteView apdu) override;
  bool hangs_on(ByteView apdu) override;
  void power_on() override { next_session(); }
  void power_off() override {}
  void reset() override { next_session(); }

  std::size_t unknown() const;  // commands the trace had no answer for

 private:
  std::size_t find(ByteView apdu) const;  // entries_.size(): none
  void next_session();

  const std::vector<card_trace::Entry> entries_;
  mutable std::mutex mutex_;
  std::size_t at_ = 0;
  bool used_ = false;  // this session answered something
  std::size_t unknown_ = 0;
};

}  // namespace taxgate::simulator
