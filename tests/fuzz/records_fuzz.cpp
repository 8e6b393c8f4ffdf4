// Stored bytes: red documents, signed envelopes, signatures and certificates.
#include "tests/fuzz/records_property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)taxgate::test::check_stored({reinterpret_cast<const char*>(data), size});
  return 0;
}
