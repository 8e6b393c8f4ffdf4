#include "drivers/keyd/issuer.h"

#include <cstring>
#include <string_view>
#include <utility>

#include "drivers/keyd/files.h"

namespace taxgate::keyd {
namespace {

constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----", kEnd = "-----END CERTIFICATE-----";

Result<std::vector<Bytes>> certificates_of(std::string_view text) {
  std::vector<Bytes> list;
  if (text.find(kBegin) == std::string_view::npos) {
    list.emplace_back(text.begin(), text.end());
    return list;
  }
  for (;;) {
    const auto begin = text.find(kBegin);
    if (begin == std::string_view::npos) return list;
    text.remove_prefix(begin + kBegin.size());
    const auto end = text.find(kEnd);
    if (end == std::string_view::npos) return fail(Errc::invalid_input, "keyd.issuer_ca");
    std::string body;
    for (const char c : text.substr(0, end))
      if (c != '\n' && c != '\r' && c != ' ') body += c;
    auto der = from_base64(body);
    if (!der) return std::unexpected(der.error());
    list.push_back(std::move(*der));
    text.remove_prefix(end + kEnd.size());
  }
}

}  // namespace

Result<IssuerCheck> IssuerCheck::load(const std::string& path) {
  IssuerCheck check;
  if (path.empty()) return check;
  const auto bad = [&](std::string why) {
    return fail(Errc::invalid_input, "keyd.issuer_ca", "issuer_ca", path, {}, std::move(why));
  };
  const auto text = read_small_file(path);
  if (!text) return bad(std::strerror(text.error()));
  auto list = certificates_of(*text);
  if (!list) return bad("not PEM");
  for (const Bytes& der : *list)
    if (const auto facts = read_certificate(der); !facts) return bad(facts.error().id);
  check.issuers_ = std::move(*list);
  return check;
}

Result<void> IssuerCheck::check(ByteView certificate) const {
  if (issuers_.empty()) return {};
  for (const Bytes& issuer : issuers_)
    if (check_certificate_issuer(certificate, issuer)) return {};
  return fail(Errc::rejected, "key.foreign", {}, {}, {}, "not issued by a configured issuer_ca");
}

}  // namespace taxgate::keyd
