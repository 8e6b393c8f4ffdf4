// Our opening of AES-128-GCM against the library's sealing, its slow twin, and against a published vector.
#include "daemon/platform/gcm_open.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <array>
#include <memory>
#include <random>
#include <vector>

#include "daemon/platform/tls_library.h"
#include "protocol/sm.h"

namespace taxgate::platform_test {
namespace {

using platform::GcmOpener;

struct Sealed {
  std::array<std::uint8_t, 16> key{}, tag{};
  std::array<std::uint8_t, 12> nonce{};
  Bytes about, plain, cipher;
};

Sealed sealed_by_library(std::mt19937& random, std::size_t size, std::size_t about) {
  Sealed s;
  const auto fill = [&](auto& bytes) {
    for (auto& b : bytes) b = static_cast<std::uint8_t>(random());
  };
  s.about.resize(about);
  s.plain.resize(size);
  s.cipher.resize(size + 16);
  fill(s.key), fill(s.nonce), fill(s.about), fill(s.plain);
  const std::unique_ptr<EVP_CIPHER_CTX, void (*)(EVP_CIPHER_CTX*)> c(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  int n = 0;
  EVP_EncryptInit_ex(c.get(), EVP_aes_128_gcm(), nullptr, s.key.data(), s.nonce.data());
  EVP_EncryptUpdate(c.get(), nullptr, &n, s.about.data(), static_cast<int>(about));
  EVP_EncryptUpdate(c.get(), s.cipher.data(), &n, s.plain.data(), static_cast<int>(size));
  EVP_EncryptFinal_ex(c.get(), s.cipher.data() + n, &n);
  EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_AEAD_GET_TAG, 16, s.tag.data());
  s.cipher.resize(size);
  return s;
}

bool opens(const Sealed& s, Bytes& out) {
  GcmOpener opener;
  opener.set_key(s.key);
  out.assign(s.cipher.size(), 0xEE);
  return opener.open(s.nonce, s.about, s.cipher.data(), out.data(), s.cipher.size(), s.tag);
}

/// Sizes to try; none where the processor cannot, for nothing opens messages there but the library.
std::vector<std::size_t> gcm_sizes() {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; GcmOpener::supported() && i < 1100; ++i) out.push_back(i);
  if (!out.empty()) out.insert(out.end(), {4095, 4096, 16'384, 16'385, 16'401, 100'003});
  return out;
}

TEST(GcmOpening, GivesWhatTheLibrarySealedAtEveryLengthInPlaceToo) {
  std::mt19937 random(1);
  for (const std::size_t size : gcm_sizes()) {
    const Sealed s = sealed_by_library(random, size, size % 37);
    Bytes out;
    ASSERT_TRUE(opens(s, out)) << size;
    ASSERT_EQ(out, s.plain) << size;
    GcmOpener opener;
    opener.set_key(s.key);
    Bytes in_place = s.cipher;
    ASSERT_TRUE(opener.open(s.nonce, s.about, in_place.data(), in_place.data(), size, s.tag));
    ASSERT_EQ(in_place, s.plain) << size;
  }
}

TEST(GcmOpening, RefusesAnyFlippedBitAndGivesNothingAway) {
  std::mt19937 random(2);
  for (const std::size_t size : {1UL, 16UL, 255UL, 256UL, 700UL}) {
    if (!GcmOpener::supported()) return;
    const Sealed good = sealed_by_library(random, size, 5);
    const auto refused = [&](const Sealed& s) {
      Bytes out;
      EXPECT_FALSE(opens(s, out));
      EXPECT_EQ(out, Bytes(size, 0));
    };
    const auto each_bit = [&](auto member) {
      for (std::size_t bit = 0; bit < (good.*member).size() * 8; ++bit) {
        Sealed s = good;
        (s.*member)[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        refused(s);
      }
    };
    each_bit(&Sealed::key), each_bit(&Sealed::tag), each_bit(&Sealed::nonce);
    each_bit(&Sealed::about), each_bit(&Sealed::cipher);
    Sealed shorter = good;
    shorter.about.pop_back();
    refused(shorter);
  }
}

// Test case 2 of the mode's submission to NIST: everything zero.
TEST(GcmOpening, AgreesWithThePublishedVector) {
  if (!GcmOpener::supported()) return;
  Sealed s;
  s.cipher = from_hex("0388dace60b6a392f328c2b971b2fe78").value();
  const Bytes tag = from_hex("ab6e47d42cec13bdf53a67b21257bddf").value();
  std::copy(tag.begin(), tag.end(), s.tag.begin());
  Bytes out;
  EXPECT_TRUE(opens(s, out));
  EXPECT_EQ(out, Bytes(16, 0));
}

TEST(GcmOpening, IsWhatTlsUsesWhereTheProcessorCan) {
  EXPECT_EQ(platform::opens_records_itself(), GcmOpener::supported());
}

}  // namespace
}  // namespace taxgate::platform_test
