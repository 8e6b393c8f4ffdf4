#pragma once
// KeyDevice over a GM/T 0017 card.
#include <memory>
#include <string>

#include "drivers/gmt0017/apdu_transport.h"
#include "drivers/gmt0017/key_device.h"

namespace taxgate::gmt0017 {

/// Where on the card the tax key lives. Empty: the first one the card lists, for cards that hold only one.
struct KeyLocation {
  std::string application, container;
  std::string disk_file = {};  // of the application, with a tax disk's state; empty: no disk's state is asked for
};

std::unique_ptr<KeyDevice> make_key(std::unique_ptr<ApduTransport> transport, KeyLocation location);

}  // namespace taxgate::gmt0017
