#pragma once
// What a virtual tax disk holds, and what it refuses: identity; for each invoice type its issuing deadline, reporting
// window, limits, volumes, offline limits and monthly figures; reporting and clearing. It knows no transport and keeps
// no clock: the caller gives the time.
//
// Fidelity: the content and the refusal codes are those that third-party programs report of real disks; the encoding of
// a real disk's native commands is not simulated. Codes of ours are in docs/usb.md, "Tax disk".
// Units: money in fen, times in Unix milliseconds, months as yyyyMM in +08:00. Thread: one caller at a time.
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/bot.h"
#include "protocol/error.h"
#include "simulator/device/state_file.h"

namespace taxgate::simulator {

/// A refusal, as the disk puts it into its sense data.
namespace disk {
inline constexpr bot::Sense kBadNumber{9, 0xD1, 0x08}, kPastDeadline{9, 0xD1, 0x09}, kUnknownType{9, 0xD1, 0x10},
    kAlreadyReported{9, 0xD1, 0x1C}, kOfflineTime{9, 0xD1, 0x1F}, kOfflineCount{9, 0xD1, 0x20},
    kOfflineAmount{9, 0xD1, 0x21}, kUploadDate{9, 0xD1, 0x22}, kClock{9, 0xE1, 0x05};
// Invented: no public source names the codes for these.
inline constexpr bot::Sense kOverLimit{9, 0xD1, 0xF0}, kNoInvoices{9, 0xD1, 0xF1}, kNotReported{9, 0xD1, 0xF2},
    kStorage{4, 0x44, 0x00};
}  // namespace disk

struct DiskIdentity {
  std::string device_number;  // 12 digits
  std::string taxpayer, name, bureau_code, bureau_name, firmware, terminal, company_type;
  std::int64_t activated_ms = 0;
};

struct DiskOffline {
  std::uint64_t hours = 72, count = 100, positive = 100'000'000, negative = 100'000'000;  // fen
};

struct DiskType {
  std::string code;                                     // "004" special, "007" ordinary, …
  std::int64_t deadline_ms = 0;                         // the lock date: nothing is issued from then on
  std::int64_t window_start_ms = 0, window_end_ms = 0;  // reporting
  std::int64_t upload_deadline_ms = 0;
  std::int64_t last_report_ms = 0;
  bool reported = false;                                                       // since the last clearing
  std::uint64_t invoice_limit = 11'300'000;                                    // fen, each
  std::uint64_t positive_limit = 1'000'000'000, negative_limit = 100'000'000;  // fen, since the last clearing
  std::uint64_t positive = 0, negative = 0;
  DiskOffline offline_limits;
  std::uint64_t offline_count = 0, offline_positive = 0, offline_negative = 0;
  std::int64_t offline_since_ms = 0;  // of the oldest invoice not uploaded; 0: none
};

struct DiskVolume {
  std::string type, code;  // code: 10 or 12 digits
  std::uint64_t first = 0, last = 0, current = 0;
  std::int64_t bought_ms = 0;
  std::uint64_t left() const { return current > last ? 0 : last - current + 1; }
};

struct DiskMonth {
  std::uint64_t opening = 0, bought = 0, returned = 0;     // numbers
  std::uint64_t positive = 0, voided = 0, negative = 0;    // invoices
  std::uint64_t positive_amount = 0, negative_amount = 0;  // fen
  std::uint64_t closing() const { return opening + bought - returned - positive - voided - negative; }
  friend bool operator==(const DiskMonth&, const DiskMonth&) = default;
};

struct DiskContent {
  DiskIdentity identity;
  std::vector<DiskType> types;
  std::vector<DiskVolume> volumes;
  std::map<std::pair<std::string, int>, DiskMonth> months;  // by type and yyyyMM
  std::int64_t clock_ms = 0;                                // the latest time it has seen
};

/// A disk as a taxpayer has it who picked up yesterday: types 004 and 007, 100 numbers each, to be reported by the 15th
/// of next month.
DiskContent ordinary_disk(const std::string& device_number, const std::string& taxpayer, const std::string& name,
                          std::int64_t now_ms);

class TaxDisk {
 public:
  template <class T>
  using Answer = std::expected<T, bot::Sense>;
  struct Issued {
    std::string code;
    std::uint64_t number = 0;
  };

  /// The disk of `state_path`, made of `content` when the file does not exist yet.
  /// errors  corrupt sim.state_format (also another disk's file), retry_later sim.state_io
  static Result<TaxDisk> open(const std::string& state_path, DiskContent content);

  const DiskContent& content() const { return content_; }
  Answer<DiskType> type(const std::string& code) const;
  Answer<DiskMonth> month(const std::string& type, int yyyymm) const;
  std::uint64_t numbers_left(const std::string& type) const;

  /// Takes the next number of the type. errors  kUnknownType, kClock (earlier than the last), kPastDeadline,
  /// kUploadDate, kOverLimit, kOffline…, kNoInvoices
  Answer<Issued> issue(const std::string& type, std::uint64_t amount, bool negative, std::int64_t now_ms);
  /// Whether the key in it signs: while none of its types is stopped (deadline, offline limits, clock). Our reading: no
  /// source says what a real disk does. errors  as issue(), but for amounts and numbers
  Answer<void> may_sign(std::int64_t now_ms) const;
  /// By hand, for rehearsals: what no real disk lets anybody do. errors  kUnknownType, kStorage
  Answer<void> change(const std::string& type, const std::function<void(DiskType&)>& by);
  /// Throws the next number of the type away, unused.
  Answer<Issued> void_next(const std::string& type, std::int64_t now_ms);
  /// Everything issued offline is with the tax office now; the next upload is due by `next_deadline_ms`.
  Answer<void> uploaded(const std::string& type, std::int64_t next_deadline_ms);
  /// 抄报: seals the period. returns opaque bytes for the tax office. errors  kAlreadyReported, kUnknownType
  Answer<Bytes> report(const std::string& type, std::int64_t now_ms);
  /// 清卡: opens the next period with the tax office's answer, opaque bytes that name the disk and the new deadline
  /// (clearance()). errors  kNotReported, kBadNumber (of another disk)
  Answer<void> clear(const std::string& type, ByteView clearance, std::int64_t now_ms);
  static Bytes clearance(const std::string& device_number, const std::string& type, std::int64_t next_deadline_ms);
  /// errors  kBadNumber (overlaps a volume of this code, or last < first)
  Answer<void> buy(DiskVolume volume, std::int64_t now_ms);
  /// Gives the unused rest of a volume back. errors  kBadNumber
  Answer<void> give_back(const std::string& code, std::int64_t now_ms);

 private:
  TaxDisk(std::string state_path, DiskContent content)
      : state_path_(std::move(state_path)), content_(std::move(content)) {}
  std::optional<bot::Sense> stopped(const DiskType& type, std::int64_t now_ms) const;
  DiskType* find(const std::string& code);
  DiskVolume* volume_of(const std::string& type);
  DiskMonth& month_at(const std::string& type, std::int64_t now_ms);
  Answer<void> save();

  std::string state_path_;
  DiskContent content_;
};

}  // namespace taxgate::simulator
