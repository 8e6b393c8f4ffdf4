#include "drivers/keyd/pin_ledger.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>
#include <vector>

#include "drivers/keyd/files.h"

namespace taxgate::keyd {
namespace {

constexpr std::string_view kMagic = "taxgate-pin-ledger 1";

// The last try is the operator's: with one left, nothing automatic may lock the key.
constexpr int kNeverSpend = 1;

bool plain(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-'; }

std::string text_of(const PinAttempt& attempt) {
  // The name comes last and may hold blanks; a line break in it was refused by the configuration.
  return fmt::format("{}\n{} {} {} {} {} {} {}\n", kMagic,
                     attempt.phase == PinAttempt::Phase::failed ? "failed" : "attempting", attempt.tries_before,
                     attempt.secret.device, attempt.secret.inode, attempt.secret.modified_ns, attempt.secret.size,
                     attempt.secret.name);
}

template <class T>
bool number(std::string_view& text, T& value) {
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end == text.data() + text.size() || *end != ' ') return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return true;
}

std::optional<PinAttempt> attempt_of(std::string_view text) {
  if (!text.starts_with(kMagic) || text.size() <= kMagic.size() || text[kMagic.size()] != '\n') return std::nullopt;
  text.remove_prefix(kMagic.size() + 1);
  if (text.empty() || text.back() != '\n') return std::nullopt;
  text.remove_suffix(1);
  PinAttempt attempt;
  if (text.starts_with("failed ")) {
    attempt.phase = PinAttempt::Phase::failed;
    text.remove_prefix(7);
  } else if (text.starts_with("attempting ")) {
    text.remove_prefix(11);
  } else {
    return std::nullopt;
  }
  SecretIdentity& secret = attempt.secret;
  if (!number(text, attempt.tries_before) || !number(text, secret.device) || !number(text, secret.inode) ||
      !number(text, secret.modified_ns) || !number(text, secret.size))
    return std::nullopt;
  secret.name = text;
  return attempt;
}

}  // namespace

std::string PinLedger::path_of(const std::string& serial) const {
  std::string name;
  for (const char c : serial) {
    if (plain(c))
      name += c;
    else
      name += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return directory_ + "/" + (name.empty() ? "%" : name) + ".pin";
}

Result<std::optional<PinAttempt>> PinLedger::read(const std::string& serial) const {
  const std::string path = path_of(serial);
  auto text = read_small_file(path);
  if (!text) {
    if (text.error() == ENOENT) return std::optional<PinAttempt>{};
    return fail(Errc::corrupt, "key.pin_ledger", {}, path, {}, std::strerror(text.error()));
  }
  auto attempt = attempt_of(*text);
  if (!attempt) return fail(Errc::corrupt, "key.pin_ledger", {}, path);
  return attempt;
}

Result<void> PinLedger::write(const std::string& serial, const PinAttempt& attempt) {
  const std::string path = path_of(serial);
  if (const int error = replace_file_durably(path, text_of(attempt)); error != 0)
    return fail(Errc::retry_later, "key.pin_ledger_write", {}, path, {}, std::strerror(error));
  return {};
}

Result<void> PinLedger::clear(const std::string& serial) {
  const std::string path = path_of(serial);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return fail(Errc::retry_later, "key.pin_ledger_write", {}, path, {}, std::strerror(errno));
  if (const int error = sync_directory(directory_); error != 0)
    return fail(Errc::retry_later, "key.pin_ledger_write", {}, path, {}, std::strerror(error));
  return {};
}

Result<void> may_try(const std::optional<PinAttempt>& previous, const SecretIdentity& secret, int tries_left,
                     bool& spent) {
  spent = false;
  const std::string left = tries_left < 0 ? std::string() : std::to_string(tries_left);
  if (tries_left == 0) return fail(Errc::rejected, "key.locked", {}, {}, left);
  if (previous && previous->secret == secret) {
    if (previous->phase == PinAttempt::Phase::failed) return fail(Errc::rejected, "key.pin_wrong", {}, {}, left);
    // An attempt whose answer we never saw. The counter tells: it went down exactly when the card saw a wrong PIN. A
    // card that does not show its counter cannot clear the suspicion.
    if (tries_left < 0 || previous->tries_before < 0 || tries_left < previous->tries_before) {
      spent = true;
      return fail(Errc::rejected, "key.pin_wrong", {}, {}, left, "an earlier attempt was counted by the card");
    }
  }
  // Checked after the ledger, so that a known wrong PIN is called wrong even when one try is left.
  if (tries_left >= 0 && tries_left <= kNeverSpend) return fail(Errc::rejected, "key.pin_last_try", {}, {}, left);
  return {};
}

}  // namespace taxgate::keyd
