#include "simulator/umockdev/usb_testbed.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

#include "simulator/umockdev/uevents.h"
#include "simulator/umockdev/usb_node.h"

namespace taxgate::simulator {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kPreload = "libumockdev-preload.so.0";
constexpr const char* kController = "/devices/pci0000:00/0000:00:14.0/usb1";
constexpr unsigned kFirstAddress = 2, kLastAddress = 127;  // 1 is the root hub's

/// What goes on after a Pull: taking the device off the bus and putting it back cannot happen in the ioctl that saw it
/// go.
class Later {
 public:
  Later() : thread_([this](const std::stop_token& stop) { run(stop); }) {}
  ~Later() {
    {
      const std::lock_guard lock(mutex_);
      thread_.request_stop();
    }
    changed_.notify_all();
  }
  Later(const Later&) = delete;
  Later& operator=(const Later&) = delete;
  void at(Clock::time_point when, std::function<void()> work) {
    {
      const std::lock_guard lock(mutex_);
      work_.emplace(when, std::move(work));
    }
    changed_.notify_all();
  }

 private:
  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      if (work_.empty()) {
        changed_.wait(lock, [&] { return stop.stop_requested() || !work_.empty(); });
        continue;
      }
      const auto first = work_.begin();
      if (Clock::now() < first->first) {
        changed_.wait_until(lock, first->first);
        continue;
      }
      const auto work = std::move(first->second);
      work_.erase(first);
      lock.unlock();
      work();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<Clock::time_point, std::function<void()>> work_;
  std::jthread thread_;  // last: it uses everything above
};

/// umockdev complains of every program that dies in the middle of an ioctl, which here is what tests are about.
void log(const gchar* domain, GLogLevelFlags level, const gchar* message, gpointer data) {
  if (!std::strstr(message, "Destroying IoctlClient with open stream"))
    g_log_default_handler(domain, level, message, data);
}

std::string line(char type, std::string_view key, std::string_view value) {
  // umockdev takes an attribute's line end from a backslash and an n.
  std::string safe;
  for (const char c : value) {
    if (c == '\\')
      safe += "\\\\";
    else
      safe += c == '\n' ? ' ' : c;
  }
  return fmt::format("{}: {}={}{}\n", type, key, safe, type == 'A' ? "\\n" : "");
}

std::string description(const std::string& path, unsigned address, const UsbIdentity& identity) {
  std::string text = fmt::format("P: {}\n", path);
  text += line('E', "DEVNAME", fmt::format("/dev/bus/usb/001/{:03}", address));
  text += line('E', "DEVTYPE", "usb_device");
  text += line('E', "SUBSYSTEM", "usb");
  text += line('E', "BUSNUM", "001");
  text += line('E', "DEVNUM", fmt::format("{:03}", address));
  text += line('A', "busnum", "1");
  text += line('A', "devnum", std::to_string(address));
  text += line('A', "speed", "480");
  text += line('A', "bConfigurationValue", "1");
  text += line('A', "idVendor", fmt::format("{:04x}", identity.vendor));
  text += line('A', "idProduct", fmt::format("{:04x}", identity.product));
  if (identity.strings_readable) {
    text += line('A', "manufacturer", identity.manufacturer);
    text += line('A', "product", identity.product_name);
    text += line('A', "serial", identity.serial);
  }
  std::string digits = hex(usb_descriptors(identity));
  std::ranges::transform(digits, digits.begin(), [](char c) { return static_cast<char>(std::toupper(c)); });
  return text + line('H', "descriptors", digits) + "\n";
}

}  // namespace

struct UsbTestbed::State {
  struct Port {
    VirtualUsb* device = nullptr;
    std::shared_ptr<UsbNode> node;  // null: not on the bus
    unsigned address = 0;
    std::uint64_t plugged = 0;  // counts: a delayed action is of one plugging only
    PortCounters before;        // of the nodes before this one
  };

