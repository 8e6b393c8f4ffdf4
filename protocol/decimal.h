#pragma once
// Exact money and quantities. No floating point anywhere in this project.
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/error.h"

namespace taxgate {

/// Money in integer fen (1/100 yuan). Range: ±9,999,999,999,999,999.99 yuan (the platform's (18,2) fields).
struct Fen {
  std::int64_t value = 0;

  /// "1234.50", "-0.07", "12": at most two decimals, no exponent, no sign other than '-', no blanks.
  /// errors  invalid_input money.format / money.range
  static Result<Fen> parse(std::string_view text, std::string_view field = {});
  std::string text() const;  // always two decimals: "-250.00"

  Fen abs() const { return {value < 0 ? -value : value}; }
  friend Fen operator-(Fen a) { return {-a.value}; }
  friend Fen operator+(Fen a, Fen b) { return {a.value + b.value}; }
  friend Fen operator-(Fen a, Fen b) { return {a.value - b.value}; }
  Fen& operator+=(Fen b) {
    value += b.value;
    return *this;
  }
  Fen& operator-=(Fen b) {
    value -= b.value;
    return *this;
  }
  friend auto operator<=>(const Fen&, const Fen&) = default;
};

/// Exact decimal: unscaled / 10^scale, normalised (no trailing zeros, scale >= 0). Quantity, unit price, tax rate.
/// At most 25 significant characters, as the platform's fpspdj/fpspsl fields.
class Decimal {
 public:
  static constexpr int kMaxDigits = 24;  // fpspdj/fpspsl are 25 characters with the point
  static constexpr int kMaxScale = 20;

  constexpr Decimal() = default;
  /// errors  invalid_input decimal.format / decimal.range (scientific notation is refused, with decimal.exponent)
  static Result<Decimal> parse(std::string_view text, std::string_view field = {});
  static Decimal from_int(std::int64_t v);
  static Decimal from_fen(Fen v);

  std::string text() const;  // "345.13274336", "-2.5", "0"
  bool is_zero() const { return unscaled_ == 0; }
  /// The number is unscaled() / 10^scale(), in normal form.
  __int128 unscaled() const { return unscaled_; }
  int scale() const { return scale_; }
  int sign() const { return unscaled_ < 0 ? -1 : unscaled_ > 0 ? 1 : 0; }
  Decimal negated() const;
  Decimal abs() const;

  friend std::strong_ordering operator<=>(const Decimal& a, const Decimal& b);  // by value, exact
  friend bool operator==(const Decimal& a, const Decimal& b);
  /// errors  invalid_input decimal.range on overflow
  friend Result<Decimal> operator+(const Decimal& a, const Decimal& b);
  friend Result<Decimal> operator-(const Decimal& a, const Decimal& b);

  /// amount × this, rounded half away from zero to the fen (the law's 四舍五入). errors decimal.range
  Result<Fen> times(Fen amount) const;
  /// this × other, rounded half away from zero to the fen, this and other in yuan units (quantity × price).
  Result<Fen> times(const Decimal& other) const;
  /// a / b rounded half away from zero to `scale` decimals. errors decimal.range, decimal.divide_by_zero
  static Result<Decimal> divide(const Decimal& a, const Decimal& b, int scale);
  /// amount × num / den rounded half away from zero to the fen (shares of a line).
  static Result<Fen> share(Fen amount, const Decimal& num, const Decimal& den);

 private:
  static Result<Decimal> make(__int128 unscaled, int scale);  // normalises and checks the range
  __int128 unscaled_ = 0;
  int scale_ = 0;
};

}  // namespace taxgate
