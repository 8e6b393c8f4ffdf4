#include "drivers/usb/bot_session.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace taxgate::usb {
namespace {

// A class request is answered by the device's own firmware at once; one that is not is as good as no answer.
constexpr std::chrono::milliseconds kControlTimeout{1000};

std::unexpected<Error> gone(const char* what) { return fail(Errc::device_gone, "key.gone", {}, {}, {}, what); }
std::unexpected<Error> interrupted(const char* what) {
  return fail(Errc::outcome_unknown, "key.interrupted", {}, {}, {}, what);
}

}  // namespace

BotSession::BotSession(BulkTransport& transport, Quirks quirks, Pause pause)
    : transport_(transport), quirks_(std::move(quirks)), pause_(std::move(pause)) {}

Result<bot::Inquiry> BotSession::start() {
  std::uint8_t lun = 0;
  const Moved moved = transport_.max_lun(lun, kControlTimeout);
  if (moved == Moved::gone) return gone("GetMaxLUN");
  // A stall means one LUN. Anything else that went wrong here shows again in the next command, which has a ladder.
  const std::array<std::uint8_t, 6> cdb{bot::kInquiry, 0, 0, 0, bot::kInquiryData, 0};
  const auto answer = ask(cdb, bot::kInquiryData, Effect::none);
  if (!answer) return std::unexpected(answer.error());
  if (answer->sense) return fail(Errc::rejected, "usb.refused", {}, answer->sense->text(), {}, "INQUIRY");
  auto inquiry = bot::read_inquiry(answer->data);
  if (!inquiry) return interrupted("INQUIRY cut short");
  return inquiry;
}

Result<BotSession::Answer> BotSession::tell(ByteView cdb, ByteView data, Effect effect) {
  return run({cdb, data.empty() ? Phase::none : Phase::out, data, data.size()}, effect);
}

Result<BotSession::Answer> BotSession::ask(ByteView cdb, std::size_t length, Effect effect) {
  return run({cdb, length == 0 ? Phase::none : Phase::in, {}, length}, effect);
}

Result<BotSession::Answer> BotSession::run(const Command& command, Effect effect) {
  if (command.length > quirks_.max_transfer)
    return fail(Errc::limit_reached, "usb.transfer_size", {}, std::to_string(command.length),
                std::to_string(quirks_.max_transfer));
  bool again = true;
  waits_ = 0;
  for (;;) {
    Pass result = pass(command);
    switch (result.end) {
      case Pass::End::passed:
        // No data although some was asked for: not ready yet. Only a question is put again.
        if (command.phase == Phase::in && result.data.empty() && effect == Effect::none && (result.waited || wait()))
          continue;
        return Answer{std::move(result.data), {}};
      case Pass::End::failed: {
        bool lost_device = false;
        const auto why = sense(lost_device);
        if (!why)
          return interrupted(lost_device ? "unplugged while asked why it failed" : "failed, and no reason given");
        // Unit attention: the device was reset and ran nothing. Told once; the next pass is the command itself.
        if (why->key == bot::kSenseAttention && std::exchange(again, false)) continue;
        return Answer{std::move(result.data), why};
      }
      case Pass::End::refused:
        if (std::exchange(again, false)) continue;
        return gone(result.what);
      case Pass::End::lost:
        if (effect == Effect::none && std::exchange(again, false)) continue;
        return interrupted(result.what);
      case Pass::End::gone:
        if (result.taken) return interrupted(result.what);
        return gone(result.what);
    }
  }
}

BotSession::Pass BotSession::pass(const Command& command) {
  Pass result;
  bot::CommandBlock block;
  block.tag = ++tag_;
  block.data_length = quirks_.zero_data_length ? 0 : static_cast<std::uint32_t>(command.length);
  block.in = command.phase == Phase::in;
  block.cdb.assign(command.cdb.begin(), command.cdb.end());
  const auto bytes = bot::encode(block);
  const Transfer sent = transport_.out(bytes, quirks_.timeout);
  result.taken = sent.bytes == bytes.size();
  if (sent.end != Moved::done) {
    lose(result, sent.end, "command block");
    // Without a whole command block there is no command. A stall on it says the same, whatever has moved.
    if (result.end == Pass::End::lost && (!result.taken || sent.end == Moved::stalled)) result.end = Pass::End::refused;
    return result;
  }
  result.end = Pass::End::passed;
  std::optional<bot::StatusBlock> early;
  if (command.phase == Phase::out) data_out(command, result);
  if (command.phase == Phase::in) data_in(command, block.tag, result, early);
  if (result.end == Pass::End::passed) status(command, block.tag, result, early);
  return result;
}

void BotSession::lose(Pass& pass, Moved moved, const char* what) {
  pass.what = what;
  pass.end = moved == Moved::gone || !reset_recovery() ? Pass::End::gone : Pass::End::lost;
}

