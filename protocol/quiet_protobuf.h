#pragma once
// Bytes from a device, a peer or a caller that are no message are refused by an error of ours where they arrive;
// protobuf would write a line of its own to stderr besides, as often as somebody sends them.
#include <google/protobuf/stubs/logging.h>

namespace taxgate {

/// For main(), before any other thread.
inline void quiet_protobuf() { google::protobuf::SetLogHandler(nullptr); }

}  // namespace taxgate
