// The way to keys in card readers: pcscd, its polkit rule, and who else uses readers.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include <fmt/format.h>

#include "cli/doctor/finding.h"
#include "daemon/core/files.h"
#include "daemon/core/processes.h"

namespace taxgate::doctor {

using namespace proc;
namespace {

namespace fs = std::filesystem;

/// 0 or errno
int try_connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  // Non-blocking: a pcscd whose backlog is full must not hold us.
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno;
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
}

bool contains(const fs::path& file, std::string_view text) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (line.find(text) != std::string::npos) return true;
  return false;
}

constexpr std::string_view kCardReaderClass = "0b";  // CCID, as sysfs writes an interface's class
constexpr std::size_t kMaxReaderList = 1U << 20;     // libccid's has 100 KiB
// Debian's place, then that of the driver's bundle elsewhere.
constexpr const char* kReaderLists[] = {"/etc/libccid_Info.plist",
                                        "/usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist",
                                        "/usr/lib64/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist"};

/// The strings of the array that follows <key>NAME</key> in a property list, as hexadecimal numbers.
std::vector<unsigned> numbers_of(std::string_view list, std::string_view name) {
  std::vector<unsigned> out;
  const auto key = list.find(fmt::format("<key>{}</key>", name));
  if (key == std::string_view::npos) return out;
  list = list.substr(key, list.find("</array>", key) - key);
  constexpr std::string_view kEntry = "<string>0x";
  for (auto at = list.find(kEntry); at != std::string_view::npos; at = list.find(kEntry, at + 1)) {
    unsigned value = 0;
    std::from_chars(list.data() + at + kEntry.size(), list.data() + list.size(), value, 16);
    out.push_back(value);
  }
  return out;
}

/// The two numbers of a model stand at the same place of two arrays.
bool lists(std::string_view list, unsigned vendor, unsigned product) {
  const auto vendors = numbers_of(list, "ifdVendorID"), products = numbers_of(list, "ifdProductID");
  for (std::size_t i = 0; i < std::min(vendors.size(), products.size()); ++i)
    if (vendors[i] == vendor && products[i] == product) return true;
  return false;
}

unsigned hexadecimal(const std::string& text) {
  unsigned value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return value;
}

}  // namespace

void check_pcscd(const Scene& scene, Findings& out) {
  const char* elsewhere = std::getenv("PCSCLITE_CSOCK_NAME");
  const std::string socket = elsewhere != nullptr && *elsewhere != '\0' ? elsewhere : scene.at("/run/pcscd/pcscd.comm");
  if (const int error = try_connect(socket); error != 0)
    out.push_back({Severity::attention, {Errc::retry_later, "doctor.pcscd", socket, std::strerror(error), {}, {}}});
}

void check_polkit(const Scene& scene, Findings& out) {
  // The policy file is there only where pcscd was built with polkit.
  if (::access(scene.at("/usr/share/polkit-1/actions/org.debian.pcsc-lite.policy").c_str(), F_OK) != 0) return;
  for (const char* place : {"/etc/polkit-1/rules.d", "/run/polkit-1/rules.d", "/usr/local/share/polkit-1/rules.d",
                            "/usr/share/polkit-1/rules.d"}) {
    std::error_code ignored;
    for (fs::directory_iterator file(scene.at(place), ignored), end; !ignored && file != end; file.increment(ignored))
      if (file->path().extension() == ".rules" && contains(file->path(), "org.debian.pcsc-lite") &&
          contains(file->path(), "taxgate-keyd"))
        return;
  }
  out.push_back({Severity::failing,
                 {Errc::rejected, "doctor.polkit", "/usr/share/polkit-1/rules.d/50-taxgate.rules", {}, {}, {}}});
}

/// libccid serves readers by number, not by class: it does not see a new model, and nothing else says why.
void check_reader_models(const Scene& scene, Findings& out) {
  std::string path = kReaderLists[0], list;
  for (const char* place : kReaderLists)
    if (auto text = read_file(scene.at(place), kMaxReaderList)) {
      path = place;
      list = std::move(*text);
      break;
    }
  std::error_code ignored;
  for (fs::directory_iterator entry(scene.at("/sys/bus/usb/devices"), ignored), end; !ignored && entry != end;
       entry.increment(ignored)) {
    const std::string name = entry->path().filename().string();
    const auto colon = name.find(':');  // "1-2:1.0" is an interface of the device "1-2"
    if (colon == std::string::npos || line_of(entry->path().string() + "/bInterfaceClass") != kCardReaderClass)
      continue;
    const std::string device = entry->path().parent_path().string() + "/" + name.substr(0, colon);
    const unsigned vendor = hexadecimal(line_of(device + "/idVendor")),
                   product = hexadecimal(line_of(device + "/idProduct"));
    if (!lists(list, vendor, product))
      out.push_back(
          {Severity::attention,
           {Errc::invalid_input,
            "doctor.reader_unknown",
            fmt::format("{} {:04x}:{:04x} at {}", line_of(device + "/product"), vendor, product, name.substr(0, colon)),
            path,
            {},
            {}}});
  }
}

void check_reader_holders(const Scene&, Findings& out) {
  auto users = users_of_library("libpcsclite.so");
  std::erase_if(users, [](const Process& one) { return one.name == "taxgate-keyd" || one.name == "pcscd"; });
  // Which reader a client of pcscd holds only pcscd knows: named are all that could.
  if (!users.empty())
    out.push_back({Severity::attention, {Errc::device_gone, "doctor.reader_users", text(users), {}, {}, {}}});
}

}  // namespace taxgate::doctor
