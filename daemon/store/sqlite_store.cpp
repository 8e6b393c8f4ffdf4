#include "daemon/store/sqlite_store.h"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include "daemon/core/limits.h"
#include "daemon/core/log.h"
#include "daemon/store/codec.h"
#include "daemon/store/schema.h"

namespace taxgate::store {
namespace {

template <class T>
class Task final : public Work {
 public:
  using Body = std::move_only_function<Result<T>(Session&)>;
  Task(const char* name, Body body, Done<T> done) : Work(name), body_(std::move(body)), done_(std::move(done)) {}
  void run(Session& session) override { result_.emplace(body_(session)); }
  void finish(const Error* failed) override {
    if (failed != nullptr)
      done_(std::unexpected(*failed));
    else
      done_(std::move(*result_));
  }

 private:
  Body body_;
  Done<T> done_;
  std::optional<Result<T>> result_;
};

// Not a Task: the submission goes through without a copy.
class AcceptWork final : public Work {
 public:
  explicit AcceptWork(Acceptance acceptance) : Work("accept"), wanted_(std::move(acceptance)) {}
  void digests(std::vector<Sm3Job>& jobs) override {
    jobs.push_back(content_job(wanted_.submission.request, wanted_.submission.document, length_, content_));
  }
  void run(Session& session) override {
    result_.emplace(store::accept(session, wanted_.submission, wanted_.principal, wanted_.inline_invoices, content_,
                                  wanted_.detail));
  }
  void finish(const Error* failed) override {
    if (failed != nullptr) return wanted_.done(std::unexpected(*failed));
    auto& result = *result_;
    if (result && result->outcome == AcceptOutcome::created) result->submission = std::move(wanted_.submission);
    wanted_.done(std::move(result));
  }

 private:
  Acceptance wanted_;
  std::string length_;
  Digest content_{};
  std::optional<Result<Accepted>> result_;
};

class ImportWork final : public Work {
 public:
  ImportWork(std::vector<Invoice> invoices, Store::RedNumbers reds, Principal principal, Done<Store::ImportCounts> done)
      : Work("import"),
        invoices_(std::move(invoices)),
        reds_(std::move(reds)),
        principal_(std::move(principal)),
        done_(std::move(done)) {}
  void run(Session& session) override {
    // From what is committed, so that a repeated slice does the same again.
    counts_ = committed_counts_;
    at_ = import_slice(session, invoices_, reds_, committed_at_, principal_, counts_);
  }
  bool unfinished() const override {
    committed_at_ = at_;
    committed_counts_ = counts_;
    return at_ < invoices_.size();
  }
  void finish(const Error* failed) override {
    if (failed != nullptr)
      done_(std::unexpected(*failed));
    else
      done_(counts_);
  }

 private:
  std::vector<Invoice> invoices_;
  Store::RedNumbers reds_;
  Principal principal_;
  Done<Store::ImportCounts> done_;
  std::size_t at_ = 0;
  Store::ImportCounts counts_;
  // Asked only after a commit, which makes the slice's end the next one's beginning.
  mutable std::size_t committed_at_ = 0;
  mutable Store::ImportCounts committed_counts_;
};

template <class T, class F>
std::unique_ptr<Work> task(const char* name, F body, Done<T> done) {
  return std::make_unique<Task<T>>(name, std::move(body), std::move(done));
}

Result<void> require_private(const std::string& path) {
  if (::chmod(path.c_str(), 0600) == 0) return {};
  return fail(Errc::invalid_input, "file.unwritable", path, {}, {}, std::generic_category().message(errno));
}

}  // namespace

SqliteStore::SqliteStore(Options options, FileLock lock, std::uint64_t seed)
    : options_(std::move(options)),
      lock_(std::move(lock)),
      shared_(std::make_shared<Shared>(seed)),
      session_(db_, *shared_, *options_.clock) {}

SqliteStore::~SqliteStore() {
  if (!writer_) return;          // never started: the file is as it was
  if (!writer_->stop()) return;  // the next start must look at the file
  db_.clear_failure();
  // Failing to mark a clean end costs the next start a check of the file, nothing else.
  (void)set_clean_mark(db_, true);
  if (options_.probe) options_.probe("close.marked");
}

Result<void> SqliteStore::start() {
  const auto started = std::chrono::steady_clock::now();
  std::error_code ec;
  if (!std::filesystem::exists(options_.path, ec)) {
    if (std::filesystem::exists(options_.path + "-wal", ec))
      return fail(Errc::corrupt, "store.corrupt", options_.path, "the file is missing but its -wal file is there");
    if (auto made = create_database(options_.path, options_.vfs); !made) return made;
    if (options_.probe) options_.probe("open.created");
  }
  if (auto sound = inspect_database(options_.path, options_.vfs); !sound) return sound;
  if (auto closed = require_private(options_.path); !closed) return closed;
  if (auto opened = db_.open(options_.path, options_.vfs, Connection::Mode::read_write); !opened) return opened;
  if (auto ready = prepare_for_writing(db_); !ready) return ready;
  if (auto migrated = migrate(db_); !migrated) return migrated;
  if (auto marked = set_clean_mark(db_, false); !marked) return marked;
  if (options_.probe) options_.probe("open.marked");
  if (auto loaded = session_.load(); !loaded) return loaded;
  // Crash tests, which set the size, count the writer's every step: there it does all by itself.
  if (options_.checkpoint_pages == 0) beside_ = Checkpointer::open(options_.path, options_.vfs);
  writer_ = std::make_unique<Writer>(db_, session_, options_.probe, options_.max_pending, options_.checkpoint_pages,
                                     options_.bulk_yields, beside_.get());
  night_ = std::make_unique<SqliteNight>(*writer_, options_.path, options_.vfs);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started);
  log::info("store.opened", "{}: schema {}, journal row {}, {} submissions, {} ms", options_.path, kSchemaVersion,
            shared_->last_seq.load(), shared_->keys.size(), ms.count());
  return {};
}

