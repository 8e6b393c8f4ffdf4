#include "daemon/api/query.h"

#include <fmt/format.h>

#include <charconv>

#include "daemon/api/limits.h"
#include "protocol/text.h"

namespace taxgate::api {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool valid_utf8(std::string_view s) {
  for (std::size_t i = 0; i < s.size();) {
    const auto b = static_cast<unsigned char>(s[i]);
    const std::size_t n = b < 0x80                ? 1
                          : b >= 0xC2 && b < 0xE0 ? 2
                          : b >= 0xE0 && b < 0xF0 ? 3
                          : b >= 0xF0 && b < 0xF5 ? 4
                                                  : 0;
    if (n == 0 || i + n > s.size()) return false;
    for (std::size_t k = 1; k < n; ++k)
      if ((static_cast<unsigned char>(s[i + k]) & 0xC0U) != 0x80U) return false;
    if (n > 2) {  // over-long forms, surrogates and beyond U+10FFFF show in the second byte
      const auto c = static_cast<unsigned char>(s[i + 1]);
      if ((b == 0xE0 && c < 0xA0) || (b == 0xED && c > 0x9F) || (b == 0xF0 && c < 0x90) || (b == 0xF4 && c > 0x8F))
        return false;
    }
    i += n;
  }
  return true;
}

}  // namespace

Result<std::string> percent_decoded(std::string_view text, bool plus_is_blank, std::string_view field) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1,
                low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) return fail(Errc::invalid_input, "api.query", std::string(field));
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += plus_is_blank && text[i] == '+' ? ' ' : text[i];
    }
  }
  if (out.find('\0') != std::string::npos || !valid_utf8(out))
    return fail(Errc::invalid_input, "api.query", std::string(field));
  return out;
}

Result<Query> Query::parse(std::string_view raw, std::string_view known) {
  Query query;
  while (!raw.empty()) {
    const auto amp = raw.find('&');
    const std::string_view pair = raw.substr(0, amp);
    raw = amp == std::string_view::npos ? std::string_view{} : raw.substr(amp + 1);
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    auto name = percent_decoded(pair.substr(0, equals), true, "query");
    if (!name) return std::unexpected(std::move(name.error()));
    // A hostile name is shown back cut, so that it cannot fill the log.
    if (!has_word(known, *name))
      return fail(Errc::invalid_input, "api.unknown_query", name->substr(0, 64), {},
                  known.empty() ? "-" : std::string(known));
    auto value =
        percent_decoded(equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1), true, *name);
    if (!value) return std::unexpected(std::move(value.error()));
    if (query.has(*name) || value->size() > kMaxQueryValue || query.values_.size() >= kMaxQueryFields)
      return fail(Errc::invalid_input, "api.query", *name);
    query.values_.emplace_back(std::move(*name), std::move(*value));
  }
  return query;
}

bool Query::has(std::string_view name) const {
  for (const auto& [n, v] : values_)
    if (n == name) return true;
  return false;
}

std::string Query::text(std::string_view name) const {
  for (const auto& [n, v] : values_)
    if (n == name) return v;
  return {};
}

Result<int> Query::number(std::string_view name, int low, int high, int when_absent) const {
  if (!has(name)) return when_absent;
  const std::string value = text(name);
  int n = 0;
  const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), n);
  if (ec != std::errc{} || end != value.data() + value.size() || n < low || n > high)
    return fail(Errc::invalid_input, "api.query_range", std::string(name), value.substr(0, 64),
                fmt::format("{}..{}", low, high));
  return n;
}

}  // namespace taxgate::api
