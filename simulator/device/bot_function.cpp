#include "simulator/device/bot_function.h"

#include <algorithm>
#include <utility>

namespace taxgate::simulator {

using Kind = BotFault::Kind;

void BotFunction::add_fault(BotFault fault) {
  const std::lock_guard lock(mutex_);
  faults_.push_back({fault});
}
void BotFunction::clear_faults() {
  const std::lock_guard lock(mutex_);
  faults_.clear();
}
std::size_t BotFunction::fault_count() const {
  const std::lock_guard lock(mutex_);
  return faults_.size();
}
BotFunction::Counters BotFunction::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

std::optional<BotFault> BotFunction::fault_for(ByteView cdb) {
  const std::lock_guard lock(mutex_);
  std::optional<BotFault> fires;
  for (auto it = faults_.begin(); it != faults_.end();) {
    const BotFault& fault = it->fault;
    const bool fits = !cdb.empty() && fault.kind != Kind::refuse_reset &&
                      (!fault.operation || *fault.operation == cdb[0]) &&
                      (!fault.second || (cdb.size() > 1 && *fault.second == cdb[1]));
    if (!fits || ++it->matches < fault.nth) {
      ++it;
      continue;
    }
    if (!fires) fires = fault;
    const bool used_up = fault.count != 0 && it->matches + 1 >= std::uint64_t{fault.nth} + fault.count;
    it = used_up ? faults_.erase(it) : std::next(it);
  }
  return fires;
}

void BotFunction::forget() {
  state_ = State::idle;
  fault_.reset();
  reply_.clear();
  class_reset_ = in_cleared_ = out_cleared_ = false;
}

void BotFunction::power(bool on) {
  forget();
  sense_ = {};
  target_.power(on);
  const std::lock_guard lock(mutex_);
  counters_.max_lun_first = false;
}

void BotFunction::bus_reset() {
  forget();
  target_.reset();
}

bool BotFunction::control(const std::array<std::uint8_t, 8>& setup, Bytes& answer) {
  if (state_ == State::hung) return false;
  if (setup[0] == bot::kGetMaxLunType && setup[1] == bot::kGetMaxLunRequest) {
    const std::lock_guard lock(mutex_);
    ++counters_.max_luns;
    if (counters_.commands == 0) counters_.max_lun_first = true;
    answer = {0};
    return true;
  }
  if (setup[0] == bot::kResetType && setup[1] == bot::kResetRequest) {
    {
      const std::lock_guard lock(mutex_);
      const auto refuses =
          std::ranges::find_if(faults_, [](const Entry& entry) { return entry.fault.kind == Kind::refuse_reset; });
      if (refuses != faults_.end()) {
        const bool last = refuses->fault.count == 1;
        if (refuses->fault.count != 0) --refuses->fault.count;
        if (last) faults_.erase(refuses);
        return false;
      }
      ++counters_.class_resets;
    }
    // Ready for a command block; halts are cleared by the host, each by itself.
    const bool out_of_step = state_ == State::out_of_step;
    forget();
    if (out_of_step) state_ = State::out_of_step;
    class_reset_ = true;
    return true;
  }
  return false;
}

void BotFunction::halt_cleared(std::uint8_t endpoint) {
  (endpoint == kBulkIn ? in_cleared_ : out_cleared_) = true;
  if (state_ == State::out_of_step && class_reset_ && in_cleared_ && out_cleared_) forget();
}

UsbFunction::Take BotFunction::out(ByteView data) {
  switch (state_) {
    case State::hung:
      return Take::wait;
    case State::idle:
      return command(data);
    case State::taking:
      if (is(Kind::stall_data)) {
        outcome_ = bot::Status::failed;
        sense_ = fault_->sense;
        residue_ = block_.data_length;
        state_ = State::status;
        return Take::stall;
      }
      run(data);
      return Take::taken;
    default:
      state_ = State::out_of_step;
      class_reset_ = in_cleared_ = out_cleared_ = false;
      return Take::stall;
  }
}

UsbFunction::Take BotFunction::command(ByteView data) {
  const auto block = bot::read_command_block(data);
  if (!block) {
    state_ = State::out_of_step;
    class_reset_ = in_cleared_ = out_cleared_ = false;
    return Take::stall;
  }
  fault_ = fault_for(block->cdb);
  if (is(Kind::stall_command)) {
    state_ = State::out_of_step;
    class_reset_ = in_cleared_ = out_cleared_ = false;
    return Take::stall;
  }
  {
    const std::lock_guard lock(mutex_);
    ++counters_.commands;
  }
  block_ = *block;
  reply_.clear();
  status_sent_ = false;
  outcome_ = bot::Status::passed;
  residue_ = 0;
  repeats_left_ = fault_ ? fault_->repeat : 0;
  if (is(Kind::hang)) {
    state_ = State::hung;
    return Take::taken;
  }
  const bool has_out_data = (!block_.in && block_.data_length > 0) || target_.takes_data(block_.cdb);
  if (has_out_data)
    state_ = State::taking;
  else
    run({});
  return Take::taken;
}

ScsiTarget::Reply BotFunction::basic(ByteView cdb, ByteView data) {
  if (is(Kind::refuse)) return {fault_->sense, {}};
  if (is(Kind::not_ready)) return {};
  switch (cdb[0]) {
    case bot::kTestUnitReady:
      return {};
    case bot::kRequestSense:
      return {{}, bot::encode(std::exchange(sense_, bot::Sense{}))};
    case bot::kInquiry:
      return {{}, bot::encode(target_.inquiry())};
    default:
      return target_.command(cdb, data);
  }
}

void BotFunction::run(ByteView data) {
  auto reply = basic(block_.cdb, data);
  if (reply.sense) {
    outcome_ = bot::Status::failed;
    sense_ = *reply.sense;
    reply.data.clear();
  }
  reply_ = std::move(reply.data);
  // A host that announces no data is given it all the same.
  if (block_.data_length > 0 && reply_.size() > block_.data_length) reply_.resize(block_.data_length);
  if (is(Kind::cut_data) && reply_.size() > fault_->repeat) reply_.resize(fault_->repeat);
  if (block_.data_length > 0)
    residue_ = block_.data_length - static_cast<std::uint32_t>(std::min<std::size_t>(
                                        block_.in ? reply_.size() : data.size(), block_.data_length));
  const bool gives = block_.in ? block_.data_length > 0 || !reply_.empty() : !reply_.empty();
  state_ = gives ? State::giving : State::status;
}

std::optional<UsbFunction::Packet> BotFunction::in(std::size_t length) {
  switch (state_) {
    case State::idle:
    case State::taking:
    case State::hung:
      return std::nullopt;
    case State::out_of_step:
      return Packet{.stall = true, .bytes = {}};
    case State::giving:
      return give(length);
    case State::status:
      return status_packet();
  }
  return std::nullopt;
}

UsbFunction::Packet BotFunction::give(std::size_t length) {
  if (is(Kind::status_first) && !status_sent_) {
    status_sent_ = true;
    const auto bytes = bot::encode(bot::StatusBlock{block_.tag, residue_, outcome_});
    return {false, Bytes(bytes.begin(), bytes.end())};
  }
  if (is(Kind::empty_packets) && repeats_left_ > 0) {
    --repeats_left_;
    return {};
  }
  if (is(Kind::stall_data)) {
    residue_ = block_.data_length;
    reply_.clear();
    state_ = State::status;
    return {.stall = true, .bytes = {}};
  }
  const auto size = static_cast<std::ptrdiff_t>(std::min(length, reply_.size()));
  Packet packet{false, Bytes(reply_.begin(), reply_.begin() + size)};
  reply_.erase(reply_.begin(), reply_.begin() + size);
  // A short packet ends the phase; so does the last byte of what was asked for.
  if (reply_.empty()) state_ = status_sent_ ? State::idle : State::status;
  return packet;
}

UsbFunction::Packet BotFunction::status_packet() {
  if (is(Kind::stall_status) && repeats_left_ > 0) {
    --repeats_left_;
    return {.stall = true, .bytes = {}};
  }
  bot::StatusBlock block{block_.tag, residue_, outcome_};
  if (is(Kind::wrong_tag)) block.tag ^= 0x80000000U;
  if (is(Kind::phase_error)) block.status = bot::Status::phase_error;
  const auto encoded = bot::encode(block);
  Bytes bytes(encoded.begin(), encoded.end());
  if (is(Kind::wrong_signature)) bytes[0] ^= 0xFF;
  if (is(Kind::short_status)) bytes.resize(bytes.size() - 1);
  state_ = State::idle;
  return {false, std::move(bytes)};
}

}  // namespace taxgate::simulator