void SqliteStore::accept(std::vector<Acceptance> batch) {
  std::vector<std::unique_ptr<Work>> works;
  works.reserve(batch.size());
  for (auto& acceptance : batch) works.push_back(std::make_unique<AcceptWork>(std::move(acceptance)));
  writer_->post(Writer::Lane::accept, std::move(works));
}
void SqliteStore::advance(Advance advance, Done<Submission> done) {
  auto body = [wanted = std::move(advance)](Session& s) { return store::advance(s, wanted); };
  writer_->post(Writer::Lane::normal, task<Submission>("advance", std::move(body), std::move(done)));
}
void SqliteStore::allocate_request_number(std::string tax_device, Done<std::string> done) {
  auto body = [device = std::move(tax_device)](Session& s) { return store::allocate_request_number(s, device); };
  writer_->post(Writer::Lane::normal, task<std::string>("request_number", std::move(body), std::move(done)));
}
void SqliteStore::import_invoices(std::vector<Invoice> invoices, RedNumbers reds, Principal principal,
                                  Done<ImportCounts> done) {
  writer_->post(Writer::Lane::bulk, std::make_unique<ImportWork>(std::move(invoices), std::move(reds),
                                                                 std::move(principal), std::move(done)));
}
void SqliteStore::set_hold(Hold hold, Done<void> done) {
  auto body = [hold = std::move(hold)](Session& s) { return store::set_hold(s, hold); };
  writer_->post(Writer::Lane::normal, task<void>("hold", std::move(body), std::move(done)));
}
void SqliteStore::release_hold(std::string taxpayer, std::string reason, Principal principal, Done<void> done) {
  auto body = [taxpayer = std::move(taxpayer), reason = std::move(reason), principal = std::move(principal)](
                  Session& s) { return store::release_hold(s, taxpayer, reason, principal); };
  writer_->post(Writer::Lane::normal, task<void>("release", std::move(body), std::move(done)));
}
void SqliteStore::put_caller(Caller caller, Principal principal, Done<void> done) {
  auto body = [caller = std::move(caller), principal = std::move(principal)](Session& s) {
    return store::put_caller(s, caller, principal);
  };
  writer_->post(Writer::Lane::normal, task<void>("caller", std::move(body), std::move(done)));
}
void SqliteStore::remove_caller(std::string name, Principal principal, Done<void> done) {
  auto body = [name = std::move(name), principal = std::move(principal)](Session& s) {
    return store::remove_caller(s, name, principal);
  };
  writer_->post(Writer::Lane::normal, task<void>("caller", std::move(body), std::move(done)));
}
void SqliteStore::put_inbox_form(InboxForm form, Done<void> done) {
  auto body = [form = std::move(form)](Session& s) { return store::put_inbox_form(s, form); };
  writer_->post(Writer::Lane::normal, task<void>("inbox", std::move(body), std::move(done)));
}
void SqliteStore::record_credit(CreditRecord record, Done<CreditRecord> done) {
  auto body = [record = std::move(record)](Session& s) { return store::record_credit(s, record); };
  writer_->post(Writer::Lane::normal, task<CreditRecord>("credit", std::move(body), std::move(done)));
}
void SqliteStore::set_cursor(std::string name, std::int64_t value, Done<void> done) {
  auto body = [name = std::move(name), value](Session& s) { return store::set_cursor(s, name, value); };
  writer_->post(Writer::Lane::normal, task<void>("cursor", std::move(body), std::move(done)));
}
void SqliteStore::note(JournalRow row, Done<void> done) {
  auto body = [row = std::move(row)](Session& s) { return store::note(s, row); };
  writer_->post(Writer::Lane::normal, task<void>("note", std::move(body), std::move(done)));
}

Result<std::unique_ptr<Reader>> SqliteStore::reader() { return make_reader(options_.path, options_.vfs, shared_); }
void SqliteStore::on_commit(std::function<void(std::int64_t)> callback) { writer_->on_commit(std::move(callback)); }

Result<void> SqliteStore::verify_chain() {
  Connection c;
  if (auto opened = c.open(options_.path, options_.vfs, Connection::Mode::read_only); !opened) return opened;
  return verify_chain_of(c);
}

void Store::accept(Submission submission, Principal principal, std::vector<Invoice> inline_invoices,
                   Done<Accepted> done) {
  std::vector<Acceptance> one;
  one.push_back({std::move(submission), std::move(principal), std::move(inline_invoices), std::move(done)});
  accept(std::move(one));
}

Result<std::unique_ptr<Store>> Store::open(Options options) {
  auto lock = FileLock::take(options.path + ".lock");
  if (!lock) {
    if (lock.error().id != "lock.taken") return std::unexpected(lock.error());
    return fail(Errc::invalid_input, "store.in_use", options.path);
  }
  SystemRandom random;
  auto store = std::make_unique<SqliteStore>(std::move(options), *std::move(lock), random.next64());
  if (auto started = store->start(); !started) return std::unexpected(started.error());
  return store;
}

}  // namespace taxgate::store
