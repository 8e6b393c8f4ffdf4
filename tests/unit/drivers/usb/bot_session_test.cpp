// The recovery ladder, step by step, on a scripted device.
#include "drivers/usb/bot_session.h"

#include "tests/unit/drivers/usb/scripted_bulk.h"

namespace taxgate::usb {
namespace {

using namespace std::chrono_literals;

constexpr std::uint8_t kWrite = 0xFE, kRead = 0xFE;
const Bytes kCdb{0xFE, 0x01, 0, 0, 0, 0}, kData{1, 2, 3, 4};

class BotSessionTest : public ::testing::Test {
 protected:
  BotSession session(Quirks quirks = {}) {
    return BotSession(bulk, std::move(quirks), [this](std::chrono::milliseconds time) { paused += time; });
  }
  static void expect(const Result<BotSession::Answer>& answer, const char* id, Errc code) {
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().id, id);
    EXPECT_EQ(answer.error().code, code);
  }

  ScriptedBulk bulk;
  std::chrono::milliseconds paused{0};
};

TEST_F(BotSessionTest, AsksForTheNumberOfUnitsBeforeAnythingElse) {
  auto one = session();
  bulk.call("max_lun", Moved::stalled)
      .command(bot::kInquiry)
      .data_in(bot::encode(bot::Inquiry{"V", "P", "1"}))
      .status();
  const auto inquiry = one.start();
  ASSERT_TRUE(inquiry);
  EXPECT_EQ(inquiry->vendor, "V");
  EXPECT_EQ(one.ladder(), BotSession::Ladder{});
}

TEST_F(BotSessionTest, SendsDataAndTakesDataWithFreshTagsAndTheRightLengths) {
  auto one = session();
  bulk.command(kWrite).data_out().status();
  ASSERT_TRUE(one.tell(kCdb, kData, Effect::changes));
  EXPECT_EQ(bulk.last_command.data_length, 4U);
  EXPECT_FALSE(bulk.last_command.in);
  EXPECT_EQ(bulk.last_out, kData);
  const auto tag = bulk.last_command.tag;
  bulk.command(kRead).data_in({9, 8}).status(bot::Status::passed, 98);
  const auto answer = one.ask(kCdb, 100, Effect::none);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->data, (Bytes{9, 8}));
  EXPECT_EQ(bulk.last_command.data_length, 100U);
  EXPECT_TRUE(bulk.last_command.in);
  EXPECT_NE(bulk.last_command.tag, tag);
}

TEST_F(BotSessionTest, AStallOfTheDataIsClearedAndTheStatusTellsTheRest) {
  auto one = session();
  bulk.command(kRead).data_in({}, Moved::stalled).call("clear_in").status(bot::Status::failed, 100);
  bulk.command(bot::kRequestSense).data_in(bot::encode(bot::Sense{5, 0x20, 0})).status();
  const auto answer = one.ask(kCdb, 100, Effect::none);
  ASSERT_TRUE(answer);
  ASSERT_TRUE(answer->sense);
  EXPECT_EQ(answer->sense->text(), "052000");
  EXPECT_EQ(one.ladder(), (BotSession::Ladder{.data_stalls = 1, .senses = 1}));

  bulk.command(kWrite).data_out(Moved::stalled, 0).call("clear_out").status(bot::Status::failed, 4);
  bulk.command(bot::kRequestSense).data_in(bot::encode(bot::Sense{9, 0xD1, 0x09})).status();
  const auto told = one.tell(kCdb, kData, Effect::changes);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->sense->text(), "09D109");
}

TEST_F(BotSessionTest, AStallOfTheStatusIsClearedAndItIsReadOnceMore) {
  auto one = session();
  bulk.command(kWrite).data_out().data_in({}, Moved::stalled).call("clear_in").status();
  EXPECT_TRUE(one.tell(kCdb, kData, Effect::changes));
  EXPECT_EQ(one.ladder(), BotSession::Ladder{.status_stalls = 1});
}

TEST_F(BotSessionTest, ASecondStallOfTheStatusNeedsTheResetRecoveryAndTheCommandIsNotGivenAgain) {
  auto one = session();
  bulk.command(kWrite).data_out().data_in({}, Moved::stalled).call("clear_in").data_in({}, Moved::stalled);
  bulk.reset_recovery();
  expect(one.tell(kCdb, kData, Effect::changes), "key.interrupted", Errc::outcome_unknown);
  EXPECT_EQ(one.ladder(), (BotSession::Ladder{.status_stalls = 1, .reset_recoveries = 1}));
}

