// A worker's answers to its orders, with a Fake key.
#include "drivers/keyd/worker.h"

#include <gtest/gtest.h>

#include <deque>
#include <filesystem>

#include "protocol/keyd_frame.h"
#include "tests/unit/drivers/keyd/temp_directory.h"

namespace taxgate::keyd {
namespace {

struct Script {
  std::deque<Result<Signature>> signatures;
  int logins = 0, reconnects = 0, opens = 0;
  std::string serial = "S1";
};

class ScriptedKey : public KeyDevice {
 public:
  explicit ScriptedKey(Script& script) : script_(script) {}
  Result<KeyIdentity> identify() override {
    KeyIdentity identity;
    identity.serial = script_.serial;
    return identity;
  }
  Result<PinStatus> state() override { return PinStatus{6, 6}; }
  Result<void> login(const SecretBytes&) override {
    ++script_.logins;
    return {};
  }
  const Bytes& certificate() const override { return certificate_; }
  Result<Signature> sign(ByteView, std::string_view, bool) override {
    auto next = script_.signatures.front();
    script_.signatures.pop_front();
    return next;
  }
  Result<void> reconnect() override {
    ++script_.reconnects;
    return {};
  }

 private:
  Script& script_;
  Bytes certificate_;
};

class WorkerOrders : public ::testing::Test {
 protected:
  WorkerOrders()
      : worker([this](const worker::v1::Open&) -> Result<std::unique_ptr<KeyDevice>> {
          ++script.opens;
          return std::make_unique<ScriptedKey>(script);
        }) {
    std::filesystem::create_directory(temp.file("ledger"));
    temp.write("pin", "123456");
  }
  worker::v1::FromWorker open() {
    worker::v1::ToWorker order;
    order.set_call(1);
    order.mutable_open()->set_reader("R");
    return worker.handle(order);
  }
  worker::v1::FromWorker login() {
    worker::v1::ToWorker order;
    order.set_call(2);
    order.mutable_login()->set_pin_file(temp.file("pin"));
    order.mutable_login()->set_ledger_dir(temp.file("ledger"));
    return worker.handle(order);
  }
  worker::v1::FromWorker sign() {
    worker::v1::ToWorker order;
    order.set_call(3);
    order.mutable_sign()->set_message("m");
    return worker.handle(order);
  }
  static Result<Signature> failed(Errc code, const char* id) { return fail(code, id); }

  TempDirectory temp;
  Script script;
  Worker worker;
};

TEST_F(WorkerOrders, ASerialThatCannotBePrintedIsNamedInHexadecimal) {
  EXPECT_EQ(open().identity().serial(), "S1");
  script.serial = "NO 7-b";
  EXPECT_EQ(open().identity().serial(), "NO 7-b");
  for (const auto& [bytes, name] : {std::pair<std::string, std::string>{"\xC4\xA3"
                                                                        "1",
                                                                        "c4a331"},
                                    {"A\n", "410a"}}) {
    script.serial = bytes;
    EXPECT_EQ(open().identity().serial(), name);
  }
}

TEST_F(WorkerOrders, OpensLogsInAndSigns) {
  script.signatures = {Signature{1}};
  EXPECT_EQ(open().identity().serial(), "S1");
  EXPECT_TRUE(login().has_logged_in());
  const auto answer = sign();
  EXPECT_EQ(answer.call(), 3U);
  EXPECT_EQ(answer.signed_().signature().size(), 64U);
}

TEST_F(WorkerOrders, LogsInAgainOnceWhenTheCardWasReset) {
  script.signatures = {failed(Errc::retry_later, "key.reset"), Signature{1}};
  open();
  login();
  EXPECT_TRUE(sign().has_signed_());
  EXPECT_EQ(script.reconnects, 1);
  EXPECT_EQ(script.logins, 2);
  script.signatures = {failed(Errc::retry_later, "key.reset"), failed(Errc::retry_later, "key.reset")};
  EXPECT_EQ(sign().failure().id(), "key.reset") << "a card that is reset at every command must not spin";
}

TEST_F(WorkerOrders, GivesItsSessionUpWhenNothingCertainIsKnownOfTheCard) {
  open();
  login();
  for (const auto& [code, id] :
       {std::pair{Errc::device_gone, "key.gone"}, std::pair{Errc::outcome_unknown, "key.interrupted"},
        std::pair{Errc::corrupt, "key.card_format"}}) {
    script.signatures = {failed(code, id)};
    const auto answer = sign();
    EXPECT_TRUE(answer.session_lost()) << id;
    EXPECT_EQ(answer.failure().id(), id);
    EXPECT_EQ(from_failure(answer.failure()).code, code);
  }
  script.signatures = {failed(Errc::corrupt, "key.signature")};
  EXPECT_FALSE(sign().session_lost());
}

TEST_F(WorkerOrders, RefusesOrdersOutOfTurn) {
  EXPECT_EQ(sign().failure().id(), "key.reset");
  EXPECT_EQ(login().failure().id(), "key.reset");
  EXPECT_EQ(worker.handle({}).failure().id(), "keyd.frame");
  EXPECT_EQ(script.logins, 0);
}

}  // namespace
}  // namespace taxgate::keyd
