#pragma once
// A BulkTransport that plays a script: what is called must be what is expected next, and gets the answer noted there.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <string>
#include <utility>

#include "drivers/usb/bulk_transport.h"
#include "protocol/bot.h"

namespace taxgate::usb {

class ScriptedBulk final : public BulkTransport {
 public:
  ~ScriptedBulk() override { EXPECT_TRUE(steps_.empty()) << "never called: " << steps_.front().call; }

  /// The command block of this operation, with the tag the session is at.
  ScriptedBulk& command(std::uint8_t operation, Moved end = Moved::done, std::size_t bytes = bot::kCommandBlock) {
    return step({.call = "command", .end = end, .bytes = bytes, .operation = operation});
  }
  ScriptedBulk& data_out(Moved end = Moved::done, std::size_t bytes = SIZE_MAX) {
    return step({.call = "out", .end = end, .bytes = bytes});
  }
  ScriptedBulk& data_in(Bytes data, Moved end = Moved::done) {
    return step({.call = "in", .end = end, .data = std::move(data)});
  }
  /// The status block of the command under way; `change` spoils it.
  ScriptedBulk& status(bot::Status value = bot::Status::passed, std::uint32_t residue = 0,
                       void (*change)(Bytes&) = nullptr) {
    return step({.call = "status", .status = value, .residue = residue, .change = change});
  }
  ScriptedBulk& call(std::string name, Moved end = Moved::done) { return step({.call = std::move(name), .end = end}); }
  /// The whole reset recovery of BOT 5.3.4.
  ScriptedBulk& reset_recovery() { return call("class_reset").call("clear_in").call("clear_out"); }

  Transfer out(ByteView data, Milliseconds) override {
    if (const auto block = bot::read_command_block(data)) {
      const Step now = next("command");
      tag_ = block->tag;
      last_command = *block;
      EXPECT_EQ(block->cdb[0], now.operation);
      return {now.end, now.bytes};
    }
    const Step now = next("out");
    last_out.assign(data.begin(), data.end());
    return {now.end, std::min(now.bytes, data.size())};
  }
  Transfer in(std::span<std::uint8_t> into, Milliseconds) override {
    if (!steps_.empty() && steps_.front().call == "status") {
      const Step now = next("status");
      const auto block = bot::encode(bot::StatusBlock{tag_, now.residue, now.status});
      Bytes bytes(block.begin(), block.end());
      if (now.change) now.change(bytes);
      std::ranges::copy(bytes, into.begin());
      return {now.end, bytes.size()};
    }
    const Step now = next("in");
    EXPECT_LE(now.data.size(), into.size());
    std::ranges::copy(now.data, into.begin());
    return {now.end, now.data.size()};
  }
  Moved clear_halt(Pipe pipe) override { return next(pipe == Pipe::in ? "clear_in" : "clear_out").end; }
  Moved class_reset(Milliseconds) override { return next("class_reset").end; }
  Moved max_lun(std::uint8_t& lun, Milliseconds) override {
    lun = 0;
    return next("max_lun").end;
  }
  Moved reset_device() override { return next("reset_device").end; }

  bot::CommandBlock last_command;
  Bytes last_out;

 private:
  struct Step {
    std::string call;
    Moved end = Moved::done;
    std::size_t bytes = 0;
    Bytes data = {};
    std::uint8_t operation = 0;
    bot::Status status = bot::Status::passed;
    std::uint32_t residue = 0;
    void (*change)(Bytes&) = nullptr;
  };
  ScriptedBulk& step(Step step) {
    steps_.push_back(std::move(step));
    return *this;
  }
  Step next(const std::string& call) {
    if (steps_.empty() || steps_.front().call != call) {
      ADD_FAILURE() << call << " was called, expected is " << (steps_.empty() ? "nothing" : steps_.front().call);
      return {.call = call, .end = Moved::gone};
    }
    Step now = std::move(steps_.front());
    steps_.pop_front();
    return now;
  }

  std::deque<Step> steps_;
  std::uint32_t tag_ = 0;
};

}  // namespace taxgate::usb
