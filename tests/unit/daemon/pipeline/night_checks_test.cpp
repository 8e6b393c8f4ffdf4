// Whole nights in one process, against a platform that holds nothing: what becomes of a run when something around it
// fails.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <functional>
#include <future>

#include "daemon/core/clock.h"
#include "daemon/pipeline/night.h"
#include "daemon/report/night_record.h"
#include "protocol/listing.h"

namespace taxgate::pipeline {
namespace {

constexpr const char* kNightsTaxpayer = "91310115TGDM00011U";
constexpr std::array<std::uint8_t, 16> kPagesKey{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

/// Every window is empty, nothing has changed. Other calls are never answered: no night makes them.
class EmptyPlatform final : public platform::Platform {
 public:
  std::function<void()> asked_for_changes;

  void apply(platform::SignedCall, platform::Reply<leqi::ApplyReply>) override { ADD_FAILURE(); }
  void answer(platform::SignedCall, platform::Reply<leqi::ConfirmReply>) override { ADD_FAILURE(); }
  void upload(platform::SignedCall, platform::Reply<leqi::UploadReply>) override { ADD_FAILURE(); }
  void upload_table(platform::SignedCall, platform::Reply<table::Row>) override { ADD_FAILURE(); }
  void list(std::string, leqi::ListRequest, platform::Reply<leqi::ListReply>) override { ADD_FAILURE(); }
  void detail(std::string, leqi::DetailRequest, platform::Reply<leqi::DetailReply>) override { ADD_FAILURE(); }
  void upload_result(std::string, leqi::UploadResultRequest, platform::Reply<leqi::UploadResultReply>) override {
    ADD_FAILURE();
  }
  void invoice_status(std::string, leqi::InvoiceStatusRequest, platform::Reply<leqi::InvoiceStatusReply>) override {
    ADD_FAILURE();
  }
  void credit(std::string, leqi::CreditRequest, platform::Reply<leqi::CreditReply>) override { ADD_FAILURE(); }
  void download_tables(std::string, table::DownloadRequest, platform::Reply<table::DownloadReply>) override {
    ADD_FAILURE();
  }
  void bulk_apply(leqi::BulkApply, platform::Reply<leqi::BulkApplyReply> reply) override {
    reply(leqi::BulkApplyReply{.outcome = {"00", {}}, .receipt = "R"});
  }
  void bulk_state(leqi::BulkStateRequest, platform::Reply<leqi::BulkStateReply> reply) override {
    reply(leqi::BulkStateReply{.outcome = {"00", {}}, .state = leqi::BulkState::ready, .packages = 0, .total = 0});
  }
  void package(leqi::PackageRequest, platform::Reply<platform::SealedPage>) override { ADD_FAILURE(); }
  void changes(leqi::ChangesRequest request, platform::Reply<platform::SealedPage> reply) override {
    if (asked_for_changes) asked_for_changes();
    const auto page = leqi::changes_page({1, 1, 0}, {request.cursor, request.cursor, false}, {});
    reply(platform::SealedPage{*leqi::make_reply(page, kPagesKey)});
  }
  void totals(leqi::Window, platform::Reply<leqi::TotalsReply> reply) override {
    reply(leqi::TotalsReply{.outcome = {"00", {}}, .count = 0, .amount = {}, .tax = {}});
  }
  std::unique_ptr<wire::Sm4Decryptor> page_key(std::string_view taxpayer) const override {
    return taxpayer == kNightsTaxpayer ? std::make_unique<wire::Sm4Decryptor>(kPagesKey) : nullptr;
  }
  std::int64_t calls_left_today() const override { return 1'000'000; }
  std::optional<std::int64_t> clock_ahead_s() const override { return 0; }
  void limit(const platform::Limits&) override {}
  std::string state_line(Language) const override { return {}; }
};

/// No key host: the audit says so, and nothing was signed.
class NoKeyHost final : public keys::KeyHost {
 public:
  void sign(keys::SignOrder, std::move_only_function<void(Result<SignedEnvelope>)>) override { ADD_FAILURE(); }
  bool connected() const override { return false; }
  std::vector<keys::KeyFacts> keys() const override { return {}; }
  void ask_keys(std::move_only_function<void(std::vector<keys::KeyFacts>)> done) override { done({}); }
  void lease(keys::Lease, std::move_only_function<void(Result<keys::KeyFacts>)>) override { ADD_FAILURE(); }
  void read_log(std::int64_t, std::move_only_function<void(Result<keys::LogPage>)> done) override {
    done(fail(Errc::retry_later, "key.host_absent"));
  }
  void on_change(std::function<void()>) override {}
};

/// The store's own, and fails when told to.
class FailingReader final : public store::NightReader {
 public:
  struct Faults {                // touched by the night's lane; looked at when the night is over
    std::atomic<int> plans = 0;  // so many calls of plan() fail from now on
    std::atomic<int> marks = 0;  // the same of marks()
    std::atomic<int> marks_asked = 0;
  };
  FailingReader(std::unique_ptr<store::NightReader> real, Faults& faults) : real_(std::move(real)), faults_(faults) {}
  Result<Progress> progress() override { return real_->progress(); }
  Result<std::int64_t> each_status(
      const std::function<void(const InvoiceKey&, PlatformStatus, std::uint64_t hash)>& each) override {
    return real_->each_status(each);
  }
  Result<std::optional<PlatformStatus>> status_of(const InvoiceKey& key) override { return real_->status_of(key); }
  Result<std::vector<store::StatusChange>> changes_after(std::int64_t seq, int limit) override {
    return real_->changes_after(seq, limit);
  }
  Result<std::vector<store::QuarantinedRecord>> quarantined_after(std::int64_t id, int limit) override {
    return real_->quarantined_after(id, limit);
  }
  Result<std::uint32_t> taxpayer_number(std::string_view taxpayer) override { return real_->taxpayer_number(taxpayer); }
  Result<std::vector<store::NightRun>> runs(std::int64_t before, int limit) override {
    return real_->runs(before, limit);
  }
  Result<std::optional<store::NightRun>> run(std::int64_t number) override { return real_->run(number); }
  Result<std::vector<store::WindowMark>> marks(std::int64_t run) override {
    ++faults_.marks_asked;
    if (faults_.marks > 0 && faults_.marks-- > 0) return fail(Errc::retry_later, "store.full");
    return real_->marks(run);
  }
  Result<bool> knows_any(std::uint32_t taxpayer) override { return real_->knows_any(taxpayer); }
  Result<store::ApplyPlan> plan(std::int64_t limit) override {
    if (faults_.plans > 0 && faults_.plans-- > 0) return fail(Errc::retry_later, "store.full");
    return real_->plan(limit);
  }

 private:
  std::unique_ptr<store::NightReader> real_;
  Faults& faults_;
};

class NightInProcess : public testing::Test {
 protected:
  NightInProcess() {
    auto opened = store::Store::open({.path = directory_ + "/taxgate.db", .clock = &clock_, .vfs = {}, .probe = {}});
    EXPECT_TRUE(opened);
    store_ = std::move(*opened);
    reader_ = *store_->reader();
    settings_.state_dir = directory_;
    settings_.lab = true;
    settings_.retry_first_ms = settings_.retry_max_ms = 1;
    settings_.sync.at = Config::Sync::kNever;
    settings_.sync.months = settings_.sync.deep_months = 1;
    settings_.sync.types = {"81"};
    settings_.taxpayers[kNightsTaxpayer] = {.id = kNightsTaxpayer, .name = {}, .org_unit = {}, .tax_device = {}};
  }
  ~NightInProcess() override {
    night_.reset();
    context_.reset();
    reads_.reset();
    reader_.reset();
    store_.reset();
    std::filesystem::remove_all(directory_);
  }
  void begin() {
    reads_ = std::make_unique<Lane>("reads");
    context_.reset(new Context{.executor = io_.get_executor(),
                               .store = *store_,
                               .reads = *reads_,
                               .reader = *reader_,
                               .platform = platform_,
                               .keys = keys_,
                               .clock = clock_,
                               .steady_ms =
                                   [] {
                                     return std::chrono::duration_cast<std::chrono::milliseconds>(
                                                std::chrono::steady_clock::now().time_since_epoch())
                                         .count();
                                   },
                               .random_below = [](std::uint32_t) { return 0U; },
                               .settings = std::make_shared<const Settings>(settings_),
                               .discipline = discipline_,
                               .probe = {},
                               .queue = queue::Queue({}),
                               .memory = {},
                               .on_moved = {},
                               .on_disk_hold = {}});
    Night::Hooks hooks{.look_at_forms = [](std::string) -> asio::awaitable<Result<void>> { co_return Result<void>{}; },
                       .wake = [](const std::string&) { return std::uint64_t{0}; }};
    night_ = std::make_unique<Night>(*context_, std::make_unique<FailingReader>(*store_->night().reader(), faults_),
                                     std::move(hooks));
    night_->start();
  }
  /// Runs until it is so; what a person waits for comes at most this late.
  bool until(const std::function<bool()>& so) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!so() && std::chrono::steady_clock::now() < end) io_.run_one_for(std::chrono::milliseconds(50));
    return so();
  }
  /// Run `number` once it is over.
  api::v1::SyncRun ended(std::int64_t number) {
    api::v1::SyncRun record;
    auto reader = *store_->night().reader();
    EXPECT_TRUE(until([&] {
      const auto run = reader->run(number);
      if (!run || !*run || !(*run)->finished_at.is_set()) return false;
      return record.ParseFromString((*run)->summary);
    }));
    return record;
  }
  /// Asks for a night; what is answered is nobody's.
  void ask() {
    night_->run_now({}, [](auto) {});
  }

