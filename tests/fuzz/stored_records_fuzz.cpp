// Bytes of stored records (ledger invoices, lists of names), on one input.
#include <cstdint>

#include "protocol/records.h"
#include "tests/fuzz/stored_records_property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (!taxgate::store::stored_records_hold(bytes)) __builtin_trap();
  (void)taxgate::red_from_stored(bytes);
  return 0;
}
