// The PIN policy: no wrong PIN twice, never the last try, whatever is killed and whenever.
#include "drivers/keyd/guarded_login.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/unit/drivers/keyd/temp_directory.h"

namespace taxgate::keyd {
namespace {

/// The worker is killed here: nothing after it runs.
struct Killed {};

/// A key with a PIN counter that can be made to fail, or "be killed", at a chosen moment.
class FakeKey : public KeyDevice {
 public:
  enum class Accident { none, gone_before, gone_after, killed_before, killed_after };

  Result<KeyIdentity> identify() override { return KeyIdentity{}; }
  Result<PinStatus> state() override {
    return PinStatus{shows_counter ? tries_left : -1, shows_counter ? max_tries : -1};
  }
  Result<void> login(const SecretBytes& pin) override {
    const Accident accident = std::exchange(next, Accident::none);
    if (accident == Accident::killed_before) throw Killed{};
    if (accident == Accident::gone_before) return fail(Errc::device_gone, "key.gone");
    if (tries_left == 0) return fail(Errc::rejected, "key.locked");
    ++attempts;
    const bool right = as_text(pin.view()) == secret;
    tries_left = right ? max_tries : tries_left - 1;
    if (accident == Accident::killed_after) throw Killed{};
    if (accident == Accident::gone_after) return fail(Errc::outcome_unknown, "key.interrupted");
    if (right) return {};
    if (tries_left == 0) return fail(Errc::rejected, "key.locked");
    return fail(Errc::rejected, "key.pin_wrong", {}, {}, std::to_string(tries_left));
  }
  const Bytes& certificate() const override { return certificate_; }
  Result<Signature> sign(ByteView, std::string_view, bool) override { return Signature{}; }
  Result<void> reconnect() override { return {}; }

  std::string secret = "123456";
  int max_tries = 6, tries_left = 6, attempts = 0;
  bool shows_counter = true;
  Accident next = Accident::none;

 private:
  Bytes certificate_;
};

class GuardedLogin : public ::testing::Test {
 protected:
  GuardedLogin() { ledger_directory(); }
  void ledger_directory() { std::filesystem::create_directory(temp.file("ledger")); }
  /// As a fresh worker does it: nothing but the files survives.
  LoginOutcome login() {
    PinLedger ledger(temp.file("ledger"));
    return guarded_login(key, "SERIAL", ledger, {temp.file("pin"), identity_name});
  }
  std::string id_of_login() {
    const auto outcome = login();
    return outcome.result ? "ok" : outcome.result.error().id;
  }
  void login_killed() { EXPECT_THROW(login(), Killed); }
  void write_pin(const std::string& pin) {
    // A new file each time, so that its identity differs however coarse the clock of the file system is.
    temp.write("pin.new", pin + "\n");
    std::filesystem::rename(temp.file("pin.new"), temp.file("pin"));
  }

