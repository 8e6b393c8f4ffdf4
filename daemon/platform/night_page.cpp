// The night's pages: opened on the thread that compares them.
#include "daemon/platform/gzip.h"
#include "daemon/platform/platform.h"

namespace taxgate::platform {
namespace {

constexpr std::size_t kShown = 300;  // of the platform's own words, in errors

}  // namespace

Result<ByteView> open(const SealedPage& page, const wire::Sm4Decryptor& key, Bytes& buffer) {
  std::string plain;
  if (looks_gzipped(page.body)) {
    auto inflated = gunzip(page.body, kMaxAnswer);
    if (!inflated) return std::unexpected(inflated.error());
    plain = std::move(*inflated);
  }
  auto opened = leqi::open_page(plain.empty() ? page.body : plain, key, buffer);
  if (!opened) return std::unexpected(opened.error());
  if (!opened->error_code.empty())
    return fail(Errc::retry_later, "platform.gateway", {}, opened->error_code.substr(0, kShown), {},
                opened->error_message.substr(0, kShown));
  return opened->page;
}

}  // namespace taxgate::platform
