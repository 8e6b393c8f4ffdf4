#pragma once
// A virtual tax key behind SCSI: FE 01 takes a command to the card, FE 02 gives its answer.
#include "simulator/device/bot_function.h"
#include "simulator/device/virtual_key.h"

namespace taxgate::simulator {

class CardTarget final : public ScsiTarget {
 public:
  /// `key` must outlive it.
  explicit CardTarget(VirtualKey& key, bot::Inquiry inquiry = {"TAXGATE", "SIMULATED KEY", "1.0"})
      : key_(key), inquiry_(std::move(inquiry)) {}

  bool takes_data(ByteView cdb) const override;
  Reply command(ByteView cdb, ByteView data) override;
  bot::Inquiry inquiry() const override { return inquiry_; }
  void reset() override;
  void power(bool on) override;

 private:
  VirtualKey& key_;
  const bot::Inquiry inquiry_;
  Bytes answer_;  // of the last command; fetched once
};

}  // namespace taxgate::simulator
