// When a commit waits for those who come back. The time it waits is an hour here, so that what it waits for, and what
// ends the wait, is seen without a clock: a test that hangs has found somebody kept for nothing.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "daemon/store/schema.h"
#include "daemon/store/writer.h"
#include "tests/unit/daemon/store/store_fixture.h"

namespace taxgate::store {
namespace {

class NoteOfOne final : public Work {
 public:
  explicit NoteOfOne(std::atomic<std::size_t>& ended) : Work("note"), ended_(ended) {}
  void run(Session& session) override {
    JournalRow row;
    row.event = "note";
    session.append(row, 0);
  }
  void finish(const Error* failed) override {
    EXPECT_EQ(failed, nullptr);
    ++ended_;
  }

 private:
  std::atomic<std::size_t>& ended_;
};

class GatherTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    ASSERT_TRUE(create_database(path(), {}));
    ASSERT_TRUE(db_.open(path(), {}, Connection::Mode::read_write));
    ASSERT_TRUE(prepare_for_writing(db_));
    ASSERT_TRUE(session_.load());
    writer_ = std::make_unique<Writer>(db_, session_, StepProbe{}, 1000, 0, true, nullptr, std::chrono::hours(1));
    writer_->on_commit([this](std::int64_t) { ++commits_; });
  }
  void TearDown() override {
    writer_.reset();
    StoreTest::TearDown();
  }
  void post(std::size_t count, Writer::Lane lane = Writer::Lane::accept) {
    std::vector<std::unique_ptr<Work>> works;
    for (std::size_t i = 0; i < count; ++i) works.push_back(std::make_unique<NoteOfOne>(ended_));
    posted_ += count;
    writer_->post(lane, std::move(works));
  }
  void wait_until_all_ended() {
    while (ended_ < posted_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  /// Joins the writer: what it tells of a commit comes after the answers.
  int commits() {
    writer_->stop();
    return commits_;
  }

  SystemLegalClock clock_;
  Shared shared_{1};
  Connection db_;
  Session session_{db_, shared_, clock_};
  std::atomic<std::size_t> ended_{0};
  std::size_t posted_ = 0;
  std::atomic<int> commits_{0};
  std::unique_ptr<Writer> writer_;
};

TEST_F(GatherTest, AfterASharedCommitTheNextWaitsUntilAsManyCameBack) {
  post(limits::kGatherFrom);
  wait_until_all_ended();
  post(1);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // a writer that does not wait commits it by itself now
  post(limits::kGatherFrom - 1);
  wait_until_all_ended();
  EXPECT_EQ(commits(), 2);
}

TEST_F(GatherTest, ForNoMoreThanItsBoundHoweverManySharedTheLast) {
  post(limits::kGatherTo + 10);
  wait_until_all_ended();
  for (std::size_t i = 0; i < limits::kGatherTo; ++i) post(1);
  wait_until_all_ended();
  EXPECT_EQ(commits(), 2);
}

TEST_F(GatherTest, WhoComesAloneIsNeverKept) {
  post(limits::kGatherFrom - 1);
  wait_until_all_ended();
  for (int i = 0; i < 3; ++i) {
    post(1);
    wait_until_all_ended();
  }
  EXPECT_EQ(commits(), 4);
}

TEST_F(GatherTest, OtherWorkAndAStopEndTheWait) {
  for (const auto lane : {Writer::Lane::normal, Writer::Lane::bulk}) {
    post(limits::kGatherFrom);
    wait_until_all_ended();
    post(1);
    post(1, lane);
    wait_until_all_ended();
  }
  post(limits::kGatherFrom);
  wait_until_all_ended();
  post(1);
  writer_->stop();
  EXPECT_EQ(ended_, posted_);
}

}  // namespace
}  // namespace taxgate::store
