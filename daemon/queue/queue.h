#pragma once
// Which submission is worked on next. In memory only: the store holds the truth, this holds the order.
//
// One lane per blue invoice (and per answered form): the head of a lane is worked on, the others wait (rules.md §0-9).
// A bounded number of submissions is active at once, shared among three classes so that a backlog of polls or retries
// never starves fresh work. Inside a class: what has a near legal deadline before what has not; then the taxpayer with
// the fewest active, then the one whose turn was longest ago, so that one with 10,000 waiting delays nobody else;
// inside a taxpayer least slack, then order of acceptance. A taxpayer never holds the whole active set: a key that is
// silent for its whole deadline would stop everybody. Thread: the io thread only. Times: steady milliseconds for
// back-off, legal time for deadlines.
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "daemon/core/text_index.h"
#include "daemon/store/records.h"

namespace taxgate::queue {

using SteadyMs = std::int64_t;

/// What the next piece of work on a submission in this state is.
enum class Work : std::uint8_t {
  none,   // final, or a person must act first
  act,    // towards key or platform; stops under a taxpayer's hold
  ask,    // a question that resolves an unknown outcome or a result; goes on under a hold
  watch,  // routine poll of a waiting form
};
Work work_of(State state);

struct Limits {
  int max_active = 64;  // submissions worked on at once: a few times the platform's concurrency
  std::int64_t urgent_ms = 24 * LegalTime::kHourMs;  // legal slack below which a submission goes first
};

class Queue {
 public:
  explicit Queue(Limits limits);

  /// A newly accepted submission, or one loaded at start. Due at `due`.
  void add(store::OpenEntry entry, SteadyMs due);
  /// The state moved on durably; a final state frees the lane. Keeps it active if it was.
  void moved(std::string_view id, State state, LegalTime deadline);
  /// Ends the activity begun by next(); due again at `due`. `failed`: counts as a retry, not as fresh work.
  void finish(std::string_view id, SteadyMs due, bool failed);
  /// Makes it due now (a person asked).
  void wake(std::string_view id, SteadyMs now);
  void wake_all(SteadyMs now);
  /// returns  how many were woken
  std::size_t wake_taxpayer(std::string_view taxpayer, SteadyMs now);

  /// A key of the taxpayer signs again: what failed to be signed is tried once more, oldest first, a few at a time (the
  /// cost of a call does not grow with what waits), until all were tried or key_gone(). Nothing else is woken.
  void key_ready(std::string_view taxpayer);
  void key_gone(std::string_view taxpayer);

  /// The next submission to work on, marked active; nullopt when none is due or the active set is full.
  std::optional<std::string> next(SteadyMs now, LegalTime legal_now);
  /// When next() may have something again; nullopt: only after an event.
  std::optional<SteadyMs> next_due() const;

  void hold(std::string_view taxpayer);
  void release(std::string_view taxpayer, SteadyMs now);
  bool held(std::string_view taxpayer) const;

  std::size_t size() const { return items_.size(); }
  int active() const { return active_; }
  bool lane_busy(std::string_view lane) const { return head_of(lane) != nullptr; }
  std::optional<LegalTime> next_deadline() const;
  std::optional<store::OpenEntry> entry(std::string_view id) const;
  /// The earliest deadline that has not been announced.
  std::optional<LegalTime> next_announcement() const;
  /// Open submissions whose deadline lies before `until` and has not been announced; marks them announced.
  std::vector<std::string> to_announce(LegalTime until);
  /// A submission whose deadline has passed while it is in a state that counts in months (all but a form before its
  /// counterparty, whose end the platform decides), marked active so that nothing else works on it; end with finish().
  /// nullopt when there is none or the active set is full.
  std::optional<std::string> claim_passed(LegalTime now);
  void limit(Limits limits);

 private:
  static constexpr std::int64_t kCalm = INT64_MAX;     // rank of what is not urgent; of the others, the deadline
  using Key = std::pair<std::int64_t, std::int64_t>;   // rank, seq
  static constexpr int kClasses = 3;                   // fresh, again, watch
  static constexpr int kShares[kClasses] = {4, 2, 1};  // of seven picks
  struct Taxpayer;
  struct Item;
  /// Not urgent, active, last turn, rank and sequence of its first: the smallest is picked from.
  using Seat = std::tuple<bool, int, std::uint64_t, Key, Taxpayer*>;
  struct Taxpayer {
    explicit Taxpayer(std::string_view id) : name(id) {}
    const std::string name;
    std::map<Key, Item*> ready[kClasses];
    std::map<std::int64_t, Item*> unsigned_;      // by seq: waits out its pause after no key signed it
    std::optional<std::int64_t> trying_unsigned;  // since key_ready(): those up to this seq were tried
    std::optional<Seat> seat[kClasses];           // its place in seats_; none: nothing ready, or its share is used up
    int active = 0;
    std::uint64_t last_turn = 0;
    bool held = false;
  };
  /// Everything else points at it: with 100,000 open, what is kept of each decides the memory.
  struct Item {
    std::string id, lane;
    Taxpayer* taxpayer = nullptr;
    Item* behind = nullptr;  // the next in its lane
    std::int64_t seq = 0;
    LegalTime deadline;
    SteadyMs due = 0;
    std::int64_t rank = 0;
    State state = State::queued;
    std::uint8_t cls = 0;
    bool active = false, failed = false, queued = false;
  };
  using Timed = std::tuple<std::int64_t, std::int64_t, Item*>;  // time, seq

  Item* find(std::string_view id) const;
  Taxpayer& taxpayer(std::string_view name);
  bool line_up(Item& item);  // true: it is the head of its lane
  /// returns  who heads the lane now, when `item` did
  Item* leave_lane(Item& item);
  void set_deadline(Item& item, LegalTime deadline);
  void wait_for_turn(Item& item);  // the head of its lane
  void schedule(Item& item);       // into waiting_ or ready, if it is the head of its lane
  void unschedule(Item& item);
  void make_due(Item& item, SteadyMs due);
  void promote(SteadyMs now, LegalTime legal_now);
  void try_unsigned(SteadyMs now);
  Item* const* head_of(std::string_view lane) const;
  bool head(const Item& item) const;
  void seat(Taxpayer& taxpayer, int cls);  // puts it where its figures say
  void seat(Taxpayer& taxpayer);
  void activate(Item& item, int by);  // +1: begins to be worked on; -1: ends
  /// All but a quarter: enough to keep every key and the platform busy, and room for the others at any time.
  int share() const { return limits_.max_active - limits_.max_active / 4; }

  Limits limits_;
  TextIndex<std::unique_ptr<Item>> items_;                                     // by Item::id
  TextIndex<Item*> lanes_;                                                     // the head of each, by its Item::lane
  std::unordered_map<std::string_view, std::unique_ptr<Taxpayer>> taxpayers_;  // as many as are configured
  std::set<Timed> waiting_;
  std::set<Taxpayer*> trying_unsigned_;
  std::set<Seat> seats_[kClasses];
  std::uint64_t turns_ = 0;
  std::set<Timed> deadlines_;
  std::int64_t announced_until_ = INT64_MIN;  // deadlines before this were told,
  std::set<Timed> untold_;                    // but for these, which came later
  int active_ = 0;
  int turn_ = 0;
};

}  // namespace taxgate::queue
