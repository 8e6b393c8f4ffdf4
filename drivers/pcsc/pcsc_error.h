#pragma once
// PC/SC return codes → Error. Private to drivers/pcsc.
#include <cstdint>
#include <string_view>

#include "protocol/error.h"

namespace taxgate::pcsc {

/// Where the call stood when it failed decides what is known about the card.
enum class Phase : std::uint8_t {
  before,    // connecting, listing: the card has seen no command of ours
  transmit,  // SCardTransmit returned the code
};

Error error_of(long code, Phase phase, std::string_view context);
std::string_view code_name(long code);

}  // namespace taxgate::pcsc
