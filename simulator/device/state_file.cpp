#include "simulator/device/state_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

namespace taxgate::simulator {
namespace {

constexpr std::string_view kStateHeader = "taxgate-simulator-state 1";

std::unexpected<Error> io_error(const std::string& path) {
  return fail(Errc::retry_later, "sim.state_io", path, {}, {}, std::strerror(errno));
}

}  // namespace

Result<void> write_file_atomically(const std::string& path, std::string_view content, unsigned mode) {
  const std::string beside = path + ".new";
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, static_cast<mode_t>(mode));
  if (fd < 0) return io_error(beside);
  while (!content.empty()) {
    const auto n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      const auto error = io_error(beside);
      ::close(fd);
      return error;
    }
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  if (::close(fd) != 0 || ::rename(beside.c_str(), path.c_str()) != 0) return io_error(path);
  return {};
}

Result<StateFile> StateFile::load(const std::string& path) {
  std::ifstream in(path);
  if (!in) return io_error(path);
  std::string line;
  if (!std::getline(in, line) || line != kStateHeader) return fail(Errc::corrupt, "sim.state_format", path);
  StateFile out;
  while (std::getline(in, line)) {
    const auto equals = line.find('=');
    if (equals == std::string::npos) return fail(Errc::corrupt, "sim.state_format", path);
    out.values_[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return out;
}

Result<void> StateFile::save(const std::string& path) const {
  std::ostringstream out;
  out << kStateHeader << '\n';
  for (const auto& [key, value] : values_) out << key << '=' << value << '\n';
  return write_file_atomically(path, out.str(), 0600);
}

std::string StateFile::get(const std::string& key) const {
  const auto at = values_.find(key);
  return at == values_.end() ? std::string() : at->second;
}

unsigned long StateFile::get_number(const std::string& key) const {
  const std::string text = get(key);
  unsigned long value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace taxgate::simulator
