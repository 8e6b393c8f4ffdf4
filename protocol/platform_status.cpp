#include "protocol/platform_status.h"

namespace taxgate {
namespace {
constexpr std::uint8_t kLastCode = 112, kTwoDigits = 11, kYes = 111;
constexpr std::array<std::string_view, kStatusFields> kPlatformNames{"fpzt",   "hzsdbs",  "fpyt",   "rzzt",
                                                                     "ycpzzt", "nsryjjb", "zzsyhyt"};
constexpr std::array<std::string_view, kStatusFields> kNames{"state",    "lock", "use",        "booking",
                                                             "abnormal", "risk", "agriculture"};
}  // namespace

std::string_view platform_name(StatusField field) { return kPlatformNames[static_cast<std::size_t>(field)]; }
std::string_view name(StatusField field) { return kNames[static_cast<std::size_t>(field)]; }

std::string status_text(std::uint8_t code) {
  if (code == 0 || code > kLastCode) return {};
  if (code >= kYes) return code == kYes ? "Y" : "N";
  if (code < kTwoDigits) return {static_cast<char>('0' + code - 1)};
  const int value = code - kTwoDigits;
  return {static_cast<char>('0' + value / 10), static_cast<char>('0' + value % 10)};
}

bool PlatformStatus::sound() const {
  if ((bits >> (kFieldBits * kStatusFields)) != 0) return false;
  for (std::size_t f = 0; f < kStatusFields; ++f)
    if (get(static_cast<StatusField>(f)) > kLastCode) return false;
  return true;
}

}  // namespace taxgate
