#include "cli/digest.h"

#include <openssl/evp.h>

#include <array>

namespace taxgate::cli {

std::string sha256_hex(ByteView data) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  if (EVP_Digest(data.data(), data.size(), out.data(), &size, EVP_sha256(), nullptr) != 1) return {};
  return hex({out.data(), size});
}

}  // namespace taxgate::cli
