#pragma once
// Invoices by the hundred thousand, which only the night's listing shows: everything about one but its status follows
// from a seed and its place, so a record costs 8 bytes however many there are. Forms cannot be raised on them; invoices
// to be reversed are seeded into the World. Pure state, deterministic by seed. Thread: the platform's loop.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/leqi_night.h"

namespace taxgate::simulator {

inline constexpr std::int64_t kDayMs = 24 * LegalTime::kHourMs;

/// The invoices of one taxpayer, direction, type and month, in the order of number and time.
struct Lot {
  Party taxpayer;
  leqi::Direction direction = leqi::Direction::issued;
  std::string type;    // fplx
  LegalTime month;     // its first millisecond
  std::string prefix;  // of the number; the serial follows, `digits` wide
  unsigned digits = 0;
  std::uint64_t first_serial = 0, seed = 0;
  std::int64_t span_seconds = 1;       // from the month's beginning: the invoices are dated within it
  std::vector<PlatformStatus> status;  // one an invoice

  static constexpr std::uint64_t kGap = 7;  // numbers of one taxpayer are not dense
  std::uint64_t serial(std::uint64_t i) const { return first_serial + i * kGap; }
  std::string number(std::uint64_t i) const;
  LegalTime issued_at(std::uint64_t i) const;
  /// Everything but the counterparty's id and name, names of 16 companies by turns.
  unsigned counterparty(std::uint64_t i) const;
  Fen amount(std::uint64_t i) const;  // 1000.00 to 7689.99
  Fen tax(std::uint64_t i) const;     // 13 %
  listing::Facts facts(std::uint64_t i) const;
  /// Invoices [first, last) of the window's days.
  std::pair<std::uint64_t, std::uint64_t> within(const leqi::Window& window) const;
};
inline constexpr unsigned kCounterparties = 16;

/// What the other side, or the tax administration, does to an invoice. `impossible` is a transition no platform makes:
/// a gateway must not believe it.
enum class Deed : std::uint8_t { deduct, book, lock, unlock, suspect, abnormal, part, full, void_, impossible };
std::optional<Deed> deed_of(std::string_view name);
/// The status after the deed; nullopt: it does not apply to this one.
std::optional<PlatformStatus> done_to(PlatformStatus before, Deed deed);
/// What a new invoice shows: 0, N, 0, 01, 01, nothing, nothing.
PlatformStatus fresh_status();

class Population {
 public:
  struct Order {
    std::uint64_t seed = 1;
    std::vector<Party> taxpayers;
    std::vector<leqi::Direction> directions;
    std::vector<std::string> types;
    LegalTime first_month, last_month;  // any time in them
    std::uint64_t count = 0;            // in all, dealt evenly
    LegalTime until = {};               // none is dated later; not set: no bound
  };
  /// returns  how many invoices were added: order.count. Nothing may be empty.
  std::uint64_t add(const Order& order);

  struct Place {
    std::size_t lot = 0;
    std::uint64_t i = 0;
  };
  struct Change {
    std::uint64_t seed = 1;
    double percent = 1;       // of the invoices of `taxpayer`, or of all
    std::vector<Deed> deeds;  // by turns; one that does not apply gives way to the next
    std::string taxpayer;
    bool clustered = false;  // side by side instead of evenly spread
  };
  /// Changes statuses and returns where.
  std::vector<Place> change(const Change& order);

  const std::vector<Lot>& lots() const { return lots_; }
  std::uint64_t size() const;
  PlatformStatus& status(Place place) { return lots_[place.lot].status[place.i]; }
  std::optional<Place> find(std::string_view number) const;

 private:
  std::vector<Lot> lots_;  // by first_serial
  std::uint64_t next_serial_ = 1;
};

/// The fast way to write a lot's records: one of each kind is written with listing::append_record() and then only
/// digits are put in place. For one page.
class LotWriter {
 public:
  LotWriter(listing::Form form, const Lot& lot) : form_(form), lot_(lot) {}
  void append(std::string& page, std::uint64_t i);

 private:
  struct Pattern {
    std::uint64_t key = 0;
    std::string text;
    std::size_t number_at = 0, time_at = 0, amount_at = 0, tax_at = 0;
  };
  const Pattern& pattern(std::uint64_t i);

  listing::Form form_;
  const Lot& lot_;
  std::vector<Pattern> patterns_;
};

}  // namespace taxgate::simulator
