#include "protocol/sm.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/unit/protocol/seeded.h"

namespace taxgate {
namespace {

Bytes bytes(std::string_view hex_text) {
  std::string compact;
  for (const char c : hex_text)
    if (c != ' ') compact.push_back(c);
  return from_hex(compact).value();
}
template <std::size_t N>
std::array<std::uint8_t, N> fixed(std::string_view hex_text) {
  const Bytes from = bytes(hex_text);
  EXPECT_EQ(from.size(), N);
  std::array<std::uint8_t, N> out{};
  std::copy_n(from.begin(), std::min(N, from.size()), out.begin());
  return out;
}

TEST(Sm3, MatchesTheExamplesOfTheStandard) {  // GB/T 32905-2016 annex A
  EXPECT_EQ(hex(sm3(as_bytes("abc"))), "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
  std::string long_text;
  for (int i = 0; i < 16; ++i) long_text += "abcd";
  EXPECT_EQ(hex(sm3(as_bytes(long_text))), "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732");
}

TEST(Sm3, OfPartsIsThatOfTheirConcatenation) {
  EXPECT_EQ(sm3_of({as_bytes("a"), {}, as_bytes("bc")}), sm3(as_bytes("abc")));
  EXPECT_EQ(hex(sm3({})), "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b");
}

constexpr std::string_view kStandardKey = "0123456789abcdeffedcba9876543210";

TEST(Sm4, MatchesTheExamplesOfTheStandard) {  // GB/T 32907-2016 annex A
  const Bytes key = bytes(kStandardKey);
  const auto once = sm4_block_encrypt(key, key);
  EXPECT_EQ(hex(once), "681edf34d206965e86b3e94f536e4246");
  EXPECT_EQ(hex(sm4_block_decrypt(key, once)), kStandardKey);
}

TEST(Sm4, MatchesTheExampleOfAMillionRounds) {  // annex A, example 2
  const Bytes key = bytes(kStandardKey);
  auto block = fixed<16>(kStandardKey);
  for (int i = 0; i < 1'000'000; ++i) block = sm4_block_encrypt(key, block);
  EXPECT_EQ(hex(block), "595298c7c6fd271f0402f804c33d3f66");
}

TEST(Sm4, InElectronicCodebookModeMatchesThePublishedExample) {  // draft-ribose-cfrg-sm4, A.2.1.1
  const Bytes key = bytes(kStandardKey);
  const Bytes plain = bytes("aaaaaaaabbbbbbbbccccccccdddddddd eeeeeeeeffffffffaaaaaaaabbbbbbbb");
  const auto cipher = sm4_ecb_encrypt(key, plain);
  ASSERT_TRUE(cipher);
  EXPECT_EQ(hex(ByteView(*cipher).first(32)), "5ec8143de509cff7b5179f8f474b86192f1d305a7fb17df985f81c8482192304");
  EXPECT_EQ(cipher->size(), 48u);  // a whole block of padding follows
  EXPECT_EQ(sm4_ecb_decrypt(key, *cipher), plain);
}

TEST(Sm4, OpensWhatItSealedAtEveryLength) {
  auto random = test::seeded();
  const Bytes key = bytes(kStandardKey);
  for (std::size_t n = 0; n < 100; ++n) {
    std::string text;
    for (std::size_t i = 0; i < n; ++i) text.push_back(static_cast<char>(random()));
    const auto cipher = sm4_ecb_encrypt(key, as_bytes(text));
    ASSERT_TRUE(cipher);
    ASSERT_EQ(cipher->size(), n / 16 * 16 + 16);
    ASSERT_EQ(as_text(*sm4_ecb_decrypt(key, *cipher)), text);
  }
}

TEST(Sm4, RefusesWrongKeysAndDamagedPadding) {
  const Bytes key = bytes(kStandardKey);
  EXPECT_EQ(sm4_ecb_encrypt(ByteView(key).first(15), {}).error().id, "sm4.key");
  EXPECT_EQ(sm4_ecb_decrypt(ByteView(key).first(15), {}).error().id, "sm4.key");
  EXPECT_EQ(sm4_ecb_decrypt(key, {}).error().id, "sm4.padding");
  EXPECT_EQ(sm4_ecb_decrypt(key, Bytes(15)).error().id, "sm4.padding");
  for (const char* last :
       {"00000000000000000000000000000000", "00000000000000000000000000000011", "00000000000000000000000000030203"}) {
    const auto block = sm4_block_encrypt(key, bytes(last));
    EXPECT_EQ(sm4_ecb_decrypt(key, block).error().id, "sm4.padding") << last;
  }
}

// GB/T 32918.5-2017 annex A.2: signature on the recommended curve, user id 1234567812345678.
const auto kPublic = fixed<64>(
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13");
const auto kSignature = fixed<64>(
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA");

TEST(Sm2, ComputesZAndEOfTheStandard) {
  EXPECT_EQ(hex(sm2_z(kDefaultSignerId, kPublic)), "b2e14c5c79c6df5b85f4fe7ed8db7a262b9da7e07ccb0ea9f4747b8ccda8a4f3");
  EXPECT_EQ(hex(sm2_e(kDefaultSignerId, kPublic, as_bytes("message digest"))),
            "f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640");
}

TEST(Sm2, VerifiesTheSignatureOfTheStandardAndNoOther) {
  const Digest e = sm2_e(kDefaultSignerId, kPublic, as_bytes("message digest"));
  EXPECT_EQ(sm2_verify(kPublic, e, kSignature), true);
  for (std::size_t byte = 0; byte < kSignature.size(); byte += 7) {
    Signature changed = kSignature;
    changed[byte] ^= 1;
    EXPECT_EQ(sm2_verify(kPublic, e, changed), false);
  }
  EXPECT_EQ(sm2_verify(kPublic, sm2_e(kDefaultSignerId, kPublic, as_bytes("message Digest")), kSignature), false);
  EXPECT_EQ(sm2_verify(kPublic, sm2_e("another id", kPublic, as_bytes("message digest")), kSignature), false);
  EXPECT_EQ(sm2_verify(kPublic, e, Signature{}), false);
}

TEST(Sm2, RefusesAPointThatIsNotOnTheCurve) {
  PublicKey off = kPublic;
  off[63] ^= 1;
  const auto result = sm2_verify(off, Digest{}, kSignature);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().id, "sm2.point");
  EXPECT_FALSE(sm2_verify(PublicKey{}, Digest{}, kSignature));
}

TEST(Sm2, KeepsKeysApartWhenManyAreUsedInTurn) {
  const Digest e = sm2_e(kDefaultSignerId, kPublic, as_bytes("message digest"));
  // The generator and its double are points too: signatures of one key must not pass under another.
  const auto generator = fixed<64>(
      "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"
      "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(sm2_verify(kPublic, e, kSignature), true);
    EXPECT_EQ(sm2_verify(generator, e, kSignature), false);
  }
}

TEST(Sm2Der, RoundTripsIncludingScalarsWithATopBitOrLeadingZeros) {
  EXPECT_EQ(sm2_signature_from_der(sm2_signature_to_der(kSignature)), kSignature);
  EXPECT_EQ(sm2_signature_to_der(kSignature).size(), 72u);  // both scalars have their top bit set
  Signature small{};
  small[31] = 0x7F;
  small[63] = 0x80;
  EXPECT_EQ(hex(sm2_signature_to_der(small)), "300702017f02020080");
  EXPECT_EQ(sm2_signature_from_der(sm2_signature_to_der(small)), small);
  EXPECT_EQ(hex(sm2_signature_to_der(Signature{})), "3006020100020100");
}

TEST(Sm2Der, AcceptsOneEncodingOnly) {
  for (const char* der :
       {"", "30", "3000", "30060201010201", "300602010102010100", "3007020100020101", "300702020001020101",
        "3006020181020101", "318006020101020101", "30810602010102010", "3006030101020101", "30040200020101"}) {
    const auto parsed = from_hex(der);
    if (!parsed) continue;
    EXPECT_FALSE(sm2_signature_from_der(*parsed)) << der;
  }
  auto random = test::seeded();
  const Bytes good = sm2_signature_to_der(kSignature);
  for (int i = 0; i < 20'000; ++i) {
    const std::string bad = test::damaged(random, std::string(as_text(good)));
    const auto read = sm2_signature_from_der(as_bytes(bad));
    if (read) ASSERT_EQ(as_text(sm2_signature_to_der(*read)), bad);
  }
}

TEST(Hexadecimal, ReadsBothCasesAndNamesThePlaceOfAnError) {
  EXPECT_EQ(hex(*from_hex("00fFAb")), "00ffab");
  EXPECT_EQ(from_hex("0g", "key").error().wanted, "character 2");
  EXPECT_EQ(from_hex("0", "key").error().field, "key");
}

TEST(Base64, MatchesTheExamplesOfRfc4648) {
  const std::pair<const char*, const char*> examples[] = {{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : examples) {
    EXPECT_EQ(base64(as_bytes(plain)), coded);
    EXPECT_EQ(as_text(*from_base64(coded)), plain);
  }
}

TEST(Base64, AcceptsOneSpellingOnly) {
  for (const char* text :
       {"Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Z g=", "Zm9v\n", "Zm9v====", "====", "=", "Zm-_", "Zg==Zg=="})
    EXPECT_FALSE(from_base64(text)) << text;
  auto random = test::seeded();
  for (int i = 0; i < 5'000; ++i) {
    const std::string plain = test::random_bytes(random, 40), coded = base64(as_bytes(plain));
    ASSERT_EQ(as_text(*from_base64(coded)), plain);
    const std::string bad = test::damaged(random, coded);
    const auto read = from_base64(bad);
    if (read) ASSERT_EQ(base64(*read), bad);
  }
}

TEST(SecretMemory, IsLockedAndKeptOutOfCoreDumps) {
  SecretBytes secret(16);
  std::ranges::fill(secret.span(), std::uint8_t{0x5A});
  std::ostringstream address;
  address << std::hex << reinterpret_cast<std::uintptr_t>(secret.view().data()) << '-';
  std::ifstream maps("/proc/self/smaps");
  std::string line, flags;
  bool here = false;
  while (std::getline(maps, line)) {
    if (line.find('-') != std::string::npos && line.find(' ') > line.find('-') &&
        std::isxdigit(static_cast<unsigned char>(line[0])))
      here = line.starts_with(address.str());
    if (here && line.starts_with("VmFlags:")) flags = line + " ";
  }
  // The sanitizers' run-time turns mlock into nothing; the release build's run is the one that shows it.
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
  EXPECT_NE(flags.find(" lo "), std::string::npos) << flags;
#endif
  EXPECT_NE(flags.find(" dd "), std::string::npos) << flags;
}

TEST(SecretMemory, MovesWithoutCopyingAndWipesWhatItGivesUp) {
  SecretBytes a(4);
  std::ranges::copy(as_bytes("1234"), a.span().begin());
  const std::uint8_t* where = a.view().data();
  SecretBytes b(std::move(a));
  EXPECT_EQ(b.view().data(), where);
  EXPECT_EQ(a.size(), 0u);  // NOLINT(bugprone-use-after-move): what is left behind is the promise
  b.shrink(2);
  EXPECT_EQ(as_text(b.view()), "12");
  EXPECT_EQ(where[2], 0);
  EXPECT_EQ(where[3], 0);
  b = SecretBytes(1);
  EXPECT_EQ(b.size(), 1u);
  EXPECT_EQ(SecretBytes().size(), 0u);
}

TEST(Certificate, ReaderIsTotalOnAnyBytes) {
  auto random = test::seeded();
  for (int i = 0; i < 5'000; ++i) EXPECT_FALSE(read_certificate(as_bytes(test::random_bytes(random, 300))));
  EXPECT_EQ(read_certificate({}).error().id, "cert.parse");
  EXPECT_EQ(check_certificate_issuer({}, {}).error().id, "cert.chain");
}

}  // namespace
}  // namespace taxgate
