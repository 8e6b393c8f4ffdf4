#pragma once
// "Envelope v1": the canonical bytes a tax key signs for one act, and the evidence kept of it (docs/envelope.md has the
// grammar and a worked hex example). The envelope is our own non-repudiation layer; no public document says that the
// platform signs confirmation forms with a key (rules.md §0-7).
#include <string>
#include <string_view>

#include "protocol/sm.h"

namespace taxgate {

struct EnvelopeHeader {
  std::string channel;  // "simulator", "sandbox", "production"
  std::string taxpayer;
  std::string purpose;     // apply, upload, confirm, deny, revoke, table
  std::string request_id;  // submission id and step: unique per act
};

/// Canonical bytes: fixed header lines in fixed order, an empty line, then the body verbatim.
/// errors  invalid_input envelope.header (a header value with a line break or a control character), envelope.size (> 64
/// KiB)
Result<Bytes> make_envelope(const EnvelopeHeader& header, ByteView body);
struct EnvelopeParts {
  EnvelopeHeader header;
  ByteView body;
};  // body views into the argument
/// Total on hostile bytes; accepts exactly what make_envelope produces. errors corrupt envelope.format /
/// envelope.digest
Result<EnvelopeParts> read_envelope(ByteView bytes);

inline constexpr std::size_t kMaxEnvelope = 64 * 1024;  // keyd's bound on one message

/// Everything that proves who signed what; stored verbatim, never recomputed.
struct SignedEnvelope {
  Bytes bytes;
  Signature signature{};
  Bytes certificate;  // DER
  std::string signer_id;
  std::string key_serial;
};
/// errors  rejected envelope.signature (does not verify), rejected envelope.foreign_key (certificate of another
/// taxpayer)
Result<void> verify_envelope(const SignedEnvelope& signed_envelope, std::string_view taxpayer);

}  // namespace taxgate
