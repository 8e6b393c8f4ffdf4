#include "protocol/text.h"

#include <gtest/gtest.h>

#include "tests/unit/protocol/seeded.h"

namespace taxgate {
namespace {

TEST(Utf8, AcceptsTheWholeOfUnicodeAndNothingElse) {
  for (const char* good : {"", "a", "é", "税", "😀", "\x7F", "\xC2\x80", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                           "\xF4\x8F\xBF\xBF", "12345678税12345678"})
    EXPECT_TRUE(is_utf8(good)) << good;
  for (const char* bad : {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
                          "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE7\xA8", "税\xFF", "12345678\xC2", "\xFE"})
    EXPECT_FALSE(is_utf8(bad));
  EXPECT_EQ(utf8_error("12345678a\xFFz"), 9u);
}

TEST(Utf8, AgreesWithASlowDecoderOnRandomBytes) {
  const auto slow = [](std::string_view s) {
    for (std::size_t i = 0; i < s.size();) {
      const auto b = [&](std::size_t k) { return i + k < s.size() ? static_cast<unsigned char>(s[i + k]) : 0u; };
      const unsigned c = b(0);
      const std::size_t n = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : c >> 3 == 30 ? 4 : 0;
      if (n == 0) return false;
      unsigned v = n == 1 ? c : c & (0x7Fu >> n);
      for (std::size_t k = 1; k < n; ++k) {
        if (b(k) >> 6 != 2) return false;
        v = v << 6 | (b(k) & 63);
      }
      constexpr unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
      if (v < least[n] || v > 0x10FFFF || (v >= 0xD800 && v < 0xE000)) return false;
      i += n;
    }
    return true;
  };
  auto random = test::seeded();
  for (int i = 0; i < 50'000; ++i) {
    const std::string text =
        test::below(random, 2) == 0 ? test::random_bytes(random, 12) : test::damaged(random, "ab税😀é12345678");
    ASSERT_EQ(is_utf8(text), slow(text));
  }
}

TEST(ShownText, IsAlwaysPrintableUtf8AndShort) {
  EXPECT_EQ(shown("税税税", 7), "税税");
  EXPECT_EQ(shown("a\nb\xFF"), "a?b?");
  auto random = test::seeded();
  for (int i = 0; i < 5'000; ++i) {
    const std::string text = shown(test::random_bytes(random, 100), 20);
    ASSERT_TRUE(is_utf8(text));
    ASSERT_LE(text.size(), 20u);
  }
  EXPECT_EQ(utf8_length("a税😀"), 3u);
}

}  // namespace
}  // namespace taxgate
