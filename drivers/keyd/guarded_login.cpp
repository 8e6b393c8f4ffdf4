#include "drivers/keyd/guarded_login.h"

#include <charconv>
#include <utility>

#include "drivers/keyd/pin_file.h"

namespace taxgate::keyd {
namespace {

int tries_of(const Error& error) {
  int tries = -1;
  std::from_chars(error.left.data(), error.left.data() + error.left.size(), tries);
  return tries;
}

}  // namespace

LoginOutcome guarded_login(KeyDevice& key, const std::string& serial, PinLedger& ledger, const PinSource& source) {
  const auto status = key.state();
  if (!status) return {std::unexpected(status.error()), -1};
  const int tries_left = status->tries_left;

  const auto previous = ledger.read(serial);
  if (!previous) return {std::unexpected(previous.error()), tries_left};
  auto secret = read_pin_file(source.file, source.identity_name);
  if (!secret) return {std::unexpected(secret.error()), tries_left};

  bool spent = false;
  if (auto allowed = may_try(*previous, secret->identity, tries_left, spent); !allowed) {
    // Written down, because the counter may rise again (unblocked, or a right PIN entered elsewhere) while the file
    // stays wrong.
    if (spent)
      if (auto noted = ledger.write(serial, {PinAttempt::Phase::failed, secret->identity, tries_left}); !noted)
        return {std::move(noted), tries_left};
    return {std::move(allowed), tries_left};
  }

  PinAttempt attempt{PinAttempt::Phase::attempting, secret->identity, tries_left};
  if (auto noted = ledger.write(serial, attempt); !noted) return {std::move(noted), tries_left};
  auto answer = key.login(secret->pin);
  if (answer) {
    // The counter is full again after a success; how full is worth one cheap question.
    const auto after = key.state();
    auto cleared = ledger.clear(serial);
    if (!cleared) return {std::move(cleared), tries_left};
    return {{}, after ? after->tries_left : tries_left};
  }
  const Error& error = answer.error();
  if (error.id == "key.pin_wrong" || error.id == "key.locked") {
    attempt.phase = PinAttempt::Phase::failed;
    // If this write fails the "attempting" record stands, and the counter that moved says the same.
    (void)ledger.write(serial, attempt);
    const int left = error.id == "key.locked" ? 0 : tries_of(error);  // before `answer` is moved away from under it
    return {std::move(answer), left};
  }
  // Everything else (unplugged, challenge lost, malformed answer) leaves "attempting": the counter decides next time.
  return {std::move(answer), tries_left};
}

}  // namespace taxgate::keyd
