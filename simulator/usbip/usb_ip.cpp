#include "simulator/usbip/usb_ip.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <utility>

#include "protocol/messages.h"

namespace taxgate::simulator {

using usbip::Status;

namespace {

constexpr std::uint8_t kTypeBits = 0x60;  // of bmRequestType; 0: a standard request (USB 2.0, 9.3)
constexpr std::uint8_t kToDevice = 0x00, kToInterface = 0x01, kToEndpoint = 0x02;
constexpr std::uint8_t kClearFeature = 1, kSetConfiguration = 9, kSetInterface = 11;
constexpr std::size_t kReadSize = 65536;
// Answers the host has not fetched: beyond, nothing more is read from it. More than one answer of any device of ours.
constexpr std::size_t kMaxUnsent = std::size_t{1} << 20;

Status status_of(UsbEnd end) {
  return end == UsbEnd::ok ? Status::ok : end == UsbEnd::stalled ? Status::stalled : Status::cancelled;
}

}  // namespace

UsbIpLink::UsbIpLink(VirtualUsb& device, std::function<void(Bytes)> send) : device_(device), send_(std::move(send)) {
  device_.plug({.complete = [this](UsbCompletion completion) { complete(std::move(completion)); },
                .pulled = [this](std::uint32_t) { over_ = true; }});
}

UsbIpLink::~UsbIpLink() { device_.unplug(); }

Result<void> UsbIpLink::take(ByteView bytes) {
  for (;;) {
    auto request = reader_.next(bytes);
    if (!request) return std::unexpected(request.error());
    if (!*request || over_) return {};
    if (auto* unlink_request = std::get_if<usbip::Unlink>(&**request))
      unlink(*unlink_request);
    else if (auto done = submit(std::move(std::get<usbip::Submit>(**request))); !done)
      return done;
  }
}

Result<void> UsbIpLink::submit(usbip::Submit request) {
  const std::uint64_t id = request.sequence;
  const auto too_much = [](const char* what) { return fail(Errc::limit_reached, "sim.usbip_limit", what); };
  if (under_way_.contains(id))
    return fail(Errc::corrupt, "sim.usbip_format", "sequence", fmt::to_string(request.sequence));
  if (under_way_.size() >= kMaxUnderWay) return too_much("transfers");
  if (held_ + request.data.size() > kMaxHeld) return too_much("bytes");
  under_way_[id] = {request.in, request.data.size()};
  held_ += request.data.size();

  if (request.endpoint == 0 && (request.setup[0] & kTypeBits) == 0) {
    standard(request);
    return {};
  }
  if (request.endpoint != 0 && request.endpoint != kBulkIn && request.endpoint != kBulkOut) {
    complete({id, UsbEnd::stalled, {}, 0});
    return {};
  }
  device_.submit({.id = id,
                  .endpoint = request.endpoint,
                  .setup = request.setup,
                  .data = std::move(request.data),
                  .length = request.length});
  return {};
}

void UsbIpLink::unlink(const usbip::Unlink& request) {
  // Forgotten before it is cancelled: the host takes an answer to a transfer it has given up for the end of the link.
  const auto at = under_way_.find(request.victim);
  const bool waited = at != under_way_.end();
  if (waited) {
    held_ -= at->second.held;
    under_way_.erase(at);
    device_.cancel(request.victim);
  }
  send_(usbip::unlink_answer(request.sequence, waited ? Status::cancelled : Status::ok));
}

/// USB 2.0, 9.4. The address is the host controller's own affair and never comes.
void UsbIpLink::standard(const usbip::Submit& request) {
  const auto [type, what, value, value_high, index, index_high, length, length_high] = request.setup;
  UsbCompletion done{request.sequence, UsbEnd::stalled, {}, 0};
  if (type == kToEndpoint && what == kClearFeature && value == 0) {  // ENDPOINT_HALT
    if ((index == kBulkIn || index == kBulkOut) && device_.clear_halt(index)) done.end = UsbEnd::ok;
  } else if (type == kToDevice && what == kSetConfiguration && value <= 1) {
    device_.reset();  // ends what is under way, this one not: it is no transfer of the device
    done.end = UsbEnd::ok;
  } else if (type == kToInterface && what == kSetInterface && value == 0 && index == 0) {
    done.end = UsbEnd::ok;
  } else if (auto answer = usb_standard_answer(device_.identity(), request.setup)) {
    done.end = UsbEnd::ok;
    if (answer->size() > request.length) answer->resize(request.length);
    done.moved = answer->size();
    done.data = std::move(*answer);
  }
  complete(std::move(done));
}

void UsbIpLink::complete(UsbCompletion completion) {
  const auto at = under_way_.find(completion.id);
  if (at == under_way_.end() || completion.end == UsbEnd::gone) return;  // gone: the hang-up says it
  const Waiting waiting = at->second;
  held_ -= waiting.held;
  under_way_.erase(at);
  if (!waiting.in) completion.data.clear();
  const auto moved = static_cast<std::uint32_t>(waiting.in ? completion.data.size() : completion.moved);
  send_(usbip::submit_answer(static_cast<std::uint32_t>(completion.id), status_of(completion.end), moved,
                             completion.data));
}

UsbIpEnd serve_usb_ip(int fd, int stop, VirtualUsb& device) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  Bytes unsent, part(kReadSize);
  UsbIpLink link(device, [&unsent](const Bytes& answer) { unsent.insert(unsent.end(), answer.begin(), answer.end()); });
  const auto failed = [] { return errno != EAGAIN && errno != EINTR; };
  for (;;) {
    while (!unsent.empty()) {
      const auto sent = ::send(fd, unsent.data(), unsent.size(), MSG_NOSIGNAL);
      if (sent < 0 && failed()) return UsbIpEnd::hung_up;
      if (sent < 0) break;
      unsent.erase(unsent.begin(), unsent.begin() + sent);
    }
    if (link.pulled()) return UsbIpEnd::pulled;
    const bool reads = unsent.size() < kMaxUnsent;
    const auto events = static_cast<short>((reads ? POLLIN : 0) | (unsent.empty() ? 0 : POLLOUT));
    std::array<pollfd, 2> wait{{{fd, events, 0}, {stop, POLLIN, 0}}};
    if (::poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR) return UsbIpEnd::hung_up;
    if (wait[1].revents != 0) return UsbIpEnd::stopped;
    if ((wait[0].revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
    const auto got = ::recv(fd, part.data(), part.size(), 0);
    if (got == 0 || (got < 0 && failed())) return UsbIpEnd::hung_up;
    if (got < 0) continue;
    if (const auto taken = link.take(ByteView(part).first(static_cast<std::size_t>(got))); !taken) {
      fmt::print(stderr, "taxgate-sim: {}\n", message_text(taken.error(), Language::english));
      return UsbIpEnd::refused;
    }
  }
}

}  // namespace taxgate::simulator
