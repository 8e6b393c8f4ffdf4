#include "drivers/usb/usb_devices.h"

#include <fmt/core.h>
#include <libusb.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <utility>

namespace taxgate::usb {
namespace {

// Five hubs deep at most, says the standard; libusb asks for room for seven.
constexpr int kMaxPorts = 7;
// Longer than any string descriptor can be.
constexpr std::size_t kMaxAttribute = 256;

constexpr const char* kSysfs = "/sys/bus/usb/devices/";

/// A context without the automatic look at every device is not to be had in libusb 1.0.26; it reads sysfs only.
struct Context {
  libusb_context* raw = nullptr;
  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() {
    if (raw) libusb_exit(raw);
  }
};

std::unexpected<Error> no_service(int code) {
  return fail(Errc::retry_later, "usb.no_service", {}, {}, {}, libusb_error_name(code));
}

/// A string the kernel read from the device when it was plugged in; empty when it could not.
std::string attribute(const std::string& port, const char* name) {
  std::ifstream file(std::string(kSysfs) + port + "/" + name, std::ios::binary);
  std::string text(kMaxAttribute, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\0' || text.back() == ' ')) text.pop_back();
  return text;
}

std::string port_of(libusb_device* device) {
  std::array<std::uint8_t, kMaxPorts> ports{};
  const int count = libusb_get_port_numbers(device, ports.data(), kMaxPorts);
  if (count <= 0) return {};  // a root hub
  std::string text = fmt::format("{}-", libusb_get_bus_number(device));
  for (int i = 0; i < count; ++i) text += fmt::format("{}{}", i == 0 ? "" : ".", ports[static_cast<std::size_t>(i)]);
  return text;
}

/// Nothing of it asks the device. Nothing: a root hub.
std::optional<UsbFacts> facts_of(libusb_device* device) {
  UsbFacts facts;
  facts.port = port_of(device);
  libusb_device_descriptor descriptor{};
  if (facts.port.empty() || libusb_get_device_descriptor(device, &descriptor) != LIBUSB_SUCCESS) return std::nullopt;
  facts.bus = libusb_get_bus_number(device);
  facts.address = libusb_get_device_address(device);
  facts.vendor = descriptor.idVendor;
  facts.product = descriptor.idProduct;
  facts.manufacturer = attribute(facts.port, "manufacturer");
  facts.product_name = attribute(facts.port, "product");
  facts.serial = attribute(facts.port, "serial");
  return facts;
}

}  // namespace

struct DeviceWatch::State {
  std::unique_ptr<Context> context;
  std::map<std::pair<std::uint8_t, std::uint8_t>, UsbFacts> devices;  // by bus and address
  bool changed = false, told = false;

  static int LIBUSB_CALL plugged(libusb_context*, libusb_device* device, libusb_hotplug_event event, void* user) {
    auto& state = *static_cast<State*>(user);
    const std::pair key(libusb_get_bus_number(device), libusb_get_device_address(device));
    if (event == LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT) {
      state.changed |= state.devices.erase(key) != 0;
    } else if (auto facts = facts_of(device)) {
      state.devices[key] = std::move(*facts);
      state.changed = true;
    }
    return 0;  // stay registered
  }

