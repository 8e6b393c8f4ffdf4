#pragma once
// The one error type. It says what the caller must do next, not where it broke.
//
// Every Error carries a stable `id` ("R2.tax_cap", "api.unknown_field", "key.pin_wrong"): machines match on it, and
// protocol/messages.h turns it into a sentence and a remedy in English and Chinese. `detail` is free English context
// for logs. Never put a PIN, a key or a payload into any member.
#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace taxgate {

enum class Errc : std::uint8_t {
  invalid_input,    // never retry; tell the client
  retry_later,      // nothing happened; safe to repeat
  outcome_unknown,  // the request left us, no answer came: query before repeating
  device_gone,      // another key may do it
  rejected,         // the other side said no; final
  corrupt,          // stored or received bytes fail their check
  limit_reached,    // a documented bound; shed load
};

struct Error {
  Errc code = Errc::invalid_input;
  std::string id;      // stable, dotted ASCII; a row of the message catalogue
  std::string field;   // path of the offending field ("lines[2].tax"), or empty
  std::string wanted;  // what was asked for / found
  std::string left;    // what would have been allowed / expected
  std::string detail;  // context for the log

  friend bool operator==(const Error&, const Error&) = default;
};

template <class T>
using Result = std::expected<T, Error>;

/// Shorthand: `return fail(Errc::invalid_input, "money.format", "amount", text);`
[[nodiscard]] inline std::unexpected<Error> fail(Errc code, std::string id, std::string field = {},
                                                 std::string wanted = {}, std::string left = {},
                                                 std::string detail = {}) {
  return std::unexpected(
      Error{code, std::move(id), std::move(field), std::move(wanted), std::move(left), std::move(detail)});
}

}  // namespace taxgate
