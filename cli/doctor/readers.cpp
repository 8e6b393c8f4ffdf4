// The way to keys in card readers: pcscd, its polkit rule, and who else uses readers.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

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

void check_reader_holders(const Scene&, Findings& out) {
  auto users = users_of_library("libpcsclite.so");
  std::erase_if(users, [](const Process& one) { return one.name == "taxgate-keyd" || one.name == "pcscd"; });
  // Which reader a client of pcscd holds only pcscd knows: named are all that could.
  if (!users.empty())
    out.push_back({Severity::attention, {Errc::device_gone, "doctor.reader_users", text(users), {}, {}, {}}});
}

}  // namespace taxgate::doctor
