// A card's trace: whatever the bytes, it is read or refused; what was read is written the same way again; and a card
// made of it answers any command.
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/card_trace.h"
#include "simulator/device/replay_card.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace taxgate;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto entries = card_trace::read(text);
  if (!entries) return 0;
  std::string again(card_trace::kFirstLine);
  again += "\n";
  for (const auto& entry : *entries) again += card_trace::to_text(entry);
  if (const auto twice = card_trace::read(again); !twice || *twice != *entries) __builtin_trap();
  simulator::ReplayCard card(*entries);
  card.power_on();
  for (const auto& entry : *entries) {
    const auto* exchange = std::get_if<card_trace::Exchange>(&entry);
    if (exchange && !card.hangs_on(exchange->command.bytes)) (void)card.process(exchange->command.bytes);
  }
  if (!card.hangs_on({}) && card.process(ByteView(data, size)).size() == 1) __builtin_trap();
  return 0;
}
