#pragma once
// ApduTransport over a PC/SC reader (pcsclite). Source: PC/SC part 5 as pcsclite 1.9 implements it.
#include <memory>
#include <string>

#include "drivers/gmt0017/apdu_transport.h"

namespace taxgate::pcsc {

/// Connects to the card in `reader`, exclusively: no other program may use the session after our PIN opened it.
/// Blocks as long as pcscd does, which may be for ever: call it in a process that can be killed.
/// errors  device_gone  key.gone (no such reader, no card), key.mute (the card does not answer its reset)
///         retry_later  key.reader_busy (another program holds the card), pcsc.no_service (pcscd is not there)
Result<std::unique_ptr<ApduTransport>> connect(const std::string& reader);

}  // namespace taxgate::pcsc
