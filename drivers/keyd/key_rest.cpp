#include "drivers/keyd/key_rest.h"

#include <algorithm>

namespace taxgate::keyd {
namespace {

using std::chrono::milliseconds;

// One failure is a loose contact, two are bad luck.
constexpr int kFailures = 3;
// The first rest is shorter than an order's deadline, so that a taxpayer's only key is tried again within it.
constexpr milliseconds kFirstRest{1000}, kLongestRest{60'000};
// Keys that come and go for ever: more are forgotten, oldest serial first.
constexpr std::size_t kMostKeys = 64;

}  // namespace

bool KeyRest::counts(const Error& error) {
  return error.id != "key.gone" && error.id != "key.leased" && error.id != "key.log_failed" &&
         error.id != "key.disk_refused" && !error.id.empty();
}

bool KeyRest::failed(const std::string& serial, const Error& error, Time now) {
  if (!counts(error)) return false;
  if (keys_.size() >= kMostKeys && !keys_.contains(serial)) keys_.erase(keys_.begin());
  Health& health = keys_[serial];
  health.last = error.id;
  if (++health.failures < kFailures) return false;
  health.rest = health.rest.count() == 0 ? kFirstRest : std::min(health.rest * 2, kLongestRest);
  health.until = now + health.rest;
  return true;
}

std::optional<KeyRest::Time> KeyRest::until(const std::string& serial, Time now) const {
  const auto found = keys_.find(serial);
  if (found == keys_.end() || found->second.failures < kFailures || found->second.until <= now) return std::nullopt;
  return found->second.until;
}

std::optional<Error> KeyRest::trouble(const std::string& serial, Time now) const {
  if (!until(serial, now)) return std::nullopt;
  const Health& health = keys_.at(serial);
  return Error{Errc::retry_later, "key.resting", {}, serial, std::to_string(health.failures), health.last};
}

}  // namespace taxgate::keyd
