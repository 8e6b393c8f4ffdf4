#include "simulator/device/replay_card.h"

#include <algorithm>

#include "protocol/gmt0017.h"

namespace taxgate::simulator {
namespace {

using card_trace::Exchange;

bool answers(const Exchange& exchange, ByteView apdu) {
  const auto& pattern = exchange.command;
  constexpr std::size_t kIns = 1, kHeader = 4;
  const bool signs = apdu.size() > kHeader && apdu[kIns] == static_cast<std::uint8_t>(gmt0017::Ins::ecc_sign_data);
  if (!signs) return card_trace::fits(pattern, apdu);
  return pattern.bytes.size() == apdu.size() && std::equal(apdu.begin(), apdu.begin() + kHeader, pattern.bytes.begin());
}

}  // namespace

std::size_t ReplayCard::find(ByteView apdu) const {
  for (std::size_t step = 0; step < entries_.size(); ++step) {
    const std::size_t at = (at_ + step) % entries_.size();
    const auto* exchange = std::get_if<Exchange>(&entries_[at]);
    if (exchange && answers(*exchange, apdu)) return at;
  }
  return entries_.size();
}

bool ReplayCard::hangs_on(ByteView apdu) {
  const std::scoped_lock lock(mutex_);
  const std::size_t at = find(apdu);
  if (at == entries_.size()) return false;
  const auto* silence = std::get_if<card_trace::Silence>(&std::get<Exchange>(entries_[at]).answer);
  if (!silence || silence->id != "key.hung") return false;
  at_ = at + 1;
  used_ = true;
  return true;
}

Bytes ReplayCard::process(ByteView apdu) {
  const std::scoped_lock lock(mutex_);
  const std::size_t at = find(apdu);
  if (at == entries_.size()) {
    ++unknown_;
    return gmt0017::encode_response({}, gmt0017::sw::unknown_ins);
  }
  at_ = at + 1;
  used_ = true;
  const auto* bytes = std::get_if<card_trace::Masked>(&std::get<Exchange>(entries_[at]).answer);
  return bytes ? bytes->bytes : Bytes();
}

void ReplayCard::next_session() {
  const std::scoped_lock lock(mutex_);
  // pcscd powers and resets a card more than once before it asks anything.
  if (!used_) return;
  used_ = false;
  while (at_ < entries_.size() && !std::holds_alternative<card_trace::Session>(entries_[at_])) ++at_;
}

std::size_t ReplayCard::unknown() const {
  const std::scoped_lock lock(mutex_);
  return unknown_;
}

}  // namespace taxgate::simulator