TEST_F(BotSessionTest, AQuestionIsPutAgainOnceAfterTheResetRecovery) {
  auto one = session();
  bulk.command(kRead).data_in({1}).status(bot::Status::phase_error).reset_recovery();
  bulk.command(kRead).data_in({2}).status();
  const auto answer = one.ask(kCdb, 1, Effect::none);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->data, Bytes{2});
  bulk.command(kRead).data_in({1}).status(bot::Status::phase_error).reset_recovery();
  bulk.command(kRead).data_in({1}).status(bot::Status::phase_error).reset_recovery();
  expect(one.ask(kCdb, 1, Effect::none), "key.interrupted", Errc::outcome_unknown);
}

TEST_F(BotSessionTest, AStatusOfNothingWeAskedForNeedsTheResetRecovery) {
  const std::vector<void (*)(Bytes&)> spoilt{
      [](Bytes& b) { b[0] ^= 1; },     // signature
      [](Bytes& b) { b[4] ^= 1; },     // tag
      [](Bytes& b) { b.resize(12); },  // length
      [](Bytes& b) { b[12] = 3; },     // no such status
      [](Bytes& b) { b[8] = 5; },      // residue beyond what was asked for
      [](Bytes& b) { b[12] = 2; },     // phase error
  };
  for (const auto change : spoilt) {
    auto one = session();
    bulk.command(kWrite).data_out().status(bot::Status::passed, 0, change).reset_recovery();
    expect(one.tell(kCdb, kData, Effect::changes), "key.interrupted", Errc::outcome_unknown);
    EXPECT_EQ(one.ladder(), BotSession::Ladder{.reset_recoveries = 1});
  }
}

TEST_F(BotSessionTest, ACommandBlockThatWasNotTakenIsGivenAgainAfterTheResetRecovery) {
  auto one = session();
  bulk.command(kWrite, Moved::stalled, 0).reset_recovery().command(kWrite).data_out().status();
  EXPECT_TRUE(one.tell(kCdb, kData, Effect::changes));
  bulk.command(kWrite, Moved::timeout, 16).reset_recovery().command(kWrite).data_out().status();
  EXPECT_TRUE(one.tell(kCdb, kData, Effect::changes));
  bulk.command(kWrite, Moved::stalled, 0).reset_recovery().command(kWrite, Moved::stalled, 0).reset_recovery();
  expect(one.tell(kCdb, kData, Effect::changes), "key.gone", Errc::device_gone);
}

TEST_F(BotSessionTest, WhenTheClassResetFailsThePortIsReset) {
  auto one = session();
  bulk.command(kWrite).data_out(Moved::timeout, 2).call("class_reset", Moved::stalled).call("reset_device");
  bulk.call("max_lun");
  expect(one.tell(kCdb, kData, Effect::changes), "key.interrupted", Errc::outcome_unknown);
  bulk.command(kWrite).data_out(Moved::failed, 2).call("class_reset").call("clear_in", Moved::failed);
  bulk.call("reset_device", Moved::gone);
  expect(one.tell(kCdb, kData, Effect::changes), "key.interrupted", Errc::outcome_unknown);
  EXPECT_EQ(one.ladder().device_resets, 2U);
}

TEST_F(BotSessionTest, WhenTheReasonOfAFailureCannotBeHadThePortIsReset) {
  auto one = session();
  bulk.command(kWrite).data_out().status(bot::Status::failed);
  bulk.command(bot::kRequestSense).data_in({1, 2, 3}).status();
  bulk.call("reset_device").call("max_lun");
  expect(one.tell(kCdb, kData, Effect::changes), "key.interrupted", Errc::outcome_unknown);
  EXPECT_EQ(one.ladder(), (BotSession::Ladder{.senses = 1, .device_resets = 1}));
}

