#pragma once
// Whose certificates are accepted.
#include <string>
#include <vector>

#include "protocol/error.h"
#include "protocol/sm.h"

namespace taxgate::keyd {

class IssuerCheck {
 public:
  /// path  PEM (one or several certificates) or DER; empty: every issuer is accepted. errors  invalid_input
  /// keyd.issuer_ca
  static Result<IssuerCheck> load(const std::string& path);
  /// errors  rejected key.foreign
  Result<void> check(ByteView certificate) const;

 private:
  std::vector<Bytes> issuers_;
};

}  // namespace taxgate::keyd
