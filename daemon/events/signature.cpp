#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

#include "daemon/events/webhooks.h"

namespace taxgate::events {

std::string signature_header(ByteView secret, std::int64_t unix_seconds, std::string_view body) {
  // The time is part of what is signed, so an old request cannot be given a new time.
  std::string text = fmt::format("{}.", unix_seconds);
  text.append(body);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), as_bytes(text).data(), text.size(), digest.data(),
       &size);
  return fmt::format("t={},v1={}", unix_seconds, hex(ByteView(digest.data(), size)));
}

}  // namespace taxgate::events
