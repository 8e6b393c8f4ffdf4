// Tax keys on USB, as sysfs and /dev show them: permission, rival holders, power, hubs.
#include <fmt/format.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "cli/doctor/finding.h"
#include "daemon/core/processes.h"

namespace taxgate::doctor {

using namespace proc;
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kRule = "60-taxgate.rules";
constexpr unsigned kSelfPowered = 0x40;  // bmAttributes of a configuration, USB 2.0 section 9.6.3

struct UsbKey {
  std::string sys;   // directory of the device in sysfs
  std::string node;  // /dev/bus/usb/BBB/DDD
  std::string name;  // "税务UKey 14d6:a002 at 1-1.2"
};

unsigned number(const std::string& text, int base) {
  unsigned value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

std::vector<UsbKey> plugged(const Scene& scene) {
  std::vector<UsbKey> keys;
  std::error_code ignored;
  for (fs::directory_iterator entry(scene.at("/sys/bus/usb/devices"), ignored), end; !ignored && entry != end;
       entry.increment(ignored)) {
    const std::string sys = entry->path().string();
    const unsigned vendor = number(line_of(sys + "/idVendor"), 16), product = number(line_of(sys + "/idProduct"), 16);
    for (const auto& model : scene.models)
      if (vendor != 0 && model.vendor == vendor && model.product == product) {
        keys.push_back(
            {sys,
             scene.at(fmt::format("/dev/bus/usb/{:03}/{:03}", number(line_of(sys + "/busnum"), 10),
                                  number(line_of(sys + "/devnum"), 10))),
             fmt::format("{} {:04x}:{:04x} at {}", model.name, vendor, product, entry->path().filename().string())});
        break;
      }
  }
  return keys;
}

Result<void> write_line(const std::string& file, std::string_view line) {
  std::ofstream out(file);
  out << line << '\n';
  out.flush();
  if (!out) return fail(Errc::retry_later, "doctor.not_fixed", file, std::strerror(errno));
  return {};
}

}  // namespace

void check_udev_rule(const Scene& scene, Findings& out) {
  if (!scene.keyd || scene.keyd->usb_devices.empty()) return;
  for (const char* place : {"/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"})
    if (::access(scene.at(fmt::format("{}/udev/rules.d/{}", place, kRule)).c_str(), R_OK) == 0) return;
  out.push_back({Severity::attention,
                 {Errc::invalid_input, "doctor.udev_rule", std::string(kRule), "/usr/lib/udev/rules.d", {}, {}}});
}

void check_usb_nodes(const Scene& scene, Findings& out) {
  const ::group* keyd = ::getgrnam(scene.keyd_group.c_str());
  for (const auto& key : plugged(scene)) {
    struct stat st{};
    if (::stat(key.node.c_str(), &st) != 0) {
      out.push_back(
          {Severity::failing, {Errc::device_gone, "doctor.usb_node", key.name, key.node, std::strerror(errno), {}}});
      continue;
    }
    const bool ours = keyd != nullptr && st.st_gid == keyd->gr_gid && (st.st_mode & 0060) == 0060;
    const bool everybodys = (st.st_mode & 0006) == 0006;
    if (!ours && !everybodys)
      out.push_back(
          {Severity::failing, {Errc::rejected, "doctor.usb_permission", key.name, key.node, scene.keyd_group, {}}});
    if (everybodys)
      out.push_back({Severity::attention, {Errc::rejected, "doctor.usb_open_to_all", key.name, key.node, "0660", {}}});
  }
}

void check_usb_holders(const Scene& scene, Findings& out) {
  for (const auto& key : plugged(scene)) {
    auto holders = holders_of(key.node);
    std::erase_if(holders, [](const Process& one) { return one.name == "taxgate-keyd"; });
    if (!holders.empty())
      out.push_back({Severity::failing, {Errc::device_gone, "doctor.usb_held", key.name, text(holders), key.node, {}}});
  }
}

void check_autosuspend(const Scene& scene, Findings& out) {
  for (const auto& key : plugged(scene)) {
    const std::string control = key.sys + "/power/control";
    if (line_of(control) == "auto")
      out.push_back({Severity::attention,
                     {Errc::invalid_input, "doctor.autosuspend", key.name, control, "on", {}},
                     [control] { return write_line(control, "on"); }});
  }
}

void check_hub(const Scene& scene, Findings& out) {
  for (const auto& key : plugged(scene)) {
    // "1-1.2" hangs at the hub "1-1"; "1-1" at a root hub, which the machine itself feeds.
    const std::string port = fs::path(key.sys).filename().string();
    const auto dot = port.rfind('.');
    if (dot == std::string::npos) continue;
    const std::string hub = port.substr(0, dot);
    const std::string sys = fs::path(key.sys).parent_path().string() + "/" + hub;
    const std::string attributes = line_of(sys + "/bmAttributes");
    if (!attributes.empty() && (number(attributes, 16) & kSelfPowered) == 0)
      out.push_back({Severity::attention, {Errc::invalid_input, "doctor.hub", key.name, hub, {}, {}}});
  }
}

}  // namespace taxgate::doctor
