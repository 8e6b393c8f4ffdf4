#include "protocol/envelope.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/unit/protocol/openssl_command.h"
#include "tests/unit/protocol/seeded.h"

namespace taxgate {
namespace {

const EnvelopeHeader kHeader{"simulator", "91310115TGDM00011U", "apply", "01934f2a-0000-7000-8000-000000000001/apply"};

/// The block of the document that follows a line "```<language>".
std::string block(const std::string& document, const std::string& language) {
  const std::string fence = "```" + language + "\n";
  const auto from = document.find(fence);
  if (from == std::string::npos) return {};
  const auto start = from + fence.size();
  return document.substr(start, document.find("\n```", start) - start);
}
/// The bytes of a hex dump: offset, up to 16 bytes, two blanks, text.
Bytes from_dump(const std::string& dump) {
  std::istringstream lines(dump);
  std::string line, digits;
  while (std::getline(lines, line)) {
    const std::string columns = line.substr(10, 48);
    for (const char c : columns)
      if (c != ' ') digits.push_back(c);
  }
  return from_hex(digits).value_or(Bytes{});
}

TEST(Envelope, MatchesTheWorkedExampleOfItsDocument) {
  std::ifstream file(std::filesystem::path(TAXGATE_SOURCE_DIR) / "docs/envelope.md");
  const std::string document(std::istreambuf_iterator<char>(file), {});
  const Bytes example = from_dump(block(document, "hexdump"));
  ASSERT_FALSE(example.empty());
  const auto made = make_envelope(kHeader, as_bytes("{\"chyyDm\":\"02\"}"));
  ASSERT_TRUE(made);
  EXPECT_EQ(as_text(*made), as_text(example));
  EXPECT_EQ(block(document, "envelope"), as_text(*made));
  const auto read = read_envelope(example);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->header.purpose, "apply");
  EXPECT_NE(document.find(hex(sm3(example))), std::string::npos) << hex(sm3(example));
}

TEST(Envelope, ReadsWhatItWritesWithTheBodyVerbatim) {
  auto random = test::seeded();
  for (int i = 0; i < 2'000; ++i) {
    const std::string body = test::random_bytes(random, 300);
    const auto made = make_envelope(kHeader, as_bytes(body));
    ASSERT_TRUE(made);
    const auto read = read_envelope(*made);
    ASSERT_TRUE(read);
    ASSERT_EQ(as_text(read->body), body);
    ASSERT_GE(read->body.data(), made->data());
    ASSERT_EQ(read->header.channel, kHeader.channel);
    ASSERT_EQ(read->header.taxpayer, kHeader.taxpayer);
    ASSERT_EQ(read->header.request_id, kHeader.request_id);
  }
}

TEST(Envelope, RefusesHeaderValuesThatCouldForgeALine) {
  for (const char* bad : {"", "a\nb", "a\rb", "a\tb", "\x7F", "\xFF", "a\nlength: 0"}) {
    EnvelopeHeader header = kHeader;
    header.purpose = bad;
    const auto made = make_envelope(header, {});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().id, "envelope.header");
    EXPECT_EQ(made.error().field, "purpose");
  }
  EnvelopeHeader header = kHeader;
  header.request_id = std::string("a\0b", 3);
  EXPECT_FALSE(make_envelope(header, {}));
  header.request_id = std::string(129, 'x');
  EXPECT_FALSE(make_envelope(header, {}));
}

TEST(Envelope, IsBoundedByWhatAKeyHostTakes) {
  const std::size_t frame = make_envelope(kHeader, {})->size();
  const auto body = [](std::size_t size) { return Bytes(size, 'x'); };
  // "length: 0" grows by four digits for a body of five.
  const auto largest = make_envelope(kHeader, body(kMaxEnvelope - frame - 4));
  ASSERT_TRUE(largest);
  EXPECT_EQ(largest->size(), kMaxEnvelope);
  EXPECT_TRUE(read_envelope(*largest));
  EXPECT_EQ(make_envelope(kHeader, body(kMaxEnvelope - frame - 3)).error().id, "envelope.size");
  Bytes larger = *largest;
  larger.push_back('x');
  EXPECT_FALSE(read_envelope(larger));
}

