#include "drivers/keyd/sign_log.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <utility>

#include "protocol/legal_time.h"
#include "protocol/sign_log_line.h"

namespace taxgate::keyd {
namespace {

// A line has two short names, a request id and two digests: far below this. Only the tail of the log is read at start.
constexpr std::size_t kTail = 8 * 1024;
constexpr std::size_t kChainHex = 64;

/// Tabs and line ends in a field would forge a line; the caller's envelope check refuses them, this makes it
/// impossible.
std::string clean(std::string_view text) {
  std::string out(text.substr(0, 256));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return out;
}

struct LastLine {
  std::uint64_t number = 0;
  std::string chain;
};

/// "number TAB … TAB chain"; result lines carry the number of their order.
Result<LastLine> read_line(std::string_view line) {
  LastLine last;
  const auto [end, ec] = std::from_chars(line.data(), line.data() + line.size(), last.number);
  const auto tab = line.rfind('\t');
  if (ec != std::errc{} || end == line.data() + line.size() || *end != '\t' || line.size() - tab - 1 != kChainHex)
    return fail(Errc::corrupt, "key.log_damaged");
  last.chain = line.substr(tab + 1);
  return last;
}

}  // namespace

Result<SignLog> SignLog::open(const std::string& path) {
  const auto broken = [&](int error) {
    return fail(Errc::retry_later, "key.log_failed", {}, path, {}, std::strerror(error));
  };
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!fd) return broken(errno);
  struct stat facts{};
  if (::fstat(fd.get(), &facts) != 0) return broken(errno);
  if (facts.st_size == 0) {
    // The name must be as durable as the first line will be.
    if (const int error = sync_directory(std::filesystem::path(path).parent_path().string()); error != 0)
      return broken(error);
    return SignLog(std::move(fd), 0, {});
  }
  const off_t from = std::max<off_t>(0, facts.st_size - static_cast<off_t>(kTail));
  std::string tail(static_cast<std::size_t>(facts.st_size - from), '\0');
  if (::pread(fd.get(), tail.data(), tail.size(), from) != static_cast<ssize_t>(tail.size())) return broken(errno);
  if (tail.back() != '\n') {
    const auto end = tail.rfind('\n');
    if (end == std::string::npos && from != 0) return fail(Errc::corrupt, "key.log_damaged", {}, path);
    tail.resize(end == std::string::npos ? 0 : end + 1);
    if (::ftruncate(fd.get(), from + static_cast<off_t>(tail.size())) != 0 || ::fdatasync(fd.get()) != 0)
      return broken(errno);
    if (tail.empty()) return SignLog(std::move(fd), 0, {});
  }
  std::string_view lines(tail);
  lines.remove_suffix(1);
  const auto start = lines.rfind('\n');
  auto last = read_line(start == std::string_view::npos ? lines : lines.substr(start + 1));
  if (!last) return fail(Errc::corrupt, "key.log_damaged", {}, path);
  // The last line may be the result of an older order: the highest number in the tail is the last one given out,
  // because a result follows its order within one sitting of a bounded number of orders.
  std::uint64_t highest = last->number;
  for (std::size_t at = 0; at < lines.size();) {
    const auto end = std::min(lines.find('\n', at), lines.size());
    if (const auto line = read_line(lines.substr(at, end - at))) highest = std::max(highest, line->number);
    at = end + 1;
  }
  return SignLog(std::move(fd), highest, std::move(last->chain));
}

Result<void> SignLog::append(std::string line) {
  if (broken_) return fail(Errc::retry_later, "key.log_failed");
  std::string chain = sign_log_chain(chain_, line);
  line += '\t';
  line += chain;
  line += '\n';
  const ssize_t n = ::write(fd_.get(), line.data(), line.size());
  if (n == static_cast<ssize_t>(line.size())) {
    chain_ = std::move(chain);
    return {};
  }
  const int error = n < 0 ? errno : ENOSPC;
  // A part of a line must not be followed by another: take it back, or stop for good.
  if (n > 0) {
    struct stat facts{};
    if (::fstat(fd_.get(), &facts) != 0 || ::ftruncate(fd_.get(), facts.st_size - n) != 0) broken_ = true;
  }
  return fail(Errc::retry_later, "key.log_failed", {}, {}, {}, std::strerror(error));
}

Result<std::uint64_t> SignLog::begin(const SignLogEntry& entry, std::int64_t now_ms) {
  const std::uint64_t number = last_number_ + 1;
  auto done = append(fmt::format("{}\t{}\torder\t{}\t{}\t{}\t{}\t{}", number, LegalTime{now_ms}.rfc3339(),
                                 clean(entry.key_serial), clean(entry.taxpayer), clean(entry.purpose),
                                 clean(entry.request_id), hex(entry.message_sm3)));
  if (!done) return std::unexpected(done.error());
  last_number_ = number;
  return number;
}

Result<void> SignLog::result(std::uint64_t number, std::string_view outcome, std::int64_t now_ms) {
  return append(fmt::format("{}\t{}\tresult\t{}", number, LegalTime{now_ms}.rfc3339(), clean(outcome)));
}

Result<void> SignLog::sync() {
  if (::fdatasync(fd_.get()) == 0) return {};
  // After a failed fdatasync the kernel may have dropped the pages: what was appended is not trustworthy any more.
  broken_ = true;
  return fail(Errc::retry_later, "key.log_failed", {}, {}, {}, std::strerror(errno));
}

Result<SignLog::Piece> SignLog::read(std::int64_t offset) const {
  const auto broken = [] { return fail(Errc::retry_later, "key.log_failed", {}, {}, {}, std::strerror(errno)); };
  const auto no_line = [&] { return fail(Errc::invalid_input, "key.log_offset", "offset", std::to_string(offset)); };
  struct stat facts{};
  if (::fstat(fd_.get(), &facts) != 0) return broken();
  Piece out{.lines = {}, .size = facts.st_size};
  if (offset < 0) return no_line();
  if (offset >= facts.st_size) return out;
  // One byte more at the front: the line end before.
  const std::int64_t from = offset == 0 ? 0 : offset - 1;
  out.lines.resize(kReadSize + 1);
  const ssize_t n = ::pread(fd_.get(), out.lines.data(), out.lines.size(), from);
  if (n < 0) return broken();
  out.lines.resize(static_cast<std::size_t>(n));
  if (offset != 0) {
    if (out.lines.empty() || out.lines.front() != '\n') return no_line();
    out.lines.erase(0, 1);
  } else if (out.lines.size() > kReadSize) {
    out.lines.pop_back();
  }
  out.lines.resize(out.lines.rfind('\n') + 1);  // npos + 1 is 0: no whole line
  return out;
}

Result<std::uint64_t> SignLog::check(std::string_view text) {
  std::string chain;
  std::uint64_t number = 0, lines = 0;
  while (!text.empty()) {
    ++lines;
    const auto end = text.find('\n');
    const auto damaged = [&] { return fail(Errc::corrupt, "key.log_damaged", {}, std::to_string(lines)); };
    if (end == std::string_view::npos) return damaged();
    const std::string_view line = text.substr(0, end);
    const auto last = read_line(line);
    if (!last) return damaged();
    if (last->chain != sign_log_chain(chain, line.substr(0, line.size() - kChainHex - 1))) return damaged();
    chain = last->chain;
    number = std::max(number, last->number);
    text.remove_prefix(end + 1);
  }
  return number;
}

}  // namespace taxgate::keyd
