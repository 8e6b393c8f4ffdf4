#include "daemon/api/callers.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "daemon/core/files.h"
#include "protocol/sm.h"

namespace taxgate::api {
namespace {

constexpr std::size_t kMinToken = 20, kMaxToken = 512;  // 20 characters of base64 are 120 bits
constexpr std::size_t kMaxCallerName = 64;
constexpr std::int64_t kMaxUid = 4294967294;  // (uid_t)-1 is "no user"

bool well_formed_hash(std::string_view s) {
  return s.size() == 64 &&
         std::ranges::all_of(s, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Error finding(std::string id, std::string field, std::string wanted, std::string left = {}) {
  return {Errc::invalid_input, std::move(id), std::move(field), std::move(wanted), std::move(left), {}};
}

std::string all_roles() {
  std::string text;
  for (const auto role : kRoles) text.append(text.empty() ? "" : ", ").append(role);
  return text;
}

}  // namespace

bool Caller::has(std::string_view role) const {
  return std::ranges::any_of(roles, [&](const std::string& r) { return r == role || r == "admin"; });
}

bool known_role(std::string_view role) { return std::ranges::find(kRoles, role) != std::end(kRoles); }

Findings check_caller(const v1::CallerInfo& caller) {
  Findings findings;
  const auto name_char = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  if (caller.name().empty() || caller.name().size() > kMaxCallerName || !std::ranges::all_of(caller.name(), name_char))
    findings.push_back(finding("caller.name", "name", caller.name().substr(0, kMaxCallerName)));
  for (int i = 0; i < caller.roles_size(); ++i)
    if (!known_role(caller.roles(i)))
      findings.push_back(finding("caller.role", "roles[" + std::to_string(i) + "]", caller.roles(i), all_roles()));
  if (!caller.token_sha256().empty() && !well_formed_hash(caller.token_sha256()))
    findings.push_back(finding("caller.hash", "token_sha256", {}));
  if (!caller.certificate_sha256().empty() && !well_formed_hash(caller.certificate_sha256()))
    findings.push_back(finding("caller.hash", "certificate_sha256", {}));
  if (caller.has_uid() && (caller.uid() < 0 || caller.uid() > kMaxUid))
    findings.push_back(finding("caller.uid", "uid", std::to_string(caller.uid())));
  if (caller.token_sha256().empty() && caller.certificate_sha256().empty() && !caller.has_uid())
    findings.push_back(finding("caller.credential", {}, caller.name().substr(0, kMaxCallerName)));
  return findings;
}

Result<std::string> token_file_sha256(const std::string& path) {
  auto secret = read_secret(path, kMaxToken + 2);
  if (!secret) return std::unexpected(std::move(secret.error()));
  const std::string_view token = as_text(secret->view());
  if (token.size() < kMinToken || token.size() > kMaxToken ||
      !std::ranges::all_of(token, [](char c) { return c > ' ' && c < 127; }))
    return fail(Errc::invalid_input, "api.token_file", path, {},
                std::to_string(kMinToken) + " to " + std::to_string(kMaxToken));
  return sha256_hex(token);
}

std::string sha256_hex(std::string_view data) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(data.data(), data.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return hex(ByteView(digest.data(), size));
}

}  // namespace taxgate::api
