#include "drivers/skf/sar_error.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string>

namespace taxgate::skf {
namespace {

struct Row {
  std::uint32_t sar;
  Errc reads;
  std::string_view reads_id;
  Errc acts;
  std::string_view acts_id;
};

using enum Errc;

constexpr std::array<Row, 14> kRows{{
    // A handle that is no longer one, or a login that is gone: the device was taken away in between, nothing ran.
    {0x0A000005, device_gone, "key.gone", device_gone, "key.gone"},
    {0x0A00002D, retry_later, "key.reset", retry_later, "key.reset"},
    {0x0A00000F, device_gone, "key.gone", outcome_unknown, "key.interrupted"},
    {0x0A000023, device_gone, "key.gone", outcome_unknown, "key.interrupted"},
    {0x0A00001B, rejected, "key.no_key_pair", rejected, "key.no_key_pair"},
    {0x0A00001C, rejected, "key.no_certificate", rejected, "key.no_certificate"},
    {0x0A000020, corrupt, "key.card_format", corrupt, "key.card_format"},
    {kPinIncorrect, rejected, "key.pin_wrong", rejected, "key.pin_wrong"},
    {kPinLocked, rejected, "key.locked", rejected, "key.locked"},
    // "PIN invalid" says neither wrong nor right; taken for wrong, so that it is not presented again by itself.
    {kPinInvalid, rejected, "key.pin_wrong", rejected, "key.pin_wrong"},
    {0x0A000027, invalid_input, "key.pin_length", invalid_input, "key.pin_length"},
    {0x0A00002B, rejected, "key.no_application", rejected, "key.no_application"},
    {0x0A00002E, rejected, "key.no_application", rejected, "key.no_application"},
    {0x0A000031, rejected, "key.no_container", rejected, "key.no_container"},
}};

}  // namespace

Error sar_error(std::uint32_t sar, Effect effect, std::string_view function) {
  const std::string code = fmt::format("{:#010x}", sar);
  Error error{rejected, "key.card_refused", {}, code, {}, fmt::format("{}: {}", function, code)};
  const auto row = std::ranges::find(kRows, sar, &Row::sar);
  if (row == kRows.end()) return error;
  error.code = effect == Effect::acts ? row->acts : row->reads;
  error.id = effect == Effect::acts ? row->acts_id : row->reads_id;
  error.wanted.clear();
  return error;
}

}  // namespace taxgate::skf
