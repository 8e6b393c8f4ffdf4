#pragma once
// The fault script: what goes wrong, with which requests, how often. Pure state, no clock and no network: the platform
// asks for each request what is to be done and does it. Thread: the platform's loop.
//
// A fault is a JSON object. Which requests it meets:
//   service, taxpayer, blue_number   exact; absent: any
//   nth          the first request it meets is the nth that matches (default 1)
//   count        how many it meets from there on (default 1; 0: all)
//   probability  0..1, per request (then count defaults to 0). Drawn from the seed, the fault's place, service,
//   taxpayer, blue
//                number and how many such requests came before: the same script, seed and requests give the same
//                faults, however requests of different invoices interleave
// What happens (milliseconds are machine time; only legal time is virtual):
//   delay_ms          handled at once, answered that much later
//   drop_before       connection closed, not handled
//   drop_after        handled, connection closed without an answer
//   late_arrival_ms   no answer ever; handled that much later
//   late_listing_ms   handled and answered, but lists do not show the new form for that long
//   status            answered with this HTTP status, not handled; with "handle": true handled first
//   retry_after       seconds, header Retry-After (429, 503)
//   garbage           handled, answered with bytes that are no answer
//   truncate_at       handled, the connection closed after that many bytes of the HTTP response
//   duplicate_answer  handled, but answered as if it were a repetition
//   wrong_signature   the signature counts as wrong: not handled, outcome 01
//   stall             no answer ever, not handled
//   no_issue          handled, but the red of this form (or of this upload) is never issued
//   protection        false: no open-form lock, no balance check, no duplicate answer for this request: it is booked
//   date_off_s        the answer tells the platform's time (header Date), so many seconds off; -86400..86400
//   gateway_error     "SIM-401" (session lost), "SIM-503" (maintenance) or another code: the gateway's error, not
//   handled page              what is wrong with a page of the night's listing: "cut", "repeat" (each record twice),
//   "reorder",
//                     "previous" (the package before under this one's head), "number" (another package's number),
//                     "missing" (one record left out), "stranger" (a record of another taxpayer), "other_month" (a
//                     record of the next month), "miscount" (the totals say one more than there are)
//   cursor_moved      another program has moved the incremental listing's cursor on by so many
// Several faults may meet one request; for each effect the first that names it wins.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error.h"

namespace taxgate::simulator {

struct FaultAction {
  std::optional<std::int64_t> delay_ms, late_arrival_ms, late_listing_ms;
  std::optional<int> status, retry_after_s, date_off_s;
  std::optional<std::size_t> truncate_at;
  bool drop_before = false, drop_after = false, garbage = false, duplicate_answer = false, wrong_signature = false,
       stall = false, no_issue = false, handle = false;
  bool protection = true;
  std::string gateway_error, page;
  std::int64_t cursor_moved = 0;
  friend bool operator==(const FaultAction&, const FaultAction&) = default;
};

struct Fault {
  std::string service, taxpayer, blue_number;
  int nth = 1;
  int count = 1;  // 0: no end
  std::optional<double> probability;
  FaultAction action;
};

class Faults {
 public:
  explicit Faults(std::uint64_t seed) : seed_(seed) {}
  void reseed(std::uint64_t seed) { seed_ = seed; }
  void add(Fault fault) { faults_.push_back({std::move(fault), 0}); }
  void clear() { faults_.clear(); }
  std::size_t size() const { return faults_.size(); }
  /// What is to be done with one more request.
  FaultAction decide(std::string_view service, std::string_view taxpayer, std::string_view blue_number);

 private:
  struct Entry {
    Fault fault;
    int matched;
  };
  std::uint64_t seed_;
  std::vector<Entry> faults_;
  std::map<std::string, std::uint64_t> seen_;  // requests so far by service, taxpayer and blue number
};

/// One fault object, an array of them, or {"seed": n, "faults": [...]}. Unknown members are refused: a misspelt fault
/// that never strikes proves nothing. errors  invalid_input sim.script
struct FaultScript {
  std::optional<std::uint64_t> seed;
  std::vector<Fault> faults;
};
Result<FaultScript> read_fault_script(std::string_view json);

}  // namespace taxgate::simulator
