// What steady load asks of the store beyond single operations: acceptances that come together, and a WAL that does not
// grow although somebody always reads.
#include <atomic>
#include <functional>
#include <thread>

#include "daemon/core/limits.h"
#include "daemon/store/schema.h"
#include "tests/unit/daemon/store/store_fixture.h"

namespace taxgate::store {
namespace {

class LoadTest : public ::testing::Test {
 protected:
  LoadTest() {
    std::string name = "/tmp/taxgate-store-load-XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  ~LoadTest() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }
  void open() {
    Options options;
    options.path = directory_ + "/taxgate.db";
    options.clock = &clock_;
    auto opened = Store::open(std::move(options));
    ASSERT_TRUE(opened) << opened.error().id;
    store_ = std::move(*opened);
  }
  /// Accepts `count` new submissions given together and waits for all answers.
  void accept_together(int first, int count) {
    std::promise<void> all;
    std::atomic<int> left{count};
    std::vector<Acceptance> batch;
    for (int i = 0; i < count; ++i) {
      auto submission = wanted("k" + std::to_string(first + i));
      submission.document.append(document_bytes_, 'd');
      batch.push_back({std::move(submission), kErp, {}, [&](Result<Accepted> r) {
                         EXPECT_TRUE(r && r->outcome == AcceptOutcome::created);
                         if (--left == 0) all.set_value();
                       }});
    }
    store_->accept(std::move(batch));
    all.get_future().wait();
  }

  /// Writes batch after batch. Whether much of the WAL had been copied when the writer's own turn came.
  bool copied_beside(const std::function<void(int batch)>& write) {
    const std::string path = directory_ + "/taxgate.db";
    bool beside = false;
    for (int attempt = 0; attempt < 10 && !beside; ++attempt) {  // a starved machine may let the moment pass
      std::atomic<std::uintmax_t> at_writers_turn{0};
      Options options;
      options.path = path;
      options.clock = &clock_;
      options.probe = [&](std::string_view step) {
        if (step == "checkpoint.before" && at_writers_turn == 0) at_writers_turn = std::filesystem::file_size(path);
      };
      auto opened = Store::open(std::move(options));
      EXPECT_TRUE(opened) << opened.error().id;
      store_ = std::move(*opened);
      const auto before = std::filesystem::file_size(path);
      constexpr int kBatches = 400;
      for (int i = 0; i < kBatches && at_writers_turn == 0; ++i) write(attempt * kBatches + i);
      store_.reset();
      // The file grows when the WAL is copied into it, and the writer had copied nothing yet.
      beside = at_writers_turn > before + limits::kCheckpointPages * std::uintmax_t{kPageSize} / 2;
    }
    return beside;
  }

  std::size_t document_bytes_ = 100;
  std::string directory_;
  ManualClock clock_;
  std::unique_ptr<Store> store_;
};

TEST_F(LoadTest, BulkTransactionsAreShortWhileAcceptancesCome) {
  open();
  std::atomic<int> commits{0};
  store_->on_commit([&](std::int64_t) { ++commits; });
  constexpr std::size_t kShort = 4;  // transactions that the rows below fill; alone they would be one or two
  int most = 0;                      // of a few: a starved machine may let the moment pass
  for (int attempt = 0; attempt < 20 && most <= static_cast<int>(kShort); ++attempt) {
    std::vector<Invoice> page;
    for (std::size_t i = 0; i < kShort * limits::kBulkRows; ++i)
      page.push_back(
          sample_invoice(std::to_string(26'990'000'000 + attempt * 10'000 + static_cast<int>(i)) + "000000001"));
    commits = 0;
    accept_together(attempt, 1);
    auto imported = wait_for<Store::ImportCounts>(
        [&](Done<Store::ImportCounts> done) { store_->import_invoices(std::move(page), kErp, std::move(done)); });
    ASSERT_TRUE(imported);
    most = std::max(most, commits.load());
  }
  store_.reset();  // joins the writer: the callback may still run
  EXPECT_GT(most, static_cast<int>(kShort)) << "that of the acceptance, and those of the import";
}

TEST_F(LoadTest, AcceptancesGivenTogetherShareOneCommit) {
  open();
  std::atomic<int> commits{0};
  store_->on_commit([&](std::int64_t) { ++commits; });
  accept_together(0, 50);
  store_.reset();  // joins the writer: the callback comes after the answers
  EXPECT_EQ(commits, 1);
}

TEST_F(LoadTest, WhileAcceptancesComeTheWalIsCopiedBesideTheWriter) {
  document_bytes_ = 20'000;
  constexpr int kBatch = 16;
  EXPECT_TRUE(copied_beside([&](int batch) { accept_together(batch * kBatch, kBatch); }));
}

TEST_F(LoadTest, WhileBulkWorkComesTheWalIsCopiedBesideTheWriter) {
  constexpr int kBatch = 64;
  EXPECT_TRUE(copied_beside([&](int batch) {
    std::vector<Invoice> page;
    for (int i = 0; i < kBatch; ++i) {
      page.push_back(sample_invoice(std::to_string(26'990'000'000 + batch * kBatch + i) + "000000001"));
      page.back().lines[0].name.append(20'000, 'n');
    }
    ASSERT_TRUE(wait_for<Store::ImportCounts>(
        [&](Done<Store::ImportCounts> done) { store_->import_invoices(std::move(page), kErp, std::move(done)); }));
  }));
}

TEST_F(LoadTest, TheWalIsBegunAnewAlthoughSomebodyAlwaysReads) {
  open();
  document_bytes_ = 20'000;
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      auto reader = store_->reader();
      while (!stop) {
        (*reader)->begin_snapshot();
        EXPECT_TRUE((*reader)->last_seq());
        EXPECT_TRUE((*reader)->counts());
        std::this_thread::sleep_for(std::chrono::microseconds(300));  // what a batch of requests takes
        (*reader)->end_snapshot();
      }
    });
  constexpr int kBatch = 16, kBatches = tests::kSanitized ? 250 : 400;  // 130 MB, 80: both beyond what is allowed
  for (int i = 0; i < kBatches; ++i) accept_together(i * kBatch, kBatch);
  stop = true;
  for (auto& reader : readers) reader.join();
  constexpr std::uintmax_t kMost = limits::kCheckpointBusyPages * std::uintmax_t{kPageSize + 24};
  EXPECT_LT(std::filesystem::file_size(directory_ + "/taxgate.db-wal"), kMost);
}

}  // namespace
}  // namespace taxgate::store
