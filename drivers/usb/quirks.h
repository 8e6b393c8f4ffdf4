#pragma once
// What is peculiar to one make of device: data, never code. From the matching file (device_table.h).
#include <chrono>
#include <cstdint>
#include <string>

#include "protocol/bot.h"

namespace taxgate::usb {

struct Quirks {
  /// A device that is not ready answers with an empty packet: asked again so often, so much later.
  unsigned not_ready_retries = 30;
  std::chrono::milliseconds not_ready_pause{100};
  /// The status block comes before the data.
  bool status_first = false;
  /// The command block must say that no data follows, although it does.
  bool zero_data_length = false;
  /// Bytes of one data phase. 5200 is the smallest cap known, and more than any answer we ask for.
  std::uint32_t max_transfer = 5200;
  /// Of one transfer. Shorter than the key host's sign deadline, so that a silent device meets the ladder first.
  std::chrono::milliseconds timeout{2500};
  /// Vendors' tails differ; the first two bytes do not. Unverified: 16 bytes, the tail zero.
  Bytes send_cdb = cdb(bot::kCardSend), receive_cdb = cdb(bot::kCardReceive);

  /// To be found in the device's INQUIRY answer, for makes that only tell themselves apart there; empty: any.
  std::string inquiry_vendor = {}, inquiry_product = {};

  friend bool operator==(const Quirks&, const Quirks&) = default;

 private:
  static Bytes cdb(std::uint8_t operation) {
    Bytes out(bot::kMaxCdb, 0);
    out[0] = bot::kVendorCommand;
    out[1] = operation;
    return out;
  }
};

}  // namespace taxgate::usb
