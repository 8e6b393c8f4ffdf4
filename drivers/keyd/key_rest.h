#pragma once
// Which keys fail time after time. One that does is left alone for a while, then gets one order to show whether it
// signs again: a signature is harmless and repeatable, so that an order is the probe, and another key signs it when it
// fails.
//
// Pure: the time is an argument. Thread: one.
#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "protocol/error.h"

namespace taxgate::keyd {

class KeyRest {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// A pulled key, a key lent to another program, and a tax disk that refuses by its own rules have not failed.
  static bool counts(const Error& error);
  /// returns  whether the key rests from now on
  bool failed(const std::string& serial, const Error& error, Time now);
  void signed_(const std::string& serial) { keys_.erase(serial); }
  /// Until when it rests; nothing: it may sign.
  std::optional<Time> until(const std::string& serial, Time now) const;
  /// Why a resting key rests: retry_later key.resting, `detail` the id of its last failure.
  std::optional<Error> trouble(const std::string& serial, Time now) const;

 private:
  struct Health {
    int failures = 0;  // in a row
    std::chrono::milliseconds rest{0};
    Time until;
    std::string last;  // id of the last failure
  };
  std::map<std::string, Health> keys_;  // those that failed since they last signed
};

}  // namespace taxgate::keyd
