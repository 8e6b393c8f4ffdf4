#pragma once
// The key host's own log of what it was asked to sign: the independent leg of every audit. Append-only text, each line
// chained to the one before with SM3. Grammar and a worked example: docs/keyd.md, "Signing log".
#include <cstdint>
#include <string>
#include <string_view>

#include "drivers/keyd/files.h"
#include "protocol/error.h"
#include "protocol/sm.h"

namespace taxgate::keyd {

struct SignLogEntry {
  std::string_view key_serial, taxpayer, purpose, request_id;
  Digest message_sm3{};
};

/// thread  one
class SignLog {
 public:
  /// Opens or creates (0600) the file and finds the last number and chain value. A last line without its line end was
  /// never synced, so nothing was signed on it: it is cut off. errors  corrupt key.log_damaged (the last line is not
  /// ours: move the file away and keep it), retry_later key.log_failed
  static Result<SignLog> open(const std::string& path);

  /// Appends an order and returns its number. Durable only after sync().
  /// errors  retry_later key.log_failed: do not sign
  Result<std::uint64_t> begin(const SignLogEntry& entry, std::int64_t now_ms);
  /// What became of order `number`: "signed" or an error id. Made durable by the next sync.
  Result<void> result(std::uint64_t number, std::string_view outcome, std::int64_t now_ms);
  /// fdatasync. errors  retry_later key.log_failed
  Result<void> sync();

  std::uint64_t last_number() const { return last_number_; }

  /// Whole lines from byte `offset` on, at most kReadSize; empty at the end, or behind it. For audits.
  /// errors  invalid_input key.log_offset (no line begins there), retry_later key.log_failed
  struct Piece {
    std::string lines;
    std::int64_t size = 0;  // of the whole log
  };
  Result<Piece> read(std::int64_t offset) const;
  static constexpr std::size_t kReadSize = 64 * 1024;  // fits a frame; thousands of lines wait for nobody's disk

  /// Re-computes the chain over a whole log. errors  corrupt key.log_damaged with the line number in `wanted`
  static Result<std::uint64_t> check(std::string_view text);

 private:
  SignLog(Fd fd, std::uint64_t last_number, std::string chain)
      : fd_(std::move(fd)), last_number_(last_number), chain_(std::move(chain)) {}
  Result<void> append(std::string line);

  Fd fd_;
  std::uint64_t last_number_ = 0;
  std::string chain_;    // hex SM3 at the end of the last line; empty before the first
  bool broken_ = false;  // a write failed half-way: nothing may follow it
};

}  // namespace taxgate::keyd
