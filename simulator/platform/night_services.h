#pragma once
// The platform's side of the night: bulk download, incremental listing, totals, over the invoices of the World and of
// the Population (protocol/leqi_night.h). No network; thread: the platform's loop.
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "simulator/platform/faults.h"
#include "simulator/platform/population.h"
#include "simulator/platform/world.h"

namespace taxgate::simulator {

struct NightBehaviour {
  std::uint32_t package_size = 10'000;
  unsigned ready_polls = 1;                           // so many state queries answer "working" first
  std::int64_t ready_ms = 0;                          // and so much legal time passes
  std::int64_t receipt_ms = 24 * LegalTime::kHourMs;  // then a receipt is gone
  std::uint32_t calls = 0;                            // of these services in any window_ms of machine time; 0: any
  std::int64_t window_ms = 60'000;
};

class NightServices {
 public:
  /// `world` outlives this and is settled by the caller.
  explicit NightServices(const World& world) : world_(world) {}

  static bool known(std::string_view service);
  /// Whose request it is, for matching faults; "" when it cannot be read.
  static std::string taxpayer_of(std::string_view service, std::string_view json);

  struct Answer {
    std::string page;                  // to be sealed
    std::optional<int> retry_after_s;  // instead: 429
  };
  /// machine_ms  a clock that never steps back, for the budget alone
  Answer handle(std::string_view service, std::string_view json, const FaultAction& fault, LegalTime now,
                std::int64_t machine_ms);
  /// The single query, where this knows more than the World: an invoice of the population, one that was changed, a red.
  std::optional<leqi::InvoiceStatusReply> single(const leqi::InvoiceStatusRequest& request) const;

  void behave(NightBehaviour behaviour) { behaviour_ = behaviour; }
  const NightBehaviour& behaviour() const { return behaviour_; }
  const Population& population() const { return population_; }
  std::uint64_t add(const Population::Order& order) { return population_.add(order); }
  /// Changes the population, and enters each change in the incremental listing.
  std::uint64_t change(const Population::Change& order, LegalTime now);
  /// One invoice, of the population or of the World; false: unknown, or the deed does not apply.
  bool change(const std::string& number, Deed deed, LegalTime now);
  /// The World's own effects change statuses too.
  void note(const Effect& effect);
  /// How many changes a taxpayer's incremental listing holds.
  std::int64_t changes(const std::string& taxpayer, leqi::Direction direction) const;
  /// Every invoice `taxpayer` is shown: "number|state|lock|use|booking|abnormal|risk|agriculture", sorted.
  std::vector<std::string> statuses(const std::string& taxpayer, leqi::Direction direction) const;

 private:
  using Record = std::pair<listing::Facts, PlatformStatus>;
  struct Piece {
    std::size_t lot = 0;
    std::uint64_t first = 0, last = 0;
  };
  struct Content {  // of one window
    std::vector<Piece> pieces;
    std::vector<Record> others;  // of the World, as they were when it was put together
    std::uint64_t total() const;
  };
  struct Receipt {
    leqi::BulkApply request;
    LegalTime at;
    unsigned polls = 0;
    Content content;
  };
  struct Entry {
    LegalTime at;
    std::string number;
  };
  using Stream = std::pair<std::string, leqi::Direction>;

  bool budget_spent(std::int64_t machine_ms, Answer& answer);
  Content content_of(const leqi::Window& window) const;
  PlatformStatus world_status(const Invoice& invoice, bool locked) const;
  std::string apply(std::string_view json, LegalTime now);
  std::string state(std::string_view json, LegalTime now);
  std::string package(std::string_view json, const FaultAction& fault, LegalTime now);
  std::string package_text(const Receipt& receipt, std::uint32_t number, std::uint32_t count) const;
  std::string spoiled_package(const Receipt& receipt, std::uint32_t number, std::uint32_t count,
                              const std::string& how) const;
  std::string incremental(std::string_view json, const FaultAction& fault, LegalTime now);
  std::string totals(std::string_view json, const FaultAction& fault) const;
  std::optional<Record> record(const std::string& number) const;
  void enter(const std::string& taxpayer, leqi::Direction direction, LegalTime at, std::string number);

  const World& world_;
  NightBehaviour behaviour_;
  Population population_;
  std::map<std::string, PlatformStatus> overlay_;  // of the World's invoices: what was changed by hand
  std::map<std::string, Receipt> receipts_;
  std::map<Stream, std::vector<Entry>> streams_;
  std::deque<std::int64_t> calls_;
  std::uint64_t receipt_sequence_ = 0;
};

}  // namespace taxgate::simulator