  Result<void> start() {
    if (context) return {};
    auto fresh = std::make_unique<Context>();
    if (const int code = libusb_init(&fresh->raw); code != LIBUSB_SUCCESS) return no_service(code);
    devices.clear();
    const int code = libusb_hotplug_register_callback(
        fresh->raw, LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED | LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT, LIBUSB_HOTPLUG_ENUMERATE,
        LIBUSB_HOTPLUG_MATCH_ANY, LIBUSB_HOTPLUG_MATCH_ANY, LIBUSB_HOTPLUG_MATCH_ANY, &State::plugged, this, nullptr);
    if (code != LIBUSB_SUCCESS) return no_service(code);
    context = std::move(fresh);
    told = false;
    return {};
  }
};

DeviceWatch::DeviceWatch() : state_(std::make_unique<State>()) {}
DeviceWatch::~DeviceWatch() = default;

Result<std::vector<UsbFacts>> DeviceWatch::next() {
  if (auto started = state_->start(); !started) return std::unexpected(started.error());
  while (state_->told && !state_->changed) {
    // libusb wakes up once a minute by itself; everything else is an event.
    const int code = libusb_handle_events(state_->context->raw);
    if (code != LIBUSB_SUCCESS && code != LIBUSB_ERROR_INTERRUPTED) {
      state_->context.reset();
      return no_service(code);
    }
  }
  state_->told = true;
  state_->changed = false;
  std::vector<UsbFacts> list;
  for (const auto& [key, facts] : state_->devices) list.push_back(facts);
  std::ranges::sort(list, {}, &UsbFacts::port);
  return list;
}

namespace {

Moved moved(int code) {
  switch (code) {
    case LIBUSB_SUCCESS:
      return Moved::done;
    case LIBUSB_ERROR_PIPE:
      return Moved::stalled;
    case LIBUSB_ERROR_TIMEOUT:
      return Moved::timeout;
    case LIBUSB_ERROR_OVERFLOW:
      return Moved::overflow;
    case LIBUSB_ERROR_NO_DEVICE:
    case LIBUSB_ERROR_NOT_FOUND:
      return Moved::gone;
    default:
      return Moved::failed;
  }
}

struct Interface {
  std::uint8_t number = 0, in = 0, out = 0;
};

std::optional<Interface> bulk_only_interface(libusb_device* device) {
  libusb_config_descriptor* config = nullptr;
  if (libusb_get_active_config_descriptor(device, &config) != LIBUSB_SUCCESS &&
      libusb_get_config_descriptor(device, 0, &config) != LIBUSB_SUCCESS)
    return std::nullopt;
  constexpr std::uint8_t kScsiTransparent = 0x06, kBulkOnly = 0x50;
  std::optional<Interface> found;
  for (int i = 0; i < config->bNumInterfaces && !found; ++i) {
    if (config->interface[i].num_altsetting < 1) continue;
    const libusb_interface_descriptor& setting = config->interface[i].altsetting[0];
    const bool ours = setting.bInterfaceClass == LIBUSB_CLASS_MASS_STORAGE &&
                      setting.bInterfaceSubClass == kScsiTransparent && setting.bInterfaceProtocol == kBulkOnly;
    if (!ours) continue;
    Interface interface{setting.bInterfaceNumber, 0, 0};
    for (int e = 0; e < setting.bNumEndpoints; ++e) {
      const libusb_endpoint_descriptor& endpoint = setting.endpoint[e];
      if ((endpoint.bmAttributes & 3) != LIBUSB_TRANSFER_TYPE_BULK) continue;
      (endpoint.bEndpointAddress & LIBUSB_ENDPOINT_IN ? interface.in : interface.out) = endpoint.bEndpointAddress;
    }
    if (interface.in != 0 && interface.out != 0) found = interface;
  }
  libusb_free_config_descriptor(config);
  return found;
}

class LibusbTransport final : public BulkTransport {
 public:
  LibusbTransport(std::shared_ptr<Context> context, libusb_device_handle* handle)
      : context_(std::move(context)), handle_(handle) {}
  LibusbTransport(const LibusbTransport&) = delete;
  LibusbTransport& operator=(const LibusbTransport&) = delete;
  ~LibusbTransport() override {
    // Releasing gives the interface back to the kernel's driver.
    if (claimed_) libusb_release_interface(handle_, interface_.number);
    libusb_close(handle_);
  }

  int claim(const Interface& interface) {
    interface_ = interface;
    libusb_set_auto_detach_kernel_driver(handle_, 1);
    const int code = libusb_claim_interface(handle_, interface_.number);
    claimed_ = code == LIBUSB_SUCCESS;
    return code;
  }

  Transfer out(ByteView data, Milliseconds timeout) override {
    return bulk(interface_.out, const_cast<std::uint8_t*>(data.data()), data.size(), timeout);
  }
  Transfer in(std::span<std::uint8_t> into, Milliseconds timeout) override {
    return bulk(interface_.in, into.data(), into.size(), timeout);
  }
  Moved clear_halt(Pipe pipe) override {
    return moved(libusb_clear_halt(handle_, pipe == Pipe::in ? interface_.in : interface_.out));
  }
  Moved class_reset(Milliseconds timeout) override {
    return moved(std::min(0, libusb_control_transfer(handle_, bot::kResetType, bot::kResetRequest, 0, interface_.number,
                                                     nullptr, 0, count(timeout))));
  }
  Moved max_lun(std::uint8_t& lun, Milliseconds timeout) override {
    return moved(std::min(0, libusb_control_transfer(handle_, bot::kGetMaxLunType, bot::kGetMaxLunRequest, 0,
                                                     interface_.number, &lun, 1, count(timeout))));
  }
  Moved reset_device() override { return moved(libusb_reset_device(handle_)); }

