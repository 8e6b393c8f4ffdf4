#include "simulator/usbip/vhci.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "daemon/core/files.h"

namespace taxgate::simulator {
namespace {

constexpr unsigned kHighSpeed = 3;           // as the kernel numbers speeds
constexpr unsigned kFree = 4;                // a port's state: no socket
constexpr unsigned kDevice = 1U << 16 | 1U;  // bus and device at our end; nobody asks for them
constexpr std::string_view kHighSpeedHub = "hs", kNoDevice = "0-0";

std::string line_in(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

unsigned number(const std::string& text) {
  unsigned value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

Result<Vhci> Vhci::open(std::string sys) {
  Vhci out(std::move(sys));
  const std::string attach = out.directory() + "/attach";
  if (const UniqueFd file(::open(attach.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK)); file) return out;
  if (errno == EACCES || errno == EPERM) return fail(Errc::rejected, "sim.vhci_rights", attach);
  return fail(Errc::invalid_input, "sim.vhci_missing", attach, {}, {}, std::strerror(errno));
}

// One file for each controller, a line for each port:
//   hub port sta spd dev       sockfd local_busid
//   hs  0000 006 003 00010001  000003 3-1
Result<std::vector<Vhci::Port>> Vhci::ports() const {
  std::vector<Port> out;
  for (unsigned controller = 0;; ++controller) {
    const std::string path = directory() + (controller == 0 ? "/status" : fmt::format("/status.{}", controller));
    std::ifstream file(path);
    if (!file && controller > 0) return out;
    std::string line;
    if (!std::getline(file, line) || !line.starts_with("hub"))
      return fail(Errc::corrupt, "sim.vhci_status", path, line);
    while (std::getline(file, line)) {
      std::istringstream words(line);
      std::string hub, device, ignored;
      Port port;
      unsigned state = 0;
      if (!(words >> hub >> port.number >> state >> ignored >> ignored >> ignored >> device))
        return fail(Errc::corrupt, "sim.vhci_status", path, line);
      if (hub != kHighSpeedHub) continue;
      port.free = state == kFree;
      if (device != kNoDevice) port.device = device;
      out.push_back(std::move(port));
    }
  }
}

Result<unsigned> Vhci::attach(int fd) const {
  const auto all = ports();
  if (!all) return std::unexpected(all.error());
  for (const auto& port : *all) {
    if (!port.free) continue;
    const std::string file = directory() + "/attach";
    const std::string order = fmt::format("{} {} {} {}", port.number, fd, kDevice, kHighSpeed);
    const UniqueFd to(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
    if (to && ::write(to.get(), order.data(), order.size()) == static_cast<ssize_t>(order.size())) return port.number;
    // Busy: another program was quicker with this port.
    if (errno != EBUSY) return fail(Errc::retry_later, "sim.vhci_refused", file, {}, {}, std::strerror(errno));
  }
  return fail(Errc::limit_reached, "sim.vhci_full", {}, fmt::to_string(all->size()));
}

bool Vhci::is_gone(const UsbPlace& place) const {
  // Another may stand there already; numbers of devices are not used again soon.
  return number(line_in(device(place.port) + "/devnum")) != place.device;
}

std::optional<UsbPlace> Vhci::place(unsigned port) const {
  const auto all = ports();
  if (!all) return std::nullopt;
  const auto at = std::ranges::find(*all, port, &Port::number);
  if (at == all->end() || at->device.empty()) return std::nullopt;
  const std::string there = device(at->device);
  if (line_in(there + "/bConfigurationValue").empty()) return std::nullopt;
  UsbPlace out;
  out.port = at->device;
  out.bus = number(line_in(there + "/busnum"));
  out.device = number(line_in(there + "/devnum"));
  out.line = fmt::format("Bus {:03} Device {:03}: ID {}:{}", out.bus, out.device, line_in(there + "/idVendor"),
                         line_in(there + "/idProduct"));
  for (const char* text : {"/manufacturer", "/product"})
    if (const auto line = line_in(there + text); !line.empty()) out.line += " " + line;
  return out;
}

}  // namespace taxgate::simulator
