// The GM/T 0017 conversation against a Fake card that answers from a script.
#include "drivers/gmt0017/card_session.h"

#include <gtest/gtest.h>

#include <deque>

#include "drivers/gmt0017/gmt0017_key.h"
#include "drivers/gmt0017/status_error.h"

namespace taxgate::gmt0017 {
namespace {

/// Answers each command with the next scripted result and remembers what was sent.
class FakeTransport : public ApduTransport {
 public:
  Result<Bytes> transmit(ByteView command) override {
    sent.emplace_back(command.begin(), command.end());
    if (answers.empty()) return fail(Errc::device_gone, "key.gone");
    auto answer = std::move(answers.front());
    answers.pop_front();
    return answer;
  }
  Result<void> reconnect() override { return {}; }

  void ok(ByteView data) { answers.emplace_back(encode_response(data, sw::ok)); }
  void status(std::uint16_t word) { answers.emplace_back(encode_response({}, word)); }

  std::deque<Result<Bytes>> answers;
  std::vector<Bytes> sent;
};

SecretBytes pin_of(std::string_view text) {
  SecretBytes pin(text.size());
  std::copy(text.begin(), text.end(), pin.span().begin());
  return pin;
}

template <class T>
std::string id_of(const Result<T>& result) {
  return result ? "ok" : result.error().id;
}

TEST(CardSession, PresentsThePinOnceUnderAFreshChallengeAndNeverInTheClear) {
  FakeTransport card;
  CardSession session(card);
  const Bytes challenge{1, 2, 3, 4, 5, 6, 7, 8};
  card.ok(challenge);
  card.status(sw_tries_left(5));
  const auto result = session.verify_pin(7, pin_of("123456"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().id, "key.pin_wrong");
  EXPECT_EQ(result.error().left, "5");
  EXPECT_EQ(result.error().code, Errc::rejected);
  ASSERT_EQ(card.sent.size(), 2U) << "one challenge, one attempt";
  EXPECT_EQ(card.sent[1][1], 0x18);
  EXPECT_EQ(as_text(card.sent[1]).find("123456"), std::string_view::npos);
}

TEST(CardSession, DoesNotTakeACutAnswerForAStatusWord) {
  // Half of a signature whose last two bytes look like "wrong PIN", like "locked", like nothing, like a refusal.
  for (const std::uint16_t word : std::initializer_list<std::uint16_t>{0x63C1, 0x6983, 0x1234, 0x6A80}) {
    FakeTransport card;
    CardSession session(card);
    card.answers.emplace_back(encode_response(Bytes(20, 0xAB), word));
    const auto cut = session.sign_digest(1, 1, Digest{});
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error().id, "key.interrupted") << std::hex << word;
    EXPECT_EQ(cut.error().code, Errc::outcome_unknown);
  }
  // Two random bytes of a challenge that look like "wrong PIN": only VerifyPIN speaks of the PIN.
  FakeTransport card;
  CardSession session(card);
  card.status(0x63C3);
  EXPECT_EQ(id_of(session.verify_pin(1, pin_of("123456"))), "key.interrupted");
  EXPECT_EQ(card.sent.size(), 1U);
}

TEST(CardSession, BelievesARefusalOfAReadingCommandOnlyWhenTheCardRepeatsIt) {
  // Two bytes of a challenge that pose as a status word, and the card is gone: not refused, gone.
  FakeTransport card;
  CardSession session(card);
  card.status(0x6A80);
  EXPECT_EQ(id_of(session.verify_pin(1, pin_of("123456"))), "key.gone");
  EXPECT_EQ(card.sent.size(), 2U);
  EXPECT_EQ(card.sent[0], card.sent[1]);
  // It is still there: its answer counts.
  card.status(0x6162);
  card.ok(encode_names(std::vector<std::string>{"ab"}));
  const auto names = session.applications();
  ASSERT_TRUE(names) << names.error().id;
  EXPECT_EQ(names->front(), "ab");
  // It says so twice: refused. It says one thing and then another: nothing is known.
  card.status(0x6A80);
  card.status(0x6A80);
  EXPECT_EQ(id_of(session.device_info()), "key.card_refused");
  card.status(0x6A80);
  card.status(0x6A86);
  EXPECT_EQ(id_of(session.device_info()), "key.interrupted");
}

TEST(CardSession, NeverRepeatsAPinAttemptOrASignature) {
  FakeTransport card;
  CardSession session(card);
  card.ok(Bytes{1, 2, 3, 4, 5, 6, 7, 8});
  card.status(0x6A80);
  EXPECT_EQ(id_of(session.verify_pin(1, pin_of("123456"))), "key.card_refused");
  EXPECT_EQ(card.sent.size(), 2U) << "one challenge, one attempt";
  card.status(0x6A80);
  EXPECT_EQ(id_of(session.sign_digest(1, 1, Digest{})), "key.card_refused");
  EXPECT_EQ(card.sent.size(), 3U);
}

TEST(CardSession, RefusesAnswersOfTheWrongShape) {
  FakeTransport card;
  CardSession session(card);
  card.ok(Bytes(287, 0));
  EXPECT_EQ(id_of(session.device_info()), "key.card_format");
  card.ok(Bytes(67, 0));
  EXPECT_EQ(id_of(session.sign_digest(1, 1, Digest{})), "key.card_format");
  card.ok(Bytes(7, 0));
  EXPECT_EQ(id_of(session.verify_pin(1, pin_of("123456"))), "key.card_format");
}

TEST(StatusWords, SayWhatTheCallerMustDoNext) {
  EXPECT_EQ(status_error(0x6983, "VerifyPIN").id, "key.locked");
  EXPECT_EQ(status_error(0x63C0, "VerifyPIN").left, "0");
  EXPECT_EQ(status_error(0x6982, "ECCSignData").id, "key.reset");
  EXPECT_EQ(status_error(0x6982, "ECCSignData").code, Errc::retry_later);
  EXPECT_EQ(status_error(0x6A9B, "ExportCertificate").id, "key.no_certificate");
  EXPECT_EQ(status_error(0x6581, "VerifyPIN").code, Errc::device_gone);
  const auto other = status_error(0x6A80, "OpenContainer");
  EXPECT_EQ(other.id, "key.card_refused");
  EXPECT_EQ(other.wanted, "6a80");
  EXPECT_NE(other.detail.find("OpenContainer"), std::string::npos);
}

TEST(Gmt0017Key, TakesTheFirstApplicationAndContainerWhenNoneAreNamed) {
  FakeTransport* card = nullptr;
  auto transport = std::make_unique<FakeTransport>();
  card = transport.get();
  const auto key = make_key(std::move(transport), {});
  DevInfo info;
  info.serial = "S1";
  card->ok(encode_dev_info(info));
  const std::string applications[] = {"FIRST", "SECOND"}, containers[] = {"C1"};
  card->ok(encode_names(applications));
  card->ok(encode_application({.rights = 0, .max_containers = 1, .max_certificates = 1, .max_files = 1, .id = 9}));
  card->ok(encode_names(containers));
  card->ok(Bytes{0, 3});
  card->status(sw::no_certificate);
  card->status(sw::no_certificate);
  EXPECT_EQ(id_of(key->identify()), "key.no_certificate");
  ASSERT_EQ(card->sent.size(), 7U) << "a refusal is believed when it is repeated";
  EXPECT_NE(as_text(card->sent[2]).find("FIRST"), std::string_view::npos);
  EXPECT_NE(as_text(card->sent[4]).find("C1"), std::string_view::npos);
}

TEST(Gmt0017Key, SaysNoApplicationOfACardThatHoldsNone) {
  auto transport = std::make_unique<FakeTransport>();
  transport->ok(encode_dev_info({}));
  transport->ok(encode_names({}));
  const auto key = make_key(std::move(transport), {});
  EXPECT_EQ(id_of(key->identify()), "key.no_application");
}

TEST(Gmt0017Key, PassesOnWhetherTheCommandHadLeft) {
  for (const auto& [code, id] :
       {std::pair{Errc::device_gone, "key.gone"}, std::pair{Errc::outcome_unknown, "key.interrupted"}}) {
    auto transport = std::make_unique<FakeTransport>();
    transport->answers.emplace_back(std::unexpected(Error{code, id, {}, {}, {}, {}}));
    const auto key = make_key(std::move(transport), {});
    const auto result = key->sign(Bytes{1, 2, 3}, kDefaultSignerId, true);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, code);
    EXPECT_EQ(result.error().id, id);
  }
}

}  // namespace
}  // namespace taxgate::gmt0017