TEST_F(BotSessionTest, AUnitAttentionRanNothingSoTheCommandIsGivenOnceMore) {
  auto one = session();
  const Bytes attention = bot::encode(bot::Sense{bot::kSenseAttention, 0x29, 0});
  bulk.command(kWrite).data_out().status(bot::Status::failed);
  bulk.command(bot::kRequestSense).data_in(attention).status();
  bulk.command(kWrite).data_out().status();
  EXPECT_TRUE(one.tell(kCdb, kData, Effect::changes));
  for (int i = 0; i < 2; ++i) {
    bulk.command(kWrite).data_out().status(bot::Status::failed);
    bulk.command(bot::kRequestSense).data_in(attention).status();
  }
  const auto answer = one.tell(kCdb, kData, Effect::changes);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->sense->key, bot::kSenseAttention);
}

TEST_F(BotSessionTest, UnpluggedBeforeTheCommandBlockIsThroughTheDeviceHasNotSeenIt) {
  auto one = session();
  for (const std::size_t bytes : {0, 1, 30}) {
    bulk.command(kWrite, Moved::gone, bytes);
    expect(one.tell(kCdb, kData, Effect::changes), "key.gone", Errc::device_gone);
  }
  bulk.command(kWrite).data_out(Moved::gone, 0);
  expect(one.tell(kCdb, kData, Effect::changes), "key.interrupted", Errc::outcome_unknown);
  bulk.command(kWrite).data_out().data_in({'U', 'S', 'B'}, Moved::gone);
  expect(one.tell(kCdb, kData, Effect::changes), "key.interrupted", Errc::outcome_unknown);
  bulk.command(kRead).data_in({1, 2}, Moved::gone);
  expect(one.ask(kCdb, 9, Effect::none), "key.interrupted", Errc::outcome_unknown);
  EXPECT_EQ(one.ladder(), BotSession::Ladder{}) << "there is nothing to recover on a device that is gone";
}

TEST_F(BotSessionTest, AnEmptyPacketIsWaitedOutAsOftenAsTheQuirkSays) {
  auto one = session({.not_ready_retries = 3, .not_ready_pause = 100ms});
  bulk.command(kRead).data_in({}).data_in({}).data_in({7}).status();
  EXPECT_EQ(one.ask(kCdb, 8, Effect::none)->data, Bytes{7});
  EXPECT_EQ(paused, 200ms);
  // An empty packet that was the whole data phase: the question is put again.
  bulk.command(kRead).data_in({}).status(bot::Status::passed, 8);
  bulk.command(kRead).data_in({7}).status();
  EXPECT_EQ(one.ask(kCdb, 8, Effect::none)->data, Bytes{7});
  EXPECT_EQ(one.ladder().not_ready, 3U);
}

TEST_F(BotSessionTest, ADeviceThatIsNeverReadyEndsTheQuestionWithoutData) {
  auto one = session({.not_ready_retries = 2});
  for (int i = 0; i < 3; ++i) bulk.command(kRead).status(bot::Status::passed, 8);
  const auto answer = one.ask(kCdb, 8, Effect::none);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->data.empty());
  EXPECT_EQ(paused, 200ms);
}

TEST_F(BotSessionTest, AStatusBeforeTheDataIsUnderstoodWithTheQuirkOnly) {
  auto with = session({.status_first = true});
  bulk.command(kRead).status(bot::Status::passed, 0).data_in({5});
  EXPECT_EQ(with.ask(kCdb, 1, Effect::none)->data, Bytes{5});
  // Without it the early status means that there is no data.
  auto without = session({.not_ready_retries = 0});
  bulk.command(kRead).status(bot::Status::passed, 1);
  EXPECT_TRUE(without.ask(kCdb, 1, Effect::none)->data.empty());
}

TEST_F(BotSessionTest, ADeviceThatWantsNoLengthGetsNone) {
  auto one = session({.zero_data_length = true});
  bulk.command(kWrite).data_out().status(bot::Status::passed, 4);
  ASSERT_TRUE(one.tell(kCdb, kData, Effect::changes));
  EXPECT_EQ(bulk.last_command.data_length, 0U);
}

TEST_F(BotSessionTest, NothingLongerThanTheCapIsSent) {
  auto one = session({.max_transfer = 512});
  expect(one.tell(kCdb, Bytes(513), Effect::changes), "usb.transfer_size", Errc::limit_reached);
}

TEST_F(BotSessionTest, DataTakenInPartIsNeverTakenForDone) {
  auto one = session();
  bulk.command(kWrite).data_out().status(bot::Status::passed, 2);
  expect(one.tell(kCdb, kData, Effect::changes), "key.interrupted", Errc::outcome_unknown);
}

}  // namespace
}  // namespace taxgate::usb
