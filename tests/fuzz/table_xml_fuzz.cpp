// Every parser of the information table's GBK XML, on one input.
#include <cstdint>

#include "protocol/table_xml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace taxgate;
  const ByteView bytes(data, size);
  (void)table::read_upload_reply(bytes);
  (void)table::read_download(bytes);
  (void)table::read_download_reply(bytes);
  (void)table::read_cancel(bytes);
  if (auto red = table::read_upload(bytes)) {
    // A table we could write ourselves reads back as the same table.
    if (auto xml = table::upload_xml(*red)) {
      auto again = table::read_upload(*xml);
      if (!again || !table::same_table(*again, *red)) __builtin_trap();
    }
  }
  return 0;
}