  TempDirectory temp;
  FakeKey key;
  std::string identity_name;
};

TEST_F(GuardedLogin, LogsInWithTheRightPinAndLeavesNoRecord) {
  write_pin("123456");
  const auto outcome = login();
  EXPECT_TRUE(outcome.result);
  EXPECT_EQ(outcome.tries_left, 6);
  EXPECT_TRUE(std::filesystem::is_empty(temp.file("ledger")));
}

TEST_F(GuardedLogin, TriesAWrongPinOnceUntilItsFileChanges) {
  write_pin("000000");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(id_of_login(), "key.pin_wrong");
  EXPECT_EQ(key.attempts, 1);
  write_pin("111111");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(id_of_login(), "key.pin_wrong");
  EXPECT_EQ(key.attempts, 2);
  write_pin("123456");
  EXPECT_EQ(id_of_login(), "ok");
}

TEST_F(GuardedLogin, SaysHowManyTriesAWrongPinLeft) {
  write_pin("000000");
  EXPECT_EQ(login().tries_left, 5);
  key.tries_left = 1;
  EXPECT_EQ(login().tries_left, 1) << "not tried again, and the counter as it is";
}

TEST_F(GuardedLogin, NeverSpendsTheLastTryNotEvenOnTheRightPin) {
  write_pin("123456");
  key.tries_left = 1;
  EXPECT_EQ(id_of_login(), "key.pin_last_try");
  key.tries_left = 0;
  EXPECT_EQ(id_of_login(), "key.locked");
  EXPECT_EQ(key.attempts, 0);
}

TEST_F(GuardedLogin, StopsBeforeTheLastTryHoweverManyWrongFilesAreGiven) {
  for (int i = 0; i < 20; ++i) {
    write_pin("wrong" + std::to_string(i));
    (void)login();
  }
  EXPECT_EQ(key.tries_left, 1);
  EXPECT_EQ(id_of_login(), "key.pin_last_try");
}

TEST_F(GuardedLogin, AKillAfterTheCardCountedIsRememberedByTheCounter) {
  write_pin("000000");
  key.next = FakeKey::Accident::killed_after;
  login_killed();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(id_of_login(), "key.pin_wrong");
  EXPECT_EQ(key.attempts, 1);
}

TEST_F(GuardedLogin, AKnownWrongPinStaysWrongWhenTheCounterRisesAgain) {
  write_pin("000000");
  key.next = FakeKey::Accident::killed_after;
  login_killed();
  EXPECT_EQ(id_of_login(), "key.pin_wrong");
  key.tries_left = key.max_tries;  // the right PIN entered with another program
  EXPECT_EQ(id_of_login(), "key.pin_wrong");
  EXPECT_EQ(key.attempts, 1);
}

TEST_F(GuardedLogin, AKillBeforeTheCommandLeftCostsNothingAndLocksNobodyOut) {
  write_pin("123456");
  for (int i = 0; i < 10; ++i) {
    key.next = FakeKey::Accident::killed_before;
    login_killed();
  }
  EXPECT_EQ(key.attempts, 0);
  EXPECT_EQ(id_of_login(), "ok");
}

TEST_F(GuardedLogin, UnplugsAtAnyMomentLockNoRightPinOut) {
  write_pin("123456");
  for (const auto accident :
       {FakeKey::Accident::gone_before, FakeKey::Accident::gone_after, FakeKey::Accident::killed_after}) {
    key.next = accident;
    if (accident == FakeKey::Accident::killed_after)
      login_killed();
    else
      EXPECT_FALSE(login().result);
    EXPECT_EQ(id_of_login(), "ok");
  }
  EXPECT_EQ(key.tries_left, key.max_tries);
}

TEST_F(GuardedLogin, WithoutACounterAnUnansweredAttemptIsNotRepeated) {
  key.shows_counter = false;
  write_pin("000000");
  key.next = FakeKey::Accident::killed_after;
  login_killed();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(id_of_login(), "key.pin_wrong");
  EXPECT_EQ(key.attempts, 1);
  write_pin("123456");
  EXPECT_EQ(id_of_login(), "ok");
}

TEST_F(GuardedLogin, ANewCopyOfACredentialIsTheSameSecret) {
  identity_name = "credential:pin";
  write_pin("000000");
  EXPECT_EQ(id_of_login(), "key.pin_wrong");
  for (int restart = 0; restart < 10; ++restart) {
    write_pin("000000");  // systemd makes a new file at every start
    EXPECT_EQ(id_of_login(), "key.pin_wrong");
  }
  EXPECT_EQ(key.attempts, 1);
}

TEST_F(GuardedLogin, TriesNothingWhenItsMemoryCannotBeWritten) {
  write_pin("123456");
  std::filesystem::remove(temp.file("ledger"));
  EXPECT_EQ(id_of_login(), "key.pin_ledger_write");
  EXPECT_EQ(key.attempts, 0);
}

TEST_F(GuardedLogin, TriesNothingWhenItsMemoryCannotBeRead) {
  write_pin("123456");
  for (const char* damaged :
       {"", "taxgate-pin-ledger 1\n", "taxgate-pin-ledger 1\nattempting 1 2\n",
        "taxgate-pin-ledger 2\nfailed 1 1 1 1 1 \n", "taxgate-pin-ledger 1\nattempting 6 1 2 3 4 "}) {
    temp.write("ledger/SERIAL.pin", damaged);
    EXPECT_EQ(id_of_login(), "key.pin_ledger") << damaged;
  }
  EXPECT_EQ(key.attempts, 0);
}

TEST_F(GuardedLogin, SaysWhatIsWrongWithThePinFile) {
  EXPECT_EQ(id_of_login(), "key.no_pin");
  write_pin("");
  EXPECT_EQ(id_of_login(), "key.no_pin");
  write_pin(std::string(200, '1'));
  EXPECT_EQ(id_of_login(), "key.no_pin");
  write_pin("123456");
  std::filesystem::permissions(temp.file("pin"), std::filesystem::perms(0644));
  EXPECT_EQ(id_of_login(), "key.pin_file_public");
  EXPECT_EQ(key.attempts, 0);
}

TEST(PinLedgerFile, KeepsRecordsOfStrangeSerialsApartAndReadsBackWhatItWrote) {
  TempDirectory temp;
  PinLedger ledger(temp.path());
  const PinAttempt one{PinAttempt::Phase::failed, {1, 2, 3, -4, ""}, 5},
      two{PinAttempt::Phase::attempting, {0, 0, 0, 0, "credential:a b"}, -1};
  ASSERT_TRUE(ledger.write("../A", one));
  ASSERT_TRUE(ledger.write("__/A", two));
  EXPECT_EQ(*ledger.read("../A"), one);
  EXPECT_EQ(*ledger.read("__/A"), two);
  EXPECT_EQ(std::filesystem::path(ledger.path_of("../A")).parent_path(), temp.path());
  ASSERT_TRUE(ledger.clear("../A"));
  EXPECT_FALSE(ledger.read("../A")->has_value());
  EXPECT_TRUE(ledger.clear("../A"));
}

TEST(PinLedgerFile, HoldsNothingThatComesFromThePin) {
  TempDirectory temp;
  std::filesystem::create_directory(temp.file("ledger"));
  temp.write("pin", "000000\n");
  FakeKey key;
  PinLedger ledger(temp.file("ledger"));
  (void)guarded_login(key, "S", ledger, {temp.file("pin"), {}});
  const std::string first = temp.read("ledger/S.pin");
  // The same file with another PIN of equal length and the same times: the record must be the same, byte for byte.
  const auto times = std::filesystem::last_write_time(temp.file("pin"));
  temp.write("pin", "999999\n");
  std::filesystem::last_write_time(temp.file("pin"), times);
  ASSERT_TRUE(ledger.clear("S"));
  key.tries_left = key.max_tries;
  (void)guarded_login(key, "S", ledger, {temp.file("pin"), {}});
  EXPECT_EQ(temp.read("ledger/S.pin"), first);
}

}  // namespace
}  // namespace taxgate::keyd
