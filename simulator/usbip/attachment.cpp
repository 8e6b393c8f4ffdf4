#include "simulator/usbip/attachment.h"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace taxgate::simulator {
namespace {

using namespace std::chrono_literals;

// The kernel takes 0.2 s to configure a device, an emulated machine some seconds; hub and drivers wait 5 s for an
// answer.
constexpr auto kTakenWithin = 20s, kGoneWithin = 10s;
constexpr auto kLookEvery = 20ms;

bool soon(auto holds, std::chrono::milliseconds within) {
  const auto until = std::chrono::steady_clock::now() + within;
  while (!holds()) {
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(kLookEvery);
  }
  return true;
}

}  // namespace

Result<std::unique_ptr<Attachment>> Attachment::plug(const Vhci& vhci, VirtualUsb& device,
                                                     std::function<void(UsbIpEnd)> ended) {
  std::unique_ptr<Attachment> out(new Attachment(vhci, device, std::move(ended)));
  if (auto started = out->start(); !started) return std::unexpected(started.error());
  return out;
}

Result<void> Attachment::start() {
  int pair[2] = {-1, -1};
  stop_.reset(::eventfd(0, EFD_CLOEXEC));
  if (!stop_ || ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
    return fail(Errc::retry_later, "sim.vhci_socket", {}, {}, {}, std::strerror(errno));
  ours_.reset(pair[0]);
  kernels_.reset(pair[1]);
  const auto port = vhci_.attach(kernels_.get());
  if (!port) return std::unexpected(port.error());
  port_ = *port;
  server_ = std::jthread([this] { serve(); });
  soon(
      [this] {
        auto place = vhci_.place(port_);
        if (place) place_ = std::move(*place);
        return place.has_value() || over_;
      },
      kTakenWithin);
  // The kernel has its own hold on it; ours would keep the line open when the kernel lets go.
  kernels_.reset();
  if (place_.port.empty()) return fail(Errc::retry_later, "sim.vhci_not_taken", fmt::to_string(port_));
  return {};
}

void Attachment::serve() {
  const auto end = serve_usb_ip(ours_.get(), stop_.get(), device_);
  over_ = true;
  if (end == UsbIpEnd::stopped) return;
  ::shutdown(ours_.get(), SHUT_RDWR);  // the kernel must not wait for answers that nobody gives
  if (ended_) ended_(end);
}

Attachment::~Attachment() {
  if (server_.joinable()) {
    ::eventfd_write(stop_.get(), 1);
    server_.join();
  }
  ours_.reset();
  kernels_.reset();
  if (!place_.port.empty()) soon([this] { return vhci_.is_gone(place_); }, kGoneWithin);
}

}  // namespace taxgate::simulator
