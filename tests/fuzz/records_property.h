#pragma once
// What must hold of the readers of stored bytes. Used by the fuzz target and, over its corpus, by an ordinary test.
#include <algorithm>

#include "protocol/envelope.h"
#include "protocol/records.h"

namespace taxgate::test {

/// True when one of the readers accepted the bytes. Traps when a promise is broken.
inline bool check_stored(std::string_view bytes) {
  const auto red = red_from_stored(bytes);
  if (red && to_stored(*red) != bytes) __builtin_trap();
  const auto envelope = read_envelope(as_bytes(bytes));
  if (envelope) {
    const auto again = make_envelope(envelope->header, envelope->body);
    if (!again || !std::ranges::equal(*again, as_bytes(bytes))) __builtin_trap();
  }
  const auto signature = sm2_signature_from_der(as_bytes(bytes));
  if (signature && !std::ranges::equal(sm2_signature_to_der(*signature), as_bytes(bytes))) __builtin_trap();
  const bool certificate = read_certificate(as_bytes(bytes)).has_value();
  return red || envelope || signature || certificate;
}

}  // namespace taxgate::test
