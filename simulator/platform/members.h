#pragma once
// Reading the laboratory's JSON bodies member by member, strictly. Private to simulator/platform. Errors: invalid_input
// sim.seed with the path of the offending member.
#include <algorithm>
#include <boost/json.hpp>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/decimal.h"
#include "protocol/error.h"

namespace taxgate::simulator {

namespace json = boost::json;

inline std::unexpected<Error> refuse_seed(const std::string& field, std::string why = {}) {
  return fail(Errc::invalid_input, "sim.seed", field, std::move(why));
}

inline std::string_view view(json::string_view text) { return {text.data(), text.size()}; }

/// Reads members of one object; the first wrong one is kept as `error`.
struct Members {
  const json::object& object;
  std::string path;
  std::optional<Error> error;

  void wrong(std::string_view name) {
    if (!error) error = refuse_seed(path + std::string(name), "missing or of the wrong kind").error();
  }
  const json::value* find(std::string_view name) const {
    return object.if_contains(json::string_view(name.data(), name.size()));
  }
  std::string text(std::string_view name) {
    const json::value* v = find(name);
    if (v == nullptr) return {};
    if (!v->is_string()) return wrong(name), std::string{};
    return std::string(v->get_string());
  }
  std::int64_t number(std::string_view name, std::int64_t otherwise) {
    const json::value* v = find(name);
    if (v == nullptr) return otherwise;
    if (!v->is_int64()) return wrong(name), otherwise;
    return v->get_int64();
  }
  bool flag(std::string_view name, bool otherwise) {
    const json::value* v = find(name);
    if (v == nullptr) return otherwise;
    if (!v->is_bool()) return wrong(name), otherwise;
    return v->get_bool();
  }
  Fen fen(std::string_view name) {
    const auto parsed = Fen::parse(text(name), path + std::string(name));
    if (!parsed) wrong(name);
    return parsed.value_or(Fen{});
  }
  std::optional<Decimal> maybe_decimal(std::string_view name) {
    const std::string value = text(name);
    if (value.empty()) return std::nullopt;
    const auto parsed = Decimal::parse(value);
    if (!parsed) wrong(name);
    return parsed.value_or(Decimal{});
  }
  /// A misspelt member would silently change the experiment.
  void only(std::initializer_list<std::string_view> known) {
    for (const auto& [name, member] : object)
      if (std::find(known.begin(), known.end(), view(name)) == known.end()) wrong(view(name));
  }
};

}  // namespace taxgate::simulator
