#include "simulator/usbredir/usb_redir.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <usbredirparser.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <map>
#include <utility>
#include <variant>

#include <fmt/format.h>

namespace taxgate::simulator {
namespace {

constexpr std::size_t kEndpoints = 32;  // as the protocol numbers them: 16 out, 16 in
constexpr std::uint8_t kEndpointHalt = 0, kClearFeature = 1, kToEndpoint = 0x02, kTypeBits = 0x60;
constexpr std::uint8_t kConfigurationValue = 1;

std::size_t endpoint_index(std::uint8_t address) { return (address & 0x80 ? 16U : 0U) | (address & 0x0FU); }

std::uint8_t status_of(UsbEnd end) {
  switch (end) {
    case UsbEnd::ok:
      return usb_redir_success;
    case UsbEnd::stalled:
      return usb_redir_stall;
    case UsbEnd::cancelled:
      return usb_redir_cancelled;
    case UsbEnd::gone:
      return usb_redir_ioerror;
  }
  return usb_redir_ioerror;
}

/// One guest, from its first byte to its last. The parser's callbacks run inside do_read(), on the thread of run().
class Link {
 public:
  Link(int fd, VirtualUsb& device) : fd_(fd), device_(device), parser_(usbredirparser_create()) {
    set_callbacks();
    std::array<std::uint32_t, USB_REDIR_CAPS_SIZE> capabilities{};
    for (const int one : {usb_redir_cap_connect_device_version, usb_redir_cap_ep_info_max_packet_size,
                          usb_redir_cap_64bits_ids, usb_redir_cap_32bits_bulk_length})
      usbredirparser_caps_set_cap(capabilities.data(), one);
    char version[] = "taxgate-sim";
    usbredirparser_init(parser_, version, capabilities.data(), USB_REDIR_CAPS_SIZE, usbredirparser_fl_usb_host);
  }
  ~Link() {
    over_ = true;  // nothing is said to the guest any more
    device_.unplug();
    usbredirparser_destroy(parser_);
  }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  void run(int stop) {
    while (!over_) {
      const bool to_write = usbredirparser_has_data_to_write(parser_) > 0;
      std::array<pollfd, 2> wait{{{fd_, static_cast<short>(POLLIN | (to_write ? POLLOUT : 0)), 0}, {stop, POLLIN, 0}}};
      if (::poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR) return;
      if (wait[1].revents != 0) return;
      if (wait[0].revents & (POLLIN | POLLHUP | POLLERR) && usbredirparser_do_read(parser_) != 0) return;
      if (usbredirparser_has_data_to_write(parser_) > 0 && usbredirparser_do_write(parser_) != 0) return;
    }
  }

 private:
  using Head = std::variant<usb_redir_control_packet_header, usb_redir_bulk_packet_header>;
  static Link& self(void* priv) { return *static_cast<Link*>(priv); }

  void set_callbacks() {
    parser_->priv = this;
    parser_->log_func = [](void*, int level, const char* text) {
      if (level <= usbredirparser_warning) fmt::print(stderr, "taxgate-sim: usbredir: {}\n", text);
    };
    parser_->read_func = [](void* priv, std::uint8_t* into, int size) { return self(priv).read(into, size); };
    parser_->write_func = [](void* priv, std::uint8_t* from, int size) { return self(priv).write(from, size); };
    parser_->hello_func = [](void* priv, usb_redir_hello_header*) { self(priv).introduce(); };
    parser_->reset_func = [](void* priv) { self(priv).device_.reset(); };
    parser_->set_configuration_func = [](void* priv, std::uint64_t id, usb_redir_set_configuration_header* wanted) {
      self(priv).configured(id, wanted->configuration);
    };
    parser_->get_configuration_func = [](void* priv, std::uint64_t id) {
      self(priv).configured(id, kConfigurationValue);
    };
    parser_->set_alt_setting_func = [](void* priv, std::uint64_t id, usb_redir_set_alt_setting_header* wanted) {
      self(priv).alternate(id, wanted->interface, wanted->alt);
    };
    parser_->get_alt_setting_func = [](void* priv, std::uint64_t id, usb_redir_get_alt_setting_header* wanted) {
      self(priv).alternate(id, wanted->interface, 0);
    };
    parser_->cancel_data_packet_func = [](void* priv, std::uint64_t id) { self(priv).device_.cancel(id); };
    parser_->control_packet_func = [](void* priv, std::uint64_t id, usb_redir_control_packet_header* head,
                                      std::uint8_t* data,
                                      int size) { self(priv).control(id, *head, self(priv).take(data, size)); };
    parser_->bulk_packet_func = [](void* priv, std::uint64_t id, usb_redir_bulk_packet_header* head, std::uint8_t* data,
                                   int size) { self(priv).bulk(id, *head, self(priv).take(data, size)); };
    refuse_the_rest();
  }

