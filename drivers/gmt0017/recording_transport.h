#pragma once
// An ApduTransport that writes what passes through it to a file, masked, in the format of docs/card-trace.md.
#include <memory>
#include <string>

#include "drivers/gmt0017/apdu_transport.h"

namespace taxgate::gmt0017 {

/// A recording that somebody forgot to switch off stops here; the key works on.
inline constexpr std::size_t kLongestRecording = 32 * 1024 * 1024;

/// Appends to `file` (made with mode 0600, first line and all). A recording that cannot be written never disturbs the
/// key: then, and when the file is full, `inner` is used as if nobody listened. Thread and errors: those of `inner`.
std::unique_ptr<ApduTransport> record(std::unique_ptr<ApduTransport> inner, const std::string& file);

}  // namespace taxgate::gmt0017
