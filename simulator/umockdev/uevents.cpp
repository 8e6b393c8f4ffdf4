#include "simulator/umockdev/uevents.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <vector>

namespace taxgate::simulator {
namespace {

constexpr const char* kFresh = "event";     // as the preloaded library names them
constexpr const char* kKept = "listener-";  // out of its reach

/// What udevd puts before the properties (libudev's monitor format). The hashes are what the socket's filter looks at:
/// MurmurHash2 with seed 0, in network order.
struct Header {
  std::array<char, 8> prefix{'l', 'i', 'b', 'u', 'd', 'e', 'v', '\0'};
  std::uint32_t magic = htonl(0xfeedcafe);
  std::uint32_t header_size = sizeof(Header), properties_offset = sizeof(Header), properties_length = 0;
  std::uint32_t subsystem = htonl(0x577c5e5U);  // "usb"
  std::uint32_t devtype = htonl(0x27f8f50cU);   // "usb_device"
  std::uint32_t tags_high = 0, tags_low = 0;
};
static_assert(sizeof(Header) == 40);

std::vector<std::filesystem::path> named(const std::string& root, const std::vector<std::string>& beginnings) {
  std::vector<std::filesystem::path> found;
  std::error_code failed;
  for (std::filesystem::directory_iterator it(root, failed), end; it != end && !failed; it.increment(failed)) {
    const std::string name = it->path().filename().string();
    for (const auto& beginning : beginnings)
      if (name.starts_with(beginning)) found.push_back(it->path());
  }
  return found;
}

}  // namespace

void Uevents::send(const std::string& action, const std::string& kernel_path, unsigned address) {
  std::string properties;
  const auto add = [&](const std::string& line) { properties += line + '\0'; };
  add("ACTION=" + action);
  add("DEVPATH=" + kernel_path);
  add("SUBSYSTEM=usb");
  add("DEVTYPE=usb_device");
  add(fmt::format("DEVNAME=/dev/bus/usb/001/{:03}", address));
  add("BUSNUM=001");
  add(fmt::format("DEVNUM={:03}", address));
  add(fmt::format("SEQNUM={}", ++sequence_));
  Header header;
  header.properties_length = static_cast<std::uint32_t>(properties.size());
  std::string message(reinterpret_cast<const char*>(&header), sizeof header);
  message += properties;
  for (const auto& path : named(root_, {kFresh, kKept})) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    path.string().copy(to.sun_path, sizeof to.sun_path - 1);
    const int fd = ::socket(AF_UNIX, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd < 0) continue;
    const auto sent =
        ::sendto(fd, message.data(), message.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    if (sent < 0 && errno == ECONNREFUSED) ::unlink(path.c_str());  // its program is gone
    ::close(fd);
  }
}

unsigned Uevents::keep_listeners() {
  for (const auto& path : named(root_, {kFresh})) {
    std::error_code failed;
    std::filesystem::rename(path, root_ + "/" + kKept + std::to_string(kept_), failed);
    if (!failed) ++kept_;
  }
  return kept_;
}

}  // namespace taxgate::simulator
