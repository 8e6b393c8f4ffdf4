#pragma once
// Who may speak to the local API. Declared here, implemented by daemon/pipeline over the store, kept in memory there:
// the look-ups are asked once per request on the io thread and must not block.
#include <optional>
#include <string>
#include <string_view>

#include "daemon/api/gateway.h"

namespace taxgate::api {

class CallerDirectory {
 public:
  virtual ~CallerDirectory() = default;
  /// Peer of the Unix socket. root and the daemon's own uid need no entry: the server knows them as admin.
  virtual std::optional<Caller> by_uid(std::int64_t uid) const = 0;
  /// Lower-case hex SHA-256 of the bearer token.
  virtual std::optional<Caller> by_token(std::string_view sha256) const = 0;
  /// Lower-case hex SHA-256 of the client certificate's DER; its chain was verified by TLS.
  virtual std::optional<Caller> by_certificate(std::string_view sha256) const = 0;

  /// Administration (role admin, checked by the server). Replies carry the whole list, hashes left out. put replaces
  /// the entry of that name. errors  invalid_input caller.* ; remove of an unknown name: caller.not_found
  virtual void list_callers(Caller by, Reply<v1::CallerList> reply) = 0;
  virtual void put_caller(Caller by, v1::CallerInfo caller, Reply<v1::CallerList> reply) = 0;
  virtual void remove_caller(Caller by, std::string name, Reply<v1::CallerList> reply) = 0;
};

/// Roles in the order of the documentation. Any other name is refused by put_caller's checks.
inline constexpr std::string_view kRoles[] = {"submitter", "approver", "operator", "auditor", "admin"};
bool known_role(std::string_view role);

/// What put_caller must check before it stores anything: name form, known roles, at least one way to be recognised,
/// hash forms. Shared so that every implementation refuses the same. Empty: well-formed.
Findings check_caller(const v1::CallerInfo& caller);

/// Reads a bearer-token file (core's read_secret: ours, no access for others): one line of 20..512 printable
/// characters. Returns the token's SHA-256 in hex; the token itself does not stay in memory. errors  those of
/// read_secret; invalid_input api.token_file (field = path)
Result<std::string> token_file_sha256(const std::string& path);

/// Lower-case hex SHA-256, the form all hashes of callers have.
std::string sha256_hex(std::string_view data);

}  // namespace taxgate::api
