// A person's file of submissions: JSON lines, CSV, xlsx. Whatever it is, every entry has a request or a fault.
#include <cstdlib>

#include "cli/files/submissions.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto entries = taxgate::files::read_submissions({reinterpret_cast<const char*>(data), size});
  if (!entries) {
    if (entries.error().id.empty()) std::abort();
    return 0;
  }
  for (const auto& entry : *entries) {
    if (entry.request.has_value() != entry.faults.empty()) std::abort();
    if (entry.row < 1) std::abort();
  }
  return 0;
}
