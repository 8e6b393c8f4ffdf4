// The local API's JSON: from_json into a SubmissionRequest, and the blue invoice inside it.
#include "tests/fuzz/json_property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)taxgate::test::check_json({reinterpret_cast<const char*>(data), size});
  return 0;
}