  /// Pipes and packets this device does not have. The parser calls what a guest names without looking.
  void refuse_the_rest() {
    parser_->start_iso_stream_func = [](void* priv, std::uint64_t id, usb_redir_start_iso_stream_header* head) {
      usb_redir_iso_stream_status_header status{usb_redir_inval, head->endpoint};
      usbredirparser_send_iso_stream_status(self(priv).parser_, id, &status);
    };
    parser_->stop_iso_stream_func = [](void*, std::uint64_t, usb_redir_stop_iso_stream_header*) {};
    parser_->start_interrupt_receiving_func = [](void* priv, std::uint64_t id,
                                                 usb_redir_start_interrupt_receiving_header* head) {
      usb_redir_interrupt_receiving_status_header status{usb_redir_inval, head->endpoint};
      usbredirparser_send_interrupt_receiving_status(self(priv).parser_, id, &status);
    };
    parser_->stop_interrupt_receiving_func = [](void*, std::uint64_t, usb_redir_stop_interrupt_receiving_header*) {};
    parser_->alloc_bulk_streams_func = [](void* priv, std::uint64_t id, usb_redir_alloc_bulk_streams_header* head) {
      usb_redir_bulk_streams_status_header status{head->endpoints, 0, usb_redir_inval};
      usbredirparser_send_bulk_streams_status(self(priv).parser_, id, &status);
    };
    parser_->free_bulk_streams_func = [](void*, std::uint64_t, usb_redir_free_bulk_streams_header*) {};
    parser_->start_bulk_receiving_func = [](void*, std::uint64_t, usb_redir_start_bulk_receiving_header*) {};
    parser_->stop_bulk_receiving_func = [](void*, std::uint64_t, usb_redir_stop_bulk_receiving_header*) {};
    parser_->filter_reject_func = [](void* priv) { self(priv).over_ = true; };
    parser_->filter_filter_func = [](void*, usbredirfilter_rule* rules, int) { std::free(rules); };
    parser_->device_disconnect_ack_func = [](void*) {};
    parser_->iso_packet_func = [](void* priv, std::uint64_t, usb_redir_iso_packet_header*, std::uint8_t* data,
                                  int size) { self(priv).take(data, size); };
    parser_->interrupt_packet_func = [](void* priv, std::uint64_t, usb_redir_interrupt_packet_header*,
                                        std::uint8_t* data, int size) { self(priv).take(data, size); };
  }

  /// The packet's data, which the callback owns.
  Bytes take(std::uint8_t* data, int size) {
    Bytes out;
    if (data) out.assign(data, data + size);
    usbredirparser_free_packet_data(parser_, data);
    return out;
  }

