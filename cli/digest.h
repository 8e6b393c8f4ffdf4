#pragma once
// Digests of what the command line names to the daemon and does not send: tokens, certificates, papers.
#include <string>

#include "protocol/sm.h"

namespace taxgate::cli {

/// SHA-256, 64 hexadecimal digits in lower case, as sha256sum prints it.
std::string sha256_hex(ByteView data);

}  // namespace taxgate::cli
