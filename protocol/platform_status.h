#pragma once
// What the platform says of one invoice at one moment, in one integer, so that ten million of them can be compared and
// stored. Seven codes of seven bits; the bits are on disk since schema 3 (docs/sync.md), so fields never move.
// Codes are kept as the platform gave them, also those we do not know. Pure; any thread. Source: rules B.3.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace taxgate {

enum class StatusField : std::uint8_t {
  state,        // fpzt 发票状态
  lock,         // hzsdbs 红字锁定 Y/N
  use,          // fpyt 发票用途 (抵扣, 退税 …)
  booking,      // rzzt 入账状态
  abnormal,     // ycpzzt 异常凭证
  risk,         // nsryjjb 预警级别 01 红 02 黄 03 蓝
  agriculture,  // zzsyhyt 农产品加计扣除
};
inline constexpr std::size_t kStatusFields = 7;
/// The platform's name of the field ("fpzt"), and ours for people ("state").
std::string_view platform_name(StatusField field);
std::string_view name(StatusField field);

/// Code as a number of seven bits: 0 absent, 1–10 "0"–"9", 11–110 "00"–"99", 111 "Y", 112 "N". nullopt: a form that no
/// table of the platform has.
constexpr std::optional<std::uint8_t> status_code(std::string_view text) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.empty()) return std::uint8_t{0};
  if (text.size() == 1) {
    if (digit(text[0])) return static_cast<std::uint8_t>(1 + text[0] - '0');
    if (text[0] == 'Y') return std::uint8_t{111};
    if (text[0] == 'N') return std::uint8_t{112};
  } else if (text.size() == 2 && digit(text[0]) && digit(text[1])) {
    return static_cast<std::uint8_t>(11 + 10 * (text[0] - '0') + (text[1] - '0'));
  }
  return std::nullopt;
}
std::string status_text(std::uint8_t code);

struct PlatformStatus {
  static constexpr unsigned kFieldBits = 7;
  std::uint64_t bits = 0;

  constexpr std::uint8_t get(StatusField field) const {
    return static_cast<std::uint8_t>((bits >> (kFieldBits * static_cast<unsigned>(field))) & 127U);
  }
  constexpr void set(StatusField field, std::uint8_t code) {
    const unsigned shift = kFieldBits * static_cast<unsigned>(field);
    bits = (bits & ~(std::uint64_t{127} << shift)) | std::uint64_t{code} << shift;
  }
  std::string text(StatusField field) const { return status_text(get(field)); }
  /// False for bits that no observation can have given.
  bool sound() const;
  /// This, with the fields that `observed` does not tell taken over: one listing tells use, another abnormality.
  constexpr PlatformStatus updated_by(PlatformStatus observed) const {
    PlatformStatus out = observed;
    for (std::size_t f = 0; f < kStatusFields; ++f)
      if (observed.get(static_cast<StatusField>(f)) == 0)
        out.set(static_cast<StatusField>(f), get(static_cast<StatusField>(f)));
    return out;
  }
  friend constexpr bool operator==(const PlatformStatus&, const PlatformStatus&) = default;
};

}  // namespace taxgate
