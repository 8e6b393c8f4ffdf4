// Every kernel this processor can run against the libraries, block by block, and the standard's vector.
#include "protocol/wire_kernels.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <random>

namespace taxgate::wire {
namespace {

Bytes random_bytes(std::mt19937_64& random, std::size_t size) {
  Bytes out(size);
  for (auto& b : out) b = static_cast<std::uint8_t>(random());
  return out;
}

class WireKernels : public testing::TestWithParam<Level> {};
INSTANTIATE_TEST_SUITE_P(EveryLevel, WireKernels, testing::ValuesIn(levels().begin(), levels().end()),
                         [](const auto& info) {
                           return info.param == Level::portable    ? "Portable"
                                  : info.param == Level::avx2_gfni ? "Avx2"
                                                                   : "Avx512";
                         });

TEST_P(WireKernels, DecryptTheStandardsVector) {
  const Bytes key = *from_hex("0123456789abcdeffedcba9876543210");
  const Bytes cipher = *from_hex("681edf34d206965e86b3e94f536e4246");
  Bytes plain(16);
  Sm4Decryptor(std::span<const std::uint8_t, 16>(key), GetParam()).decrypt(cipher.data(), plain.data(), 16);
  EXPECT_EQ(hex(plain), "0123456789abcdeffedcba9876543210");
}

TEST_P(WireKernels, DecryptEveryBlockAsOpensslDoesForEveryLengthUpToTwoThousandBlocks) {
  std::mt19937_64 random(1);
  for (std::size_t blocks : {0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 95, 96, 97, 255, 256, 257, 511, 2000}) {
    const Bytes key = random_bytes(random, 16), cipher = random_bytes(random, blocks * 16);
    Bytes plain(cipher.size()), in_place = cipher;
    const Sm4Decryptor sm4(std::span<const std::uint8_t, 16>(key), GetParam());
    sm4.decrypt(cipher.data(), plain.data(), cipher.size());
    sm4.decrypt(in_place.data(), in_place.data(), in_place.size());
    EXPECT_EQ(in_place, plain) << blocks;
    for (std::size_t b = 0; b < blocks; ++b) {
      const auto expected = sm4_block_decrypt(key, ByteView(cipher).subspan(b * 16, 16));
      ASSERT_TRUE(std::equal(expected.begin(), expected.end(), plain.begin() + static_cast<long>(b * 16)))
          << "block " << b << " of " << blocks;
    }
  }
}

TEST_P(WireKernels, DecodeBase64AsTheSlowTwinDoesForEveryLength) {
  std::mt19937_64 random(2);
  for (std::size_t size = 0; size < 400; ++size) {
    const Bytes plain = random_bytes(random, size);
    const std::string text = base64(plain);
    Bytes out(base64_room(text.size()) + 1, 0xEE);
    const auto n = base64_decode(text, out.data(), true, GetParam());
    ASSERT_TRUE(n) << size;
    ASSERT_EQ(*n, size);
    EXPECT_EQ(out.back(), 0xEE) << "nothing is written behind the end";
    out.resize(size);
    ASSERT_EQ(out, plain);
  }
}

TEST_P(WireKernels, RefuseEveryWrongCharacterAtEveryPlace) {
  const std::string good(260, 'Q');
  Bytes out(good.size());
  for (std::size_t at = 0; at < good.size(); at += at < 70 || at > 180 ? 1 : 13)
    for (int c = 0; c < 256; ++c) {
      std::string text = good;
      text[at] = static_cast<char>(c);
      ASSERT_EQ(base64_decode(text, out.data(), true, GetParam()).has_value(), from_base64(text).has_value())
          << at << " " << c;
    }
}

TEST_P(WireKernels, PaddingStandsOnlyAtTheEndOfTheText) {
  Bytes out(16);
  for (const char* text : {"QQ==", "QUE=", "QUFB", "QR==", "QUF=", "Q===", "====", "=QQQ", "QQ=Q", "QQQ", ""})
    EXPECT_EQ(base64_decode(text, out.data(), true, GetParam()).has_value(), from_base64(text).has_value()) << text;
  EXPECT_FALSE(base64_decode("QQ==", out.data(), false, GetParam()));
  EXPECT_EQ(base64_decode("QUFB", out.data(), false, GetParam()), 3U);
}

TEST(WireLevels, ThePortableWayIsAlwaysThere) {
  ASSERT_FALSE(levels().empty());
  EXPECT_EQ(levels().front(), Level::portable);
  EXPECT_LE(level(), levels().back());
  std::printf("this processor: %s\n", std::string(name(levels().back())).c_str());
}

}  // namespace
}  // namespace taxgate::wire
