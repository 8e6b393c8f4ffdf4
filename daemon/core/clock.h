#pragma once
// Clocks. LegalClock (protocol/legal_time.h) is what the law counts in and may be virtual in the laboratory; deadlines
// of I/O use std::chrono::steady_clock, which is never virtual in a daemon.
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "protocol/error.h"
#include "protocol/legal_time.h"

namespace taxgate {

/// The machine's wall clock. Thread-safe.
class SystemLegalClock final : public LegalClock {
 public:
  LegalTime now() const override;
};

/// For tests: stands still until it is moved. Thread-safe.
class ManualClock final : public LegalClock {
 public:
  explicit ManualClock(LegalTime start = {1'795'300'000'000}) : ms_(start.ms) {}  // 2026-11-22 in +08:00
  LegalTime now() const override { return {ms_.load(std::memory_order_relaxed)}; }
  void set(LegalTime t) { ms_.store(t.ms, std::memory_order_relaxed); }
  void advance_ms(std::int64_t d) { ms_.fetch_add(d, std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> ms_;
};

/// The laboratory's clock: wall time plus an offset another process (the simulator) keeps in a file of exactly 8 bytes,
/// a little-endian signed count of milliseconds. The file is mapped, so a change is seen at once and costs no call.
/// Only under --lab. Thread-safe; `now` never fails: an offset outside limits::kClockOffsetMs counts as 0.
class FileOffsetClock final : public LegalClock {
 public:
  /// Opens an existing file read-only. errors  invalid_input clock.file (missing, or not 8 bytes)
  static Result<std::unique_ptr<FileOffsetClock>> open(const std::string& path);
  ~FileOffsetClock() override;
  FileOffsetClock(const FileOffsetClock&) = delete;
  FileOffsetClock& operator=(const FileOffsetClock&) = delete;
  LegalTime now() const override;

 private:
  explicit FileOffsetClock(const std::int64_t* offset) : offset_(offset) {}
  const std::int64_t* offset_;
};

/// The other end of FileOffsetClock: creates the file (offset 0, or keeps the one it finds) and moves it. Thread-safe.
class ClockFile final : public LegalClock {
 public:
  /// errors  invalid_input clock.file
  static Result<std::unique_ptr<ClockFile>> create(const std::string& path);
  ~ClockFile() override;
  ClockFile(const ClockFile&) = delete;
  ClockFile& operator=(const ClockFile&) = delete;
  LegalTime now() const override;
  std::int64_t offset_ms() const;
  void set_offset_ms(std::int64_t ms);
  void advance_ms(std::int64_t ms);  // negative: a clock stepped back

 private:
  explicit ClockFile(std::int64_t* offset) : offset_(offset) {}
  std::int64_t* offset_;
};

}  // namespace taxgate
