#pragma once
// Private to protocol/leqi_*.cpp: reading the platform's JSON objects field by field, collecting the first error.
// Foreign bytes: every accessor is total; a missing or mistyped field is remembered, not thrown.
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/leqi.h"

namespace taxgate::leqi {

namespace json = boost::json;

inline constexpr std::size_t kMaxJsonDepth = 16;               // our messages nest 4 deep; the rest is hostile
inline constexpr std::size_t kMaxJsonBytes = 8 * 1024 * 1024;  // a page of 50 forms with 2,000 lines each stays below

/// errors  corrupt leqi.json (syntax, depth, size, not an object)
Result<json::object> parse_object(std::string_view text);

/// One object being read. Text fields also take a JSON integer (its digits); null counts as absent.
class Fields {
 public:
  Fields(const json::object& object, std::string prefix) : object_(object), prefix_(std::move(prefix)) {}

  std::string text(std::string_view name);  // "" when absent
  std::string need(std::string_view name);  // must be there and not empty
  Fen fen(std::string_view name);
  Fen fen_or_zero(std::string_view name);
  Decimal decimal(std::string_view name);
  std::optional<Decimal> maybe_decimal(std::string_view name);
  LegalTime time(std::string_view name);        // must be there
  LegalTime maybe_time(std::string_view name);  // "" or absent: not set
  int integer(std::string_view name, int smallest, int largest);
  bool flag(std::string_view name);  // "Y"
  Side side(std::string_view name);  // "1" buyer; "0", and the issuing party "2" of used cars, seller
  Outcome outcome();                 // returncode, returnmsg
  /// Elements of an array of objects; absent is empty. `each(Fields&)`; its first error becomes ours.
  template <class Each>
  void list(std::string_view name, Each each) {
    const json::value* found = find(name);
    if (found == nullptr) return;
    if (!found->is_array()) return remember(name, "not an array");
    std::size_t index = 0;
    for (const json::value& item : found->get_array()) {
      std::string path = prefix_ + std::string(name) + "[" + std::to_string(index++) + "].";
      if (!item.is_object()) return remember(name, "not an object");
      Fields inner(item.get_object(), std::move(path));
      each(inner);
      if (!first_ && inner.first_) first_ = std::move(inner.first_);
      if (first_) return;
    }
  }
  void remember(Error error);
  void remember(std::string_view name, std::string_view why);
  const std::optional<Error>& error() const { return first_; }

 private:
  const json::value* find(std::string_view name) const;
  std::string path(std::string_view name) const { return prefix_ + std::string(name); }

  const json::object& object_;
  std::string prefix_;
  std::optional<Error> first_;
};

/// `return finished(fields, value)`: the value, or the first error as corrupt.
template <class T>
Result<T> finished(const Fields& fields, T value) {
  if (fields.error()) {
    Error error = *fields.error();
    error.code = Errc::corrupt;  // whatever the field's own parser said: these bytes came over the wire
    return std::unexpected(std::move(error));
  }
  return value;
}

// Shared pieces of several messages.
void put(json::object& into, std::string_view name, std::string_view value);
void put_time(json::object& into, std::string_view name, LegalTime time);  // left out when not set
void put_outcome(json::object& into, const Outcome& outcome);
void put_parties(json::object& into, const Party& seller, const Party& buyer);
void read_parties(Fields& fields, Party& seller, Party& buyer);
void put_lines(json::object& into, std::string_view name, const std::vector<RedLine>& lines, bool with_preference);
std::vector<RedLine> read_lines(Fields& fields, std::string_view name);
std::string text_of(const json::object& object);

}  // namespace taxgate::leqi
