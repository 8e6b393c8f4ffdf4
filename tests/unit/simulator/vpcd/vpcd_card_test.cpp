#include "simulator/vpcd/vpcd_card.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/unit/protocol/openssl_command.h"
#include "tests/unit/simulator/vpcd/fake_reader.h"

namespace taxgate::simulator {
namespace {

namespace gm = gmt0017;
using namespace std::chrono_literals;
using Kind = CardFault::Kind;
using Direction = CardFault::Direction;
using Counting = CardFault::Counting;

class VpcdCardInReader : public testing::Test {
 protected:
  VpcdCardInReader() {
    KeyDefinition definition;
    definition.serial = "TGSIM0001";
    definition.taxpayer = "91310115TGDM00011U";
    definition.name = "N";
    definition.pin = definition.admin_pin = "123456";
    definition.valid_until_ms = 1;
    key_ = std::move(
        VirtualKey::open((shop_.path() / "k").string(), definition, KeyAuthority::create("key CA", 0)).value());
    card_ = std::make_unique<VpcdCard>(*key_, "127.0.0.1", reader_.port());
  }
  void plug() {
    card_->plug();
    ASSERT_TRUE(reader_.take_call());
  }
  static CardFault fault(Kind kind) {
    CardFault out;
    out.kind = kind;
    return out;
  }
  void expect_gone() {
    while (card_->connected()) std::this_thread::sleep_for(1ms);
    EXPECT_FALSE(card_->plugged());
  }

