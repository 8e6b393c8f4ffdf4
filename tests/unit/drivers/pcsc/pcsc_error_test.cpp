// What a PC/SC return code tells about the card, and what it does not.
#include "drivers/pcsc/pcsc_error.h"

#include <gtest/gtest.h>
#include <winscard.h>

namespace taxgate::pcsc {
namespace {

TEST(PcscErrors, SeparateACommandThatNeverLeftFromOneWithoutAnAnswer) {
  EXPECT_EQ(error_of(SCARD_W_REMOVED_CARD, Phase::transmit, "t").code, Errc::device_gone);
  EXPECT_EQ(error_of(SCARD_E_NOT_TRANSACTED, Phase::transmit, "t").code, Errc::outcome_unknown);
  EXPECT_EQ(error_of(SCARD_E_NO_SERVICE, Phase::transmit, "t").code, Errc::outcome_unknown);
  EXPECT_EQ(error_of(SCARD_F_COMM_ERROR, Phase::transmit, "t").code, Errc::outcome_unknown);
  EXPECT_EQ(error_of(SCARD_E_NOT_TRANSACTED, Phase::before, "c").code, Errc::device_gone);
  EXPECT_EQ(error_of(SCARD_E_NO_SERVICE, Phase::before, "c").id, "pcsc.no_service");
  EXPECT_EQ(error_of(SCARD_W_RESET_CARD, Phase::transmit, "t").id, "key.reset");
  EXPECT_EQ(error_of(SCARD_E_SHARING_VIOLATION, Phase::before, "c").id, "key.reader_busy");
}

TEST(PcscErrors, TakeAnUnlistedCodeForTheWorseCaseOfItsPhase) {
  EXPECT_EQ(error_of(0x12345678, Phase::before, "c").code, Errc::retry_later);
  EXPECT_EQ(error_of(0x12345678, Phase::transmit, "t").code, Errc::outcome_unknown);
  EXPECT_NE(error_of(0x12345678, Phase::transmit, "t").detail.find("0x12345678"), std::string::npos);
}

TEST(PcscErrors, DoNotDependOnTheUpperHalfOfTheCode) {
  // LONG has 64 bits with pcsclite; some callers sign-extend.
  EXPECT_EQ(error_of(static_cast<long>(0xFFFFFFFF80100069), Phase::transmit, "t").id, "key.gone");
}

}  // namespace
}  // namespace taxgate::pcsc