  UMockdevTestbed* testbed = nullptr;
  std::string root;
  std::unique_ptr<Uevents> uevents;
  mutable std::mutex mutex;  // of everything here; never held while a device is called
  std::map<unsigned, Port> ports;
  unsigned next_address = kFirstAddress;
  std::unique_ptr<Later> later = std::make_unique<Later>();

  ~State() {
    if (testbed) g_object_unref(testbed);
  }

  std::string node_path(unsigned address) const { return fmt::format("{}/dev/bus/usb/001/{:03}", root, address); }
  static std::string device_path(unsigned address) { return fmt::format("/dev/bus/usb/001/{:03}", address); }
  static std::string kernel_path(unsigned port) { return fmt::format("{}/{}", kController, port_name(port)); }

  Result<void> add(const std::string& text) {
    GError* error = nullptr;
    if (umockdev_testbed_add_from_string(testbed, text.c_str(), &error)) return {};
    std::string why = error ? error->message : "";
    g_clear_error(&error);
    return fail(Errc::retry_later, "sim.umockdev", {}, {}, {}, std::move(why));
  }

  Result<void> put_on_bus(unsigned number, VirtualUsb& device) {
    std::shared_ptr<UsbNode> node;
    std::uint64_t plugging = 0;
    {
      const std::lock_guard lock(mutex);
      Port& port = ports[number];
      if (number == 0 || number > kMaxPorts || port.node)
        return fail(Errc::invalid_input, "sim.usb_port", std::to_string(number));
      const auto taken = [&] {
        return std::ranges::any_of(
            ports, [&](const auto& one) { return one.second.node && one.second.address == next_address; });
      };
      do {
        if (++next_address > kLastAddress) next_address = kFirstAddress;
      } while (taken());
      node = UsbNode::create(node_path(next_address), device);
      if (!node) return fail(Errc::retry_later, "sim.umockdev", {}, {}, {}, std::strerror(errno));
      port.device = &device;
      port.node = node;
      port.address = next_address;
      plugging = ++port.plugged;
    }
    device.plug({.complete = [node](UsbCompletion completion) { node->complete(std::move(completion)); },
                 .pulled =
                     [this, number, plugging](std::uint32_t replug_ms) {
                       later->at(Clock::now(), [=, this] { pulled(number, plugging, replug_ms); });
                     }});
    const std::lock_guard lock(mutex);
    const Port& port = ports[number];
    GError* error = nullptr;
    umockdev_testbed_attach_ioctl(testbed, device_path(port.address).c_str(), node->handler(), &error);
    g_clear_error(&error);
    if (auto added = add(description(kernel_path(number), port.address, device.identity())); !added) return added;
    uevents->send("add", kernel_path(number), port.address);
    return {};
  }

  void take_off_bus(unsigned number) {
    Port gone;
    {
      const std::lock_guard lock(mutex);
      const auto at = ports.find(number);
      if (at == ports.end() || !at->second.node) return;
      gone = at->second;
    }
    gone.device->unplug();   // transfers under way end as gone …
    gone.node->unplugged();  // … and later ones too
    const std::lock_guard lock(mutex);
    Port& port = ports[number];
    if (port.node != gone.node) return;  // somebody else was quicker
    uevents->send("remove", kernel_path(number), port.address);
    umockdev_testbed_remove_device(testbed, ("/sys" + kernel_path(number)).c_str());
    GError* error = nullptr;
    umockdev_testbed_detach_ioctl(testbed, device_path(port.address).c_str(), &error);
    g_clear_error(&error);
    port.before.opens += port.node->opens();
    port.before.transfers += port.node->transfers();
    port.node->remove();
    port.node.reset();
  }

  void pulled(unsigned number, std::uint64_t plugging, std::uint32_t replug_ms) {
    VirtualUsb* device = nullptr;
    {
      const std::lock_guard lock(mutex);
      const Port& port = ports[number];
      if (port.plugged != plugging || !port.node) return;
      device = port.device;
    }
    take_off_bus(number);
    if (replug_ms == 0) return;
    later->at(Clock::now() + std::chrono::milliseconds(replug_ms), [=, this] {
      {
        const std::lock_guard lock(mutex);
        if (ports[number].plugged != plugging) return;
      }
      (void)put_on_bus(number, *device);
    });
  }
};

