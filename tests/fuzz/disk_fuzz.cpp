// A tax disk's record: whatever the bytes, it is read or refused; what was read is read again the same way, and its
// figures stay within the bounds that let them be added up.
#include <cstdint>
#include <string>

#include <google/protobuf/stubs/logging.h>

#include "drivers/gmt0017/disk_record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace taxgate;
  // Text that is no UTF-8 is refused; that it is, need not be said a thousand times a second.
  [[maybe_unused]] static const auto spoke = google::protobuf::SetLogHandler(nullptr);
  const auto disk = gmt0017::read_disk_record(ByteView(data, size));
  if (!disk) return 0;
  std::int64_t sum = 0;
  const auto add = [&sum](std::int64_t figure) {
    if (figure < 0 || __builtin_add_overflow(sum, figure, &sum)) __builtin_trap();
  };
  for (const auto& month : disk->months()) {
    add(month.positive_amount());
    add(month.negative_amount());
  }
  for (const auto& volume : disk->volumes()) add(static_cast<std::int64_t>(volume.left()));
  for (const auto& type : disk->types()) add(type.positive().limit() + type.positive().used());
  const std::string again = disk->SerializeAsString();
  const auto twice = gmt0017::read_disk_record(as_bytes(again));
  if (!twice || twice->SerializeAsString() != again) __builtin_trap();
  return 0;
}
