#pragma once
// What one write transaction works with: the writer's connection, the journal's end, the digest chain and the memory
// indexes, all of which go back together when the transaction fails. Writer thread only. Private to this room.
#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/core/random.h"
#include "daemon/store/open_set.h"
#include "daemon/store/records.h"
#include "daemon/store/seq_index.h"
#include "daemon/store/sql.h"
#include "protocol/invoice_key.h"
#include "protocol/legal_time.h"

namespace taxgate::store {

/// What the writer and the readers share: candidates, never truths; a reader checks each against its own snapshot.
struct Shared {
  explicit Shared(std::uint64_t seed) : ids(seed), keys(seed), lanes(seed) {}
  SeqIndex ids;    // id → seq
  SeqIndex keys;   // idempotency key → seq
  SeqIndex lanes;  // lane, and blue number where it is another text → seq
  OpenSet open;
  std::array<std::atomic<std::int64_t>, kStateCount> counts{};
  std::atomic<std::int64_t> last_seq{0};
};

/// A row of `issued_total`.
struct IssuedKey {
  std::string seller;
  std::int64_t month = 0;
  std::string type;
  auto operator<=>(const IssuedKey&) const = default;
};
/// What it adds up to, in fen: a hostile ledger's sums pass 64 bits. Reds take away.
struct IssuedSum {
  __int128 amount = 0, tax = 0;  // amount: without tax
  IssuedSum& operator+=(const IssuedSum& more) {
    amount += more.amount;
    tax += more.tax;
    return *this;
  }
  bool operator==(const IssuedSum&) const = default;
};
/// Adds to that row (issued.cpp).
void add_issued_total(Connection& db, const IssuedKey& key, const IssuedSum& sum);

class Session {
 public:
  Session(Connection& db, Shared& shared, const LegalClock& clock)
      : db_(db), shared_(shared), clock_(clock), ids_(random_) {}

  /// Rebuilds indexes, counts and the chain's end by one scan of the narrow rows. errors  those of SQLite,
  /// store.corrupt
  Result<void> load();

  void begin();
  /// Seals the journal rows of this transaction with the next digest and commits. False: failed, call rollback().
  bool commit();
  void rollback();

  /// Somebody waits for an answer of the writer: bulk work then yields soon. Set by any thread.
  bool somebody_waits() const { return somebody_waits_.load(std::memory_order_relaxed); }
  void set_somebody_waits(bool waits) { somebody_waits_.store(waits, std::memory_order_relaxed); }

  /// Daytime observations of this process: the last change of each invoice. A restart begins with what is stored.
  void observed_by_day(const InvoiceKey& key, std::int64_t change) { by_day_[key] = change; }
  bool observed_after(const InvoiceKey& key, std::int64_t change) const {
    const auto it = by_day_.find(key);
    return it != by_day_.end() && it->second > change;
  }

  /// Taxpayers with a number of ours, this transaction's included: whose issued months are kept added up.
  bool numbered(std::string_view taxpayer) const { return numbered_.contains(taxpayer); }
  void now_numbered(const std::string& taxpayer) {
    if (numbered_.insert(taxpayer).second) numbered_now_.push_back(taxpayer);
  }
  /// Written once a transaction, at its end.
  void add_issued(const IssuedKey& key, const IssuedSum& sum) { issued_[key] += sum; }

  Connection& db() { return db_; }
  Shared& shared() { return shared_; }
  LegalTime now() const { return clock_.now(); }
  std::string new_id() { return ids_.next(clock_.now().ms); }
  std::int64_t next_seq() const { return last_seq_ + 1; }

  /// Appends a journal row; assigns its seq, and its time when it has none.
  /// previous  the submission's journal row before this one, 0: none
  /// content   digest of what the row vouches for, or empty; request and document only for "accepted"
  std::int64_t append(JournalRow& row, std::int64_t previous, std::string_view content = {},
                      std::string_view request = {}, std::string_view document = {});
  /// The submission stays where it is until the transaction has ended.
  void added(const Submission& submission);
  void moved(std::int64_t seq, State from, State to);

 private:
  Connection& db_;
  Shared& shared_;
  const LegalClock& clock_;
  std::atomic<bool> somebody_waits_{false};
  std::map<InvoiceKey, std::int64_t> by_day_;  // a red each: some thousands a day at most
  std::set<std::string, std::less<>> numbered_;
  SystemRandom random_;
  UuidSource ids_;

  std::int64_t last_seq_ = 0, committed_seq_ = 0;
  Digest digest_{}, next_digest_{};
  std::string canonical_;  // rows of this transaction
  std::map<IssuedKey, IssuedSum> issued_;
  std::vector<std::string> numbered_now_;
  std::vector<const Submission*> added_;
  std::vector<std::int64_t> closed_;
  std::array<std::int64_t, kStateCount> moved_{};
};

}  // namespace taxgate::store