  test::Workshop shop_;
  test::FakeReader reader_;
  std::unique_ptr<VirtualKey> key_;
  std::unique_ptr<VpcdCard> card_;
};

TEST_F(VpcdCardInReader, AnswersOnlyTheAtrAmongControls) {
  plug();
  reader_.control(1);
  reader_.control(0);
  reader_.control(2);
  reader_.control(9);
  reader_.control(4);
  EXPECT_EQ(reader_.receive(), VirtualKey::atr());
  EXPECT_EQ(key_->counters().power_ons, 1U);
  EXPECT_EQ(key_->counters().resets, 1U);
}

TEST_F(VpcdCardInReader, HandsCommandsToTheKeyAndAnswersBack) {
  plug();
  const auto answer = reader_.exchange(gm::get_dev_info());
  ASSERT_TRUE(answer);
  EXPECT_EQ(gm::read_dev_info(gm::read_response(*answer).value().data).value().serial, "TGSIM0001");
  EXPECT_EQ(reader_.exchange(gm::open_application("OTHER")), gm::encode_response({}, gm::sw::no_app));
}

TEST_F(VpcdCardInReader, DialsAgainWhenTheReaderHangsUpAndHasLostItsSession) {
  plug();
  ASSERT_EQ(gm::read_response(*reader_.exchange(gm::open_application("TAXGATE"))).value().status, gm::sw::ok);
  reader_.hang_up();
  ASSERT_TRUE(reader_.take_call());
  EXPECT_EQ(reader_.exchange(gm::open_container(1, "SIGN")), gm::encode_response({}, gm::sw::no_reference));
}

TEST_F(VpcdCardInReader, HangsUpWhenPulledAndStaysOutUntilPutBack) {
  plug();
  card_->unplug();
  EXPECT_FALSE(card_->connected());
  EXPECT_TRUE(reader_.rest().empty());
  EXPECT_FALSE(reader_.take_call(100));
  card_->plug();
  EXPECT_TRUE(reader_.take_call());
}

TEST_F(VpcdCardInReader, IsPulledAtEveryByteOfACommandAndRunsNoneOfThem) {
  const Bytes apdu = gm::open_application("TAXGATE");
  int points = 0;
  for (std::size_t at = 0; at <= apdu.size() + 2; ++at, ++points) {
    plug();
    auto f = fault(Kind::unplug);
    f.ins = static_cast<std::uint8_t>(gm::Ins::open_application);
    f.direction = Direction::command;
    f.at_byte = at;
    card_->add_fault(f);
    const auto before = key_->counters().commands;
    reader_.send(apdu);
    EXPECT_TRUE(reader_.rest().empty());
    expect_gone();
    EXPECT_EQ(card_->stream_bytes().to_card.apdus, at);
    EXPECT_EQ(key_->counters().commands, before);
  }
  EXPECT_EQ(points, 19);
}

TEST_F(VpcdCardInReader, IsPulledAtEveryByteOfAnAnswerAfterRunningTheCommand) {
  const Bytes apdu = gm::open_application("TAXGATE");
  for (std::size_t at = 0; at <= 14; ++at) {  // 2 length, 10 data, 2 status word
    plug();
    auto f = fault(Kind::unplug);
    f.direction = Direction::response;
    f.at_byte = at;
    card_->add_fault(f);
    const auto before = key_->counters().commands;
    reader_.send(apdu);
    EXPECT_EQ(reader_.rest().size(), at);
    expect_gone();
    EXPECT_EQ(key_->counters().commands, before + 1);
  }
}

TEST_F(VpcdCardInReader, IsPulledAtAPositionOfAllApdusTogether) {
  const Bytes first = gm::gen_random(8), second = gm::open_application("TAXGATE");
  for (std::size_t at = 0; at < first.size() + second.size() + 4; ++at) {
    plug();
    auto f = fault(Kind::unplug);
    f.counting = Counting::per_apdus;
    f.at_byte = at;
    card_->add_fault(f);
    reader_.control(4);
    ASSERT_EQ(reader_.receive(), VirtualKey::atr()) << "polls do not count";
    if (reader_.exchange(first)) reader_.send(second);
    EXPECT_TRUE(reader_.rest().empty());
    expect_gone();
    EXPECT_EQ(card_->stream_bytes().to_card.apdus, at);
  }
}

TEST_F(VpcdCardInReader, AFaultSetWhileItLiesIdleMeetsTheNextCommand) {
  plug();
  ASSERT_TRUE(reader_.exchange(gm::gen_random(8)));
  std::this_thread::sleep_for(20ms);  // let it wait for bytes
  card_->add_fault(fault(Kind::unplug));
  reader_.send(gm::gen_random(8));
  EXPECT_TRUE(reader_.rest().empty());
  expect_gone();
}

TEST_F(VpcdCardInReader, ComesBackByItselfAfterAPullThatSaysSo) {
  plug();
  auto f = fault(Kind::unplug);
  f.replug_ms = 30;
  card_->add_fault(f);
  reader_.send(gm::gen_random(8));
  EXPECT_TRUE(reader_.rest().empty());
  ASSERT_TRUE(reader_.take_call());
  EXPECT_TRUE(reader_.exchange(gm::gen_random(8)));
}

TEST_F(VpcdCardInReader, CallsAnotherReaderAfterItWasMoved) {
  plug();
  test::FakeReader other;
  card_->move_to(other.port());
  EXPECT_TRUE(reader_.rest().empty());
  card_->plug();
  EXPECT_TRUE(other.take_call());
  EXPECT_FALSE(reader_.take_call(50));
}

TEST_F(VpcdCardInReader, HangsUntilPulledAndIsWellAfterwards) {
  plug();
  card_->add_fault(fault(Kind::hang));
  reader_.send(gm::gen_random(8));
  EXPECT_TRUE(reader_.silent(100));
  EXPECT_EQ(key_->counters().commands, 0U);
  card_->unplug();
  EXPECT_TRUE(reader_.rest().empty());
  plug();
  EXPECT_TRUE(reader_.exchange(gm::gen_random(8)));
}

TEST_F(VpcdCardInReader, HangsNoLongerThanItsReaderLives) {
  plug();
  card_->add_fault(fault(Kind::hang));
  reader_.send(gm::gen_random(8));
  EXPECT_TRUE(reader_.silent(20));
  reader_.hang_up();
  ASSERT_TRUE(reader_.take_call());
  EXPECT_TRUE(reader_.exchange(gm::gen_random(8)));
}

TEST_F(VpcdCardInReader, AnswersLateWhenDelayed) {
  plug();
  auto f = fault(Kind::delay);
  f.delay_ms = 60;
  card_->add_fault(f);
  const auto begun = std::chrono::steady_clock::now();
  reader_.send(gm::gen_random(8));
  EXPECT_TRUE(reader_.receive());
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 60ms);
}

TEST_F(VpcdCardInReader, AnswersADelayedCommandAtOnceWhenTheFaultsAreCleared) {
  plug();
  auto f = fault(Kind::delay);
  f.delay_ms = 3'600'000;
  card_->add_fault(f);
  reader_.send(gm::gen_random(8));
  EXPECT_TRUE(reader_.silent(20));
  card_->clear_faults();
  EXPECT_TRUE(reader_.receive());
}

TEST_F(VpcdCardInReader, DropsTheAnswerAfterRunningTheCommandAndCallsAgain) {
  plug();
  card_->add_fault(fault(Kind::drop));
  reader_.send(gm::gen_random(8));
  EXPECT_TRUE(reader_.rest().empty());
  EXPECT_EQ(key_->counters().commands, 1U);
  EXPECT_TRUE(reader_.take_call());
}

TEST_F(VpcdCardInReader, LocksThePinForGood) {
  plug();
  card_->add_fault(fault(Kind::pin_locked));
  ASSERT_TRUE(reader_.exchange(gm::gen_random(8)));
  EXPECT_EQ(key_->user_pin().tries_left, 0U);
}

TEST_F(VpcdCardInReader, GoesAwayCleanlyInTheMidstOfAFault) {
  plug();
  card_->add_fault(fault(Kind::hang));
  reader_.send(gm::gen_random(8));
  EXPECT_TRUE(reader_.silent(20));
  card_.reset();
  EXPECT_TRUE(reader_.rest().empty());
}

}  // namespace
}  // namespace taxgate::simulator
