// What a library's answers mean for the caller.
#include "drivers/skf/sar_error.h"

#include <gtest/gtest.h>

#include "drivers/skf/skf_key.h"
#include "protocol/messages.h"

namespace taxgate::skf {
namespace {

TEST(SkfAnswers, SayWhetherTheDeviceMayHaveActed) {
  for (const std::uint32_t gone : {0x0A000023U, 0x0A00000FU}) {
    EXPECT_EQ(sar_error(gone, Effect::reads, "F").code, Errc::device_gone);
    EXPECT_EQ(sar_error(gone, Effect::acts, "F").code, Errc::outcome_unknown);
  }
  EXPECT_EQ(sar_error(0x0A00002D, Effect::acts, "F").id, "key.reset") << "a lost login is taken up again";
}

TEST(SkfAnswers, ThatNobodyKnowsAreRefusalsThatNameTheCode) {
  const Error error = sar_error(0x0B000035, Effect::acts, "SKF_ECCSignData");
  EXPECT_EQ(error.id, "key.card_refused");
  EXPECT_EQ(error.wanted, "0x0b000035");
  EXPECT_EQ(error.code, Errc::rejected);
}

TEST(SkfAnswers, AboutThePinAreNeverReadMoreKindlyThanTheySound) {
  EXPECT_EQ(sar_error(kPinIncorrect, Effect::acts, "F").id, "key.pin_wrong");
  EXPECT_EQ(sar_error(kPinInvalid, Effect::acts, "F").id, "key.pin_wrong");
  EXPECT_EQ(sar_error(kPinLocked, Effect::acts, "F").id, "key.locked");
}

TEST(SkfAnswers, HaveASentenceEach) {
  for (std::uint32_t sar = 0x0A000001; sar < 0x0A000040; ++sar)
    for (const Effect effect : {Effect::reads, Effect::acts})
      EXPECT_NE(find_message(sar_error(sar, effect, "F").id), nullptr) << sar;
}

TEST(SkfReaders, AreNamedInOneLineWhateverTheVendorCallsThem) {
  EXPECT_EQ(reader_name("/usr/lib/v/libskf.so", "ES3003 VCR 1"), "SKF libskf.so ES3003 VCR 1");
  EXPECT_EQ(reader_name("/usr/lib/v/libskf.so", "a\nb"), "SKF libskf.so a%0Ab");
  EXPECT_EQ(reader_name("/usr/lib/v/libskf.so", "\xC7\xAE\xB8"), "SKF libskf.so %C7%AE%B8");
}

}  // namespace
}  // namespace taxgate::skf
