#pragma once
// Store over one SQLite file. Private to this room; made by Store::open.
#include <span>

#include "daemon/core/files.h"
#include "daemon/store/night_store.h"
#include "daemon/store/operations.h"
#include "daemon/store/writer.h"

namespace taxgate::store {

class SqliteStore final : public Store {
 public:
  SqliteStore(Options options, FileLock lock, std::uint64_t seed);
  ~SqliteStore() override;

  /// The rest of open(): everything that can fail.
  Result<void> start();

  using Store::accept;
  void accept(std::vector<Acceptance> batch) override;
  void advance(Advance advance, Done<Submission> done) override;
  void allocate_request_number(std::string tax_device, Done<std::string> done) override;
  using Store::import_invoices;
  void import_invoices(std::vector<Invoice> invoices, RedNumbers reds, Principal principal,
                       Done<ImportCounts> done) override;
  void set_hold(Hold hold, Done<void> done) override;
  void release_hold(std::string taxpayer, std::string reason, Principal principal, Done<void> done) override;
  void put_caller(Caller caller, Principal principal, Done<void> done) override;
  void remove_caller(std::string name, Principal principal, Done<void> done) override;
  void put_inbox_form(InboxForm form, Done<void> done) override;
  void record_credit(CreditRecord record, Done<CreditRecord> done) override;
  void set_cursor(std::string name, std::int64_t value, Done<void> done) override;
  void note(JournalRow row, Done<void> done) override;
  NightStore& night() override { return *night_; }
  Result<std::unique_ptr<Reader>> reader() override;
  void on_commit(std::function<void(std::int64_t last_seq)> callback) override;
  Result<void> verify_chain() override;

 private:
  const Options options_;
  FileLock lock_;
  std::shared_ptr<Shared> shared_;
  Connection db_;
  Session session_;
  std::unique_ptr<Checkpointer> beside_;
  std::unique_ptr<Writer> writer_;  // last: its thread uses everything above
  std::unique_ptr<SqliteNight> night_;
};

/// A read-only connection of its own. errors  those of SQLite
Result<std::unique_ptr<Reader>> make_reader(const std::string& path, const std::string& vfs,
                                            std::shared_ptr<Shared> shared);

/// Recomputes the digest chain over the whole journal, and every digest a row vouches for. errors  corrupt store.chain
Result<void> verify_chain_of(Connection& db);

/// The same for the commits that hold these rows only, each from the stored digest of the commit before it: that none
/// of them was changed by itself; not that nobody wrote the whole chain anew from there. rows  ascending
Result<void> verify_chain_around(Connection& db, std::span<const std::int64_t> rows);

}  // namespace taxgate::store