  const std::string directory_ = [] {
    std::string path = testing::TempDir() + "night-checks-XXXXXX";
    EXPECT_NE(::mkdtemp(path.data()), nullptr);
    return path;
  }();
  boost::asio::io_context io_;
  ManualClock clock_;
  Settings settings_;
  EmptyPlatform platform_;
  NoKeyHost keys_;
  queue::Discipline discipline_;
  FailingReader::Faults faults_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<store::Reader> reader_;
  std::unique_ptr<Lane> reads_;
  std::unique_ptr<Context> context_;
  std::unique_ptr<Night> night_;
};

TEST_F(NightInProcess, AnUndisturbedNightIsRight) {
  begin();
  ask();
  const auto run = ended(1);
  EXPECT_EQ(run.state(), "right") << run.DebugString();
}

TEST_F(NightInProcess, AChecksReadErrorIsNamedAndTheNightIsNotRight) {
  begin();
  int directions = 0;
  platform_.asked_for_changes = [&] {
    if (++directions == 2)
      reads_->stop();  // both directions were asked for: from here on nothing of the ledger can be read
  };
  ask();
  const auto run = ended(1);
  EXPECT_EQ(run.windows_done(), run.windows()) << run.DebugString();
  EXPECT_EQ(run.state(), "attention");
  EXPECT_EQ(run.trouble(), "sync.unchecked");
  EXPECT_EQ(run.detail(), "forms, audit / lane.stopped");
}

TEST_F(NightInProcess, ANightThatEndsAfterItsWindowsAndBeforeItsChecksIsNotRight) {
  begin();
  int directions = 0;
  platform_.asked_for_changes = [&] {
    if (++directions == 2) clock_.advance_ms(13 * LegalTime::kHourMs);  // the last call of the windows
  };
  ask();
  const auto run = ended(1);
  EXPECT_EQ(run.windows_done(), run.windows()) << run.DebugString();
  EXPECT_EQ(run.state(), "incomplete");
  EXPECT_EQ(run.trouble(), "sync.window_over");
}

// Pages that were not committed would otherwise be taken for done.
TEST_F(NightInProcess, AfterAFailureOfTheStoreNoWindowGoesOnBeforeItsMarkIsReadAgain) {
  faults_.plans = 1;
  faults_.marks = 2;
  begin();
  ask();
  EXPECT_EQ(ended(1).state(), "right");
  EXPECT_EQ(faults_.marks_asked, 3);
}

TEST_F(NightInProcess, AStoreThatFailsUntilTheEndOfTheNightIsNamedAndNoSampleIsSaidToDiffer) {
  std::promise<void> known;
  store_->night().taxpayer_number(kNightsTaxpayer, [&](Result<std::uint32_t> number) {
    store::NightBatch batch;
    batch.run = 0;
    batch.taxpayer = kNightsTaxpayer;
    PlatformStatus normal;
    normal.set(StatusField::state, *status_code("0"));
    batch.changes.push_back({.run = 0,
                             .at = {},
                             .key = *invoice_key(*number, "26117000001134616865"),
                             .before = {},
                             .after = normal,
                             .hash = 1});
    store_->night().commit(std::move(batch), [&](Result<store::NightCommitted>) { known.set_value(); });
  });
  known.get_future().wait();
  settings_.sync.sample = 5;
  faults_.plans = 1'000'000;
  begin();
  ask();
  EXPECT_TRUE(until([&] { return faults_.plans < 1'000'000 - 2; }));
  clock_.advance_ms(13 * LegalTime::kHourMs);
  const auto run = ended(1);
  EXPECT_EQ(run.state(), "incomplete") << run.DebugString();
  EXPECT_EQ(run.trouble(), "store.full");
  EXPECT_EQ(run.samples_differ(), 0U);
}

TEST_F(NightInProcess, ARunAskedForWhileAnOldOneIsLookedAtIsMadeWhenThatOneCannotGoOn) {
  sync::NightSummary old;
  old.taxpayers.emplace_back().id = "91310115TGDM00099X";  // no longer ours
  store::NightRun left{.run = 0,
                       .started_at = clock_.now(),
                       .finished_at = {},
                       .state = "running",
                       .first_change = 0,
                       .summary = report::to_record(old).SerializeAsString()};
  std::promise<void> kept;
  store_->night().put_run(std::move(left), [&](Result<std::int64_t>) { kept.set_value(); });
  kept.get_future().wait();
  begin();
  ask();
  EXPECT_EQ(ended(1).state(), "failed");
  EXPECT_EQ(ended(2).state(), "right");
}

}  // namespace
}  // namespace taxgate::pipeline
