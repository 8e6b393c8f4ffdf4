#pragma once
// Processes of the key host: always exec'd, never only forked, so that no worker inherits the host's memory; killed by
// the kernel when the host dies.
#include <sys/types.h>

#include <string>
#include <vector>

#include "drivers/keyd/files.h"
#include "protocol/error.h"

namespace taxgate::keyd {

/// Number under which a child finds its socket.
inline constexpr int kChannelFd = 3;

struct Child {
  pid_t pid = -1;
  Fd channel;  // our end of a SOCK_SEQPACKET pair, non-blocking
};

/// Starts this very executable (also after an upgrade replaced the file) with the given arguments.
/// errors  limit_reached key.host_resources
Result<Child> start_self(const std::vector<std::string>& arguments);

/// A status of waitpid() in short: "signal 11 (Segmentation fault)", "exit 3".
std::string how_it_ended(int status);

/// For main(): asks the kernel to kill this process when `parent` (the host) dies. False: it died already.
bool die_with_parent(pid_t parent);
/// No core dump, no ptrace by the same user, no swap to disk of what SecretBytes locks.
void protect_memory();

}  // namespace taxgate::keyd
