#pragma once
// The virtual platform's own certification authority and server certificate, made anew at every start. Both subjects
// say SIMULATED, which is how `taxgated --lab` tells this authority from a real one. Keys never leave the process.
#include <string>

#include "protocol/error.h"

namespace taxgate::simulator {

struct TlsIdentity {
  std::string ca_pem;     // for clients to trust
  std::string chain_pem;  // server certificate, then the CA
  std::string key_pem;    // the server's private key
};

/// EC P-256; the server certificate names localhost, 127.0.0.1, ::1 and `address`, and is valid for a year from
/// yesterday. errors  invalid_input sim.tls
Result<TlsIdentity> make_tls_identity(const std::string& address);

}  // namespace taxgate::simulator