  int read(std::uint8_t* into, int size) {
    const auto got = ::recv(fd_, into, static_cast<std::size_t>(size), 0);
    if (got > 0) return static_cast<int>(got);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    over_ = true;
    return -1;
  }
  int write(const std::uint8_t* from, int size) {
    const auto sent = ::send(fd_, from, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    if (sent >= 0) return static_cast<int>(sent);
    if (errno == EAGAIN || errno == EINTR) return 0;
    over_ = true;
    return -1;
  }

  void describe() {
    const bool reader = device_.identity().kind == UsbKind::card_reader;
    usb_redir_interface_info_header interfaces{};
    interfaces.interface_count = 1;
    interfaces.interface_class[0] = reader ? 0x0B : 0x08;
    interfaces.interface_subclass[0] = reader ? 0x00 : 0x06;
    interfaces.interface_protocol[0] = reader ? 0x00 : 0x50;
    usbredirparser_send_interface_info(parser_, &interfaces);
    usb_redir_ep_info_header endpoints{};
    std::fill(std::begin(endpoints.type), std::end(endpoints.type), std::uint8_t{usb_redir_type_invalid});
    for (const std::size_t control : {std::size_t{0}, kEndpoints / 2}) {
      endpoints.type[control] = usb_redir_type_control;
      endpoints.max_packet_size[control] = 64;
    }
    for (const auto address : {kBulkIn, kBulkOut}) {
      endpoints.type[endpoint_index(address)] = usb_redir_type_bulk;
      endpoints.max_packet_size[endpoint_index(address)] = kBulkPacket;
    }
    usbredirparser_send_ep_info(parser_, &endpoints);
  }

  void introduce() {
    device_.plug({.complete = [this](UsbCompletion completion) { complete(std::move(completion)); },
                  .pulled = [this](std::uint32_t) { over_ = true; }});
    describe();
    usb_redir_device_connect_header connect{};
    connect.speed = usb_redir_speed_high;
    connect.vendor_id = device_.identity().vendor;
    connect.product_id = device_.identity().product;
    connect.device_version_bcd = 0x0100;
    usbredirparser_send_device_connect(parser_, &connect);
  }

  void configured(std::uint64_t id, std::uint8_t value) {
    describe();
    usb_redir_configuration_status_header status{usb_redir_success, kConfigurationValue};
    if (value != kConfigurationValue) status.status = usb_redir_inval;
    usbredirparser_send_configuration_status(parser_, id, &status);
  }
  void alternate(std::uint64_t id, std::uint8_t interface, std::uint8_t alt) {
    usb_redir_alt_setting_status_header status{usb_redir_success, interface, 0};
    if (alt != 0) status.status = usb_redir_inval;
    usbredirparser_send_alt_setting_status(parser_, id, &status);
  }

  void control(std::uint64_t id, usb_redir_control_packet_header head, Bytes data) {
    const auto byte = [](unsigned value, int shift) { return static_cast<std::uint8_t>(value >> shift); };
    const std::array<std::uint8_t, 8> setup{head.requesttype,     head.request,        byte(head.value, 0),
                                            byte(head.value, 8),  byte(head.index, 0), byte(head.index, 8),
                                            byte(head.length, 0), byte(head.length, 8)};
    flying_[id] = head;
    if ((head.requesttype & kTypeBits) != 0) {
      if (!device_.submit({.id = id, .endpoint = 0, .setup = setup, .data = std::move(data), .length = head.length}))
        complete({id, UsbEnd::gone, {}, 0});
      return;
    }
    const bool clears_halt =
        head.requesttype == kToEndpoint && head.request == kClearFeature && head.value == kEndpointHalt;
    UsbCompletion done{id, UsbEnd::stalled, {}, 0};
    if (clears_halt) {
      done.end = device_.clear_halt(static_cast<std::uint8_t>(head.index)) ? UsbEnd::ok : UsbEnd::gone;
    } else if (auto answer = usb_standard_answer(device_.identity(), setup)) {
      done.end = UsbEnd::ok;
      done.moved = answer->size();
      done.data = std::move(*answer);
    }
    complete(std::move(done));
  }

  void bulk(std::uint64_t id, usb_redir_bulk_packet_header head, Bytes data) {
    flying_[id] = head;
    const std::size_t length = head.length | static_cast<std::size_t>(head.length_high) << 16;
    const bool known = head.endpoint == kBulkIn || head.endpoint == kBulkOut;
    if (!known || !device_.submit({.id = id, .endpoint = head.endpoint, .data = std::move(data), .length = length}))
      complete({id, known ? UsbEnd::gone : UsbEnd::stalled, {}, 0});
  }

  void complete(UsbCompletion completion) {
    const auto at = flying_.find(completion.id);
    if (over_ || at == flying_.end()) return;
    Head head = at->second;
    flying_.erase(at);
    const int size = static_cast<int>(completion.data.size());
    std::uint8_t* bytes = size > 0 ? completion.data.data() : nullptr;
    if (auto* control = std::get_if<usb_redir_control_packet_header>(&head)) {
      control->status = status_of(completion.end);
      control->length = static_cast<std::uint16_t>(completion.moved);
      usbredirparser_send_control_packet(parser_, completion.id, control, bytes, size);
    } else if (auto* pipe = std::get_if<usb_redir_bulk_packet_header>(&head)) {
      pipe->status = status_of(completion.end);
      pipe->length = static_cast<std::uint16_t>(completion.moved);
      pipe->length_high = static_cast<std::uint16_t>(completion.moved >> 16);
      usbredirparser_send_bulk_packet(parser_, completion.id, pipe, bytes, size);
    }
  }

  const int fd_;
  VirtualUsb& device_;
  usbredirparser* parser_;
  bool over_ = false;
  std::map<std::uint64_t, Head> flying_;  // by the guest's number, which is ours too
};

}  // namespace

void serve_usb_redir(int fd, int stop, VirtualUsb& device) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  Link(fd, device).run(stop);
}

Result<std::unique_ptr<UsbRedirSocket>> UsbRedirSocket::listen(const std::string& path) {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if (path.size() >= sizeof at.sun_path)
    return fail(Errc::invalid_input, "sim.usb_socket", path, {}, {}, "longer than a socket's path may be");
  std::memcpy(at.sun_path, path.c_str(), path.size() + 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  std::unique_ptr<UsbRedirSocket> out(new UsbRedirSocket(path, fd));
  ::unlink(path.c_str());
  if (fd < 0 || ::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 || ::listen(fd, 1) != 0)
    return fail(Errc::retry_later, "sim.usb_socket", path, {}, {}, std::strerror(errno));
  return out;
}

UsbRedirSocket::~UsbRedirSocket() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(path_.c_str());
}

void UsbRedirSocket::serve(int stop, VirtualUsb& device) {
  for (;;) {
    std::array<pollfd, 2> wait{{{fd_, POLLIN, 0}, {stop, POLLIN, 0}}};
    if (::poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR) return;
    if (wait[1].revents != 0) return;
    if (wait[0].revents == 0) continue;
    const int guest = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (guest < 0) continue;
    serve_usb_redir(guest, stop, device);
    ::close(guest);
  }
}

}  // namespace taxgate::simulator