TEST(Envelope, TellsChangedContentFromDamagedForm) {
  const auto made = make_envelope(kHeader, as_bytes("{\"je\":\"-100.00\"}"));
  ASSERT_TRUE(made);
  std::string text(as_text(*made));
  text[text.size() - 4] = '1';
  EXPECT_EQ(read_envelope(as_bytes(text)).error().id, "envelope.digest");
  EXPECT_EQ(read_envelope(as_bytes("TAXGATE-ENVELOPE/2\n")).error().id, "envelope.format");
  EXPECT_EQ(read_envelope({}).error().id, "envelope.format");
  EXPECT_EQ(read_envelope({}).error().code, Errc::corrupt);
}

TEST(Envelope, AcceptsExactlyWhatItMakes) {
  auto random = test::seeded();
  const std::string good(as_text(*make_envelope(kHeader, as_bytes("{\"chyyDm\":\"02\"}"))));
  for (int i = 0; i < 50'000; ++i) {
    const std::string bytes = test::damaged(random, good);
    const auto read = read_envelope(as_bytes(bytes));
    if (!read) continue;
    const auto again = make_envelope(read->header, read->body);
    ASSERT_TRUE(again);
    ASSERT_EQ(as_text(*again), bytes);
  }
}

class SignedEnvelopes : public ::testing::Test {
 protected:
  void SetUp() override {
    test::make_certificate(shop_, "leaf", "/serialNumber=91310115TGDM00011U/CN=SIMULATED");
    test::make_certificate(shop_, "other", "/serialNumber=91340200TGDM0002XD/CN=SIMULATED");
    evidence_.bytes = *make_envelope(kHeader, as_bytes("{}"));
    evidence_.signature = test::sign(shop_, "leaf", evidence_.bytes);
    evidence_.certificate = shop_.read("leaf.der");
    evidence_.signer_id = std::string(kDefaultSignerId);
  }
  std::string verdict(std::string_view taxpayer = "91310115TGDM00011U") const {
    const auto result = verify_envelope(evidence_, taxpayer);
    return result ? "ok" : result.error().id;
  }
  test::Workshop shop_;
  SignedEnvelope evidence_;
};

TEST_F(SignedEnvelopes, VerifyForTheTaxpayerWhoseKeySigned) { EXPECT_EQ(verdict(), "ok"); }

TEST_F(SignedEnvelopes, AreRefusedForAnotherTaxpayer) {
  EXPECT_EQ(verdict("91340200TGDM0002XD"), "envelope.foreign_key");
  evidence_.certificate = shop_.read("other.der");
  EXPECT_EQ(verdict(), "envelope.foreign_key");
  EXPECT_EQ(verify_envelope(evidence_, "91310115TGDM00011U").error().code, Errc::rejected);
}

TEST_F(SignedEnvelopes, AreRefusedWhenTheEnvelopeSpeaksForAnotherTaxpayer) {
  EnvelopeHeader header = kHeader;
  header.taxpayer = "91340200TGDM0002XD";
  evidence_.bytes = *make_envelope(header, as_bytes("{}"));
  evidence_.signature = test::sign(shop_, "leaf", evidence_.bytes);
  EXPECT_EQ(verdict(), "envelope.foreign_key");
}

TEST_F(SignedEnvelopes, AreRefusedWhenBytesOrSignatureOrSignerIdChanged) {
  const SignedEnvelope good = evidence_;
  evidence_.signature[5] ^= 1;
  EXPECT_EQ(verdict(), "envelope.signature");
  evidence_ = good;
  evidence_.bytes = *make_envelope(kHeader, as_bytes("[]"));
  EXPECT_EQ(verdict(), "envelope.signature");
  evidence_ = good;
  evidence_.signer_id = "8765432187654321";
  EXPECT_EQ(verdict(), "envelope.signature");
  evidence_ = good;
  evidence_.bytes.back() ^= 1;
  EXPECT_EQ(verdict(), "envelope.digest");
}

}  // namespace
}  // namespace taxgate
