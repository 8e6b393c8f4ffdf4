#include "drivers/keyd/lease_book.h"

#include <fmt/core.h>
#include <time.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include "drivers/keyd/files.h"
#include "drivers/keyd/wall_clock.h"

namespace taxgate::keyd {
namespace {

constexpr std::string_view kLeaseMagic = "taxgate-leases 1 ";
constexpr std::size_t kLeaseFields = 6;
constexpr std::size_t kMaxLeaseFile = std::size_t{1} << 20;  // some dozens of keys with the longest certificates
// A clock that was set between two looks moves what booted_ms() says. Taken for another start where it was none, a lent
// key is looked at once; no machine starts twice within this time.
constexpr std::int64_t kSameBootMs = 10'000;

/// Names and reasons are anybody's bytes: blanks and what would end a field are written as %XX.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F || c == '%')
      out += fmt::format("%{:02X}", byte);
    else
      out += c;
  }
  return out;
}

int nibble(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

std::optional<std::string> unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (text.size() - i < 3 || nibble(text[i + 1]) < 0 || nibble(text[i + 2]) < 0) return std::nullopt;
    out += static_cast<char>(nibble(text[i + 1]) * 16 + nibble(text[i + 2]));
    i += 2;
  }
  return out;
}

std::optional<std::int64_t> time_of(std::string_view text) {
  std::int64_t ms = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), ms);
  if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return ms;
}

/// Up to the next `end`, which must be there; takes both off the front.
std::optional<std::string_view> part(std::string_view& text, char end) {
  const auto at = text.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view first = text.substr(0, at);
  text.remove_prefix(at + 1);
  return first;
}

std::optional<Lease> lease_of(std::string_view line) {
  std::array<std::string, kLeaseFields> fields;
  for (std::size_t i = 0; i < kLeaseFields; ++i) {
    const auto field = i + 1 < kLeaseFields ? part(line, '\t') : std::optional(line);
    auto text = field ? unescaped(*field) : std::nullopt;
    if (!text) return std::nullopt;
    fields[i] = std::move(*text);
  }
  const auto until = time_of(fields[0]);
  auto certificate = from_hex(fields[5]);
  if (!until || !certificate) return std::nullopt;
  return Lease{.serial = std::move(fields[1]),
               .certificate = std::move(*certificate),
               .reader = std::move(fields[2]),
               .holder = std::move(fields[3]),
               .reason = std::move(fields[4]),
               .until_ms = *until};
}

}  // namespace

std::int64_t booted_ms() {
  timespec up{};
  ::clock_gettime(CLOCK_BOOTTIME, &up);
  return wall_ms() - (std::int64_t{up.tv_sec} * 1000 + up.tv_nsec / 1'000'000);
}

Result<std::vector<Lease>> read_leases(const std::string& file, std::int64_t now_ms, std::int64_t booted_ms) {
  const auto text = read_small_file(file, kMaxLeaseFile);
  if (!text && text.error() == ENOENT) return std::vector<Lease>{};
  const auto bad = [&](const char* what) { return fail(Errc::corrupt, "key.lease_file", {}, file, {}, what); };
  if (!text) return bad(std::strerror(text.error()));
  std::string_view rest = *text;
  if (!rest.starts_with(kLeaseMagic)) return bad("first line");
  rest.remove_prefix(kLeaseMagic.size());
  const auto first = part(rest, '\n');
  const auto boot = first ? time_of(*first) : std::nullopt;
  if (!boot) return bad("first line");
  std::vector<Lease> leases;
  while (!rest.empty()) {
    const auto line = part(rest, '\n');
    auto lease = line ? lease_of(*line) : std::nullopt;
    if (!lease) return bad("lease");
    if (std::abs(booted_ms - *boot) > kSameBootMs) lease->reader.clear();
    if (lease->until_ms > now_ms) leases.push_back(std::move(*lease));
  }
  return leases;
}

Result<void> write_leases(const std::string& file, const std::vector<Lease>& leases, std::int64_t booted_ms) {
  std::string text = fmt::format("{}{}\n", kLeaseMagic, booted_ms);
  for (const Lease& lease : leases)
    text += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\n", lease.until_ms, escaped(lease.serial), escaped(lease.reader),
                        escaped(lease.holder), escaped(lease.reason), hex(lease.certificate));
  // What could not be read again is not promised.
  const int error = text.size() > kMaxLeaseFile ? EFBIG : replace_file_durably(file, text);
  if (error != 0) return fail(Errc::retry_later, "key.lease_file", {}, file, {}, std::strerror(error));
  return {};
}

}  // namespace taxgate::keyd