 private:
  // 0 would mean "for ever".
  static unsigned count(Milliseconds timeout) {
    return static_cast<unsigned>(std::max<std::int64_t>(1, timeout.count()));
  }

  Transfer bulk(std::uint8_t endpoint, std::uint8_t* data, std::size_t size, Milliseconds timeout) {
    int actual = 0;
    const int code = libusb_bulk_transfer(handle_, endpoint, data, static_cast<int>(size), &actual, count(timeout));
    return {moved(code), static_cast<std::size_t>(std::max(0, actual))};
  }

  std::shared_ptr<Context> context_;
  libusb_device_handle* handle_;
  Interface interface_;
  bool claimed_ = false;
};

/// A device that stays valid as long as this lives, which is never longer than its context.
struct DeviceRef {
  std::shared_ptr<Context> context;
  libusb_device* raw = nullptr;
  DeviceRef(std::shared_ptr<Context> in, libusb_device* device) : context(std::move(in)), raw(device) {}
  DeviceRef(DeviceRef&& other) noexcept : context(std::move(other.context)), raw(std::exchange(other.raw, nullptr)) {}
  DeviceRef& operator=(DeviceRef&&) = delete;
  ~DeviceRef() {
    if (raw) libusb_unref_device(raw);
  }
};

Result<DeviceRef> find_device(const std::string& port) {
  auto context = std::make_shared<Context>();
  if (const int code = libusb_init(&context->raw); code != LIBUSB_SUCCESS) return no_service(code);
  libusb_device** list = nullptr;
  const ssize_t count = libusb_get_device_list(context->raw, &list);
  if (count < 0) return no_service(static_cast<int>(count));
  libusb_device* found = nullptr;
  for (ssize_t i = 0; i < count && !found; ++i)
    if (port_of(list[i]) == port) found = libusb_ref_device(list[i]);
  libusb_free_device_list(list, 1);
  if (!found) return fail(Errc::device_gone, "key.gone", {}, {}, {}, "no device at port " + port);
  return DeviceRef(std::move(context), found);
}

}  // namespace

Result<UsbFacts> device_at(const std::string& port) {
  const auto device = find_device(port);
  if (!device) return std::unexpected(device.error());
  auto facts = facts_of(device->raw);
  if (!facts) return fail(Errc::device_gone, "key.gone", {}, {}, {}, "no descriptors");
  return std::move(*facts);
}

Result<std::unique_ptr<BulkTransport>> open_device(const UsbFacts& facts) {
  const auto device = find_device(facts.port);
  if (!device) return std::unexpected(device.error());
  const auto refuse = [&](int code, const char* what) -> std::unexpected<Error> {
    std::string detail = fmt::format("{}: {}", what, libusb_error_name(code));
    // libusb calls a device that the service's cgroup denies (EPERM) an I/O error.
    if (code == LIBUSB_ERROR_ACCESS || (code == LIBUSB_ERROR_IO && errno == EPERM))
      return fail(Errc::rejected, "usb.access", {}, facts.port, {}, std::move(detail));
    if (code == LIBUSB_ERROR_BUSY) return fail(Errc::retry_later, "key.reader_busy", {}, {}, {}, std::move(detail));
    return fail(Errc::device_gone, "key.gone", {}, {}, {}, std::move(detail));
  };
  if (libusb_get_device_address(device->raw) != facts.address)
    return fail(Errc::device_gone, "key.gone", {}, {}, {}, "another device at this port");
  const auto interface = bulk_only_interface(device->raw);
  if (!interface) return fail(Errc::rejected, "usb.no_interface", {}, facts.port);
  libusb_device_handle* handle = nullptr;
  errno = 0;
  if (const int code = libusb_open(device->raw, &handle); code != LIBUSB_SUCCESS) return refuse(code, "open");
  auto transport = std::make_unique<LibusbTransport>(device->context, handle);
  if (const int code = transport->claim(*interface); code != LIBUSB_SUCCESS) return refuse(code, "claim");
  return transport;
}

}  // namespace taxgate::usb
