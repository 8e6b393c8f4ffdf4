#pragma once
// What must hold for any bytes found in the place of a stored record: the reader is total, and accepts exactly the one
// spelling the writer produces. Shared by the fuzz target and the unit tests.
#include <string_view>

#include "daemon/store/codec.h"

namespace taxgate::store {

inline bool stored_records_hold(std::string_view bytes) {
  if (const auto invoice = decode_invoice(bytes); invoice && encode_invoice(*invoice) != bytes) return false;
  if (const auto names = decode_names(bytes); names && encode_names(*names) != bytes) return false;
  return true;
}

}  // namespace taxgate::store