void BotSession::data_out(const Command& command, Pass& pass) {
  const Transfer sent = transport_.out(command.out, quirks_.timeout);
  if (sent.end == Moved::stalled) {
    ++ladder_.data_stalls;
    if (const Moved cleared = transport_.clear_halt(Pipe::out); cleared != Moved::done)
      lose(pass, cleared, "data to the device");
  } else if (sent.end != Moved::done) {
    lose(pass, sent.end, "data to the device");
  }
}

bool BotSession::data_in(const Command& command, std::uint32_t tag, Pass& pass,
                         std::optional<bot::StatusBlock>& early) {
  // A status block must fit too, in case it comes first.
  Bytes buffer(std::max(command.length, bot::kStatusBlock));
  for (;;) {
    const Transfer got = transport_.in(buffer, quirks_.timeout);
    if (got.end == Moved::stalled) {
      ++ladder_.data_stalls;
      if (const Moved cleared = transport_.clear_halt(Pipe::in); cleared != Moved::done)
        lose(pass, cleared, "data from the device");
      return false;
    }
    if (got.end != Moved::done) {
      lose(pass, got.end, "data from the device");
      return false;
    }
    const ByteView bytes(buffer.data(), got.bytes);
    if (!early && bot::is_status_of(bytes, tag)) {
      early = *bot::read_status_block(bytes);
      // Either there is no data, or this make of device sends it afterwards.
      const bool data_follows = quirks_.status_first && early->status == bot::Status::passed &&
                                (quirks_.zero_data_length || early->residue < command.length);
      if (!data_follows) return true;
      continue;
    }
    if (bytes.empty() && wait()) {
      pass.waited = true;
      continue;
    }
    buffer.resize(std::min(got.bytes, command.length));
    pass.data = std::move(buffer);
    return early.has_value();
  }
}

void BotSession::status(const Command& command, std::uint32_t tag, Pass& pass, std::optional<bot::StatusBlock> early) {
  std::array<std::uint8_t, bot::kStatusBlock> bytes{};
  if (!early) {
    Transfer got = transport_.in(bytes, quirks_.timeout);
    if (got.end == Moved::stalled) {
      ++ladder_.status_stalls;
      if (const Moved cleared = transport_.clear_halt(Pipe::in); cleared != Moved::done)
        return lose(pass, cleared, "status");
      got = transport_.in(bytes, quirks_.timeout);
    } else if (got.end == Moved::done && got.bytes == 0) {
      // The end of a data phase that was a whole number of packets.
      got = transport_.in(bytes, quirks_.timeout);
    }
    if (got.end != Moved::done) return lose(pass, got.end, "status");
    const auto block = bot::read_status_block(ByteView(bytes).first(got.bytes));
    if (!block || block->tag != tag) return lose(pass, Moved::failed, "status of no command of ours");
    early = *block;
  }
  if (early->status == bot::Status::phase_error) return lose(pass, Moved::failed, "phase error");
  if (!quirks_.zero_data_length && early->residue > command.length)
    return lose(pass, Moved::failed, "status with an impossible residue");
  if (early->status == bot::Status::failed) {
    pass.end = Pass::End::failed;
    return;
  }
  // Passed, and yet not all of the data was taken: the device ran something, but not what it was given.
  if (command.phase == Phase::out && early->residue != 0 && !quirks_.zero_data_length) {
    pass.what = "data taken in part";
    pass.end = Pass::End::lost;
  }
}

bool BotSession::wait() {
  if (waits_ >= quirks_.not_ready_retries) return false;
  ++waits_;
  ++ladder_.not_ready;
  pause_(quirks_.not_ready_pause);
  return true;
}

bool BotSession::reset_recovery() {
  ++ladder_.reset_recoveries;
  const Moved reset = transport_.class_reset(kControlTimeout);
  if (reset == Moved::gone) return false;
  if (reset != Moved::done) return reset_device();
  for (const Pipe pipe : {Pipe::in, Pipe::out}) {
    const Moved cleared = transport_.clear_halt(pipe);
    if (cleared == Moved::gone) return false;
    if (cleared != Moved::done) return reset_device();
  }
  return true;
}

bool BotSession::reset_device() {
  ++ladder_.device_resets;
  if (transport_.reset_device() != Moved::done) return false;
  std::uint8_t lun = 0;
  return transport_.max_lun(lun, kControlTimeout) != Moved::gone;
}

std::optional<bot::Sense> BotSession::sense(bool& gone) {
  ++ladder_.senses;
  const std::array<std::uint8_t, 6> cdb{bot::kRequestSense, 0, 0, 0, bot::kSense, 0};
  const Pass result = pass({cdb, Phase::in, {}, bot::kSense});
  gone = result.end == Pass::End::gone;
  if (result.end == Pass::End::passed)
    if (const auto why = bot::read_sense(result.data)) return *why;
  if (!gone) gone = !reset_device();
  return std::nullopt;
}

}  // namespace taxgate::usb
