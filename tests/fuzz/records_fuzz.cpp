// Stored bytes: red documents, signed envelopes, signatures and certificates.
#include <google/protobuf/stubs/logging.h>

#include "tests/fuzz/records_property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // protobuf reports every text that is not UTF-8 on stderr; here that is most of the input.
  [[maybe_unused]] static const auto quiet = google::protobuf::SetLogHandler(nullptr);
  (void)taxgate::test::check_stored({reinterpret_cast<const char*>(data), size});
  return 0;
}
