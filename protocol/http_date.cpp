#include "protocol/http_date.h"

#include <ctime>

namespace taxgate {

LegalTime read_http_date(const std::string& text) {
  std::tm civil{};
  const char* end = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &civil);
  return end != nullptr && *end == 0 ? LegalTime{::timegm(&civil) * 1000} : LegalTime{};
}

std::string http_date(LegalTime t) {
  const std::time_t seconds = t.ms / 1000;
  std::tm civil{};
  char text[64];
  if (::gmtime_r(&seconds, &civil) == nullptr) return {};
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &civil)};
}

}  // namespace taxgate