void UsbTestbed::ensure_preloaded(char** argv) {
  const char* now = std::getenv("LD_PRELOAD");
  if (now && std::strstr(now, kPreload)) return;
  ::setenv("LD_PRELOAD", now && *now ? fmt::format("{}:{}", now, kPreload).c_str() : kPreload, 1);
  ::execv("/proc/self/exe", argv);
  std::perror("exec with libumockdev-preload");
  std::_Exit(127);
}

UsbTestbed::UsbTestbed(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<UsbTestbed>> UsbTestbed::create() {
  auto state = std::make_unique<State>();
  // Asked before there is a testbed the answer is no, and remembered: umockdev then sends no uevents of its own.
  (void)umockdev_in_mock_environment();
  g_log_set_default_handler(&log, nullptr);
  state->testbed = umockdev_testbed_new();
  gchar* root = umockdev_testbed_get_root_dir(state->testbed);
  state->root = root;
  g_free(root);
  state->uevents = std::make_unique<Uevents>(state->root);
  std::error_code failed;
  std::filesystem::create_directories(state->root + "/dev/bus/usb/001", failed);
  UsbIdentity hub;
  hub.vendor = 0x1d6b;  // the Linux Foundation's root hub
  hub.product = 0x0002;
  hub.manufacturer = "Linux";
  hub.product_name = "root hub";
  if (auto added = state->add(description(kController, 1, hub)); failed || !added)
    return fail(Errc::retry_later, "sim.umockdev", {}, {}, {}, failed ? failed.message() : added.error().detail);
  if (!std::filesystem::exists("/sys/bus/usb/devices/usb1/descriptors"))
    return fail(Errc::retry_later, "sim.umockdev", {}, {}, {}, "not preloaded");
  return std::unique_ptr<UsbTestbed>(new UsbTestbed(std::move(state)));
}

UsbTestbed::~UsbTestbed() {
  state_->later.reset();
  std::vector<unsigned> numbers;
  for (const auto& [number, port] : state_->ports) numbers.push_back(number);
  for (const unsigned number : numbers) state_->take_off_bus(number);
}

Result<void> UsbTestbed::plug(unsigned port, VirtualUsb& device) { return state_->put_on_bus(port, device); }

void UsbTestbed::unplug(unsigned port) {
  {
    const std::lock_guard lock(state_->mutex);
    if (const auto at = state_->ports.find(port); at != state_->ports.end()) ++at->second.plugged;
  }
  state_->take_off_bus(port);
}

unsigned UsbTestbed::keep_listeners() {
  const std::lock_guard lock(state_->mutex);
  return state_->uevents->keep_listeners();
}

bool UsbTestbed::plugged(unsigned port) const {
  const std::lock_guard lock(state_->mutex);
  const auto at = state_->ports.find(port);
  return at != state_->ports.end() && at->second.node != nullptr;
}

UsbTestbed::PortCounters UsbTestbed::counters(unsigned number) const {
  const std::lock_guard lock(state_->mutex);
  const auto at = state_->ports.find(number);
  if (at == state_->ports.end()) return {};
  PortCounters counters = at->second.before;
  if (const auto& node = at->second.node) {
    counters.opens += node->opens();
    counters.transfers += node->transfers();
    counters.kernel_driver = node->kernel_driver();
  }
  return counters;
}

std::string UsbTestbed::port_name(unsigned port) { return fmt::format("1-{}", port); }

std::vector<std::string> UsbTestbed::environment() const {
  return {fmt::format("LD_PRELOAD={}", std::getenv("LD_PRELOAD") ? std::getenv("LD_PRELOAD") : kPreload),
          "UMOCKDEV_DIR=" + state_->root};
}

}  // namespace taxgate::simulator
