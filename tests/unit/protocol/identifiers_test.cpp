#include "protocol/identifiers.h"

#include <gtest/gtest.h>

#include "tests/unit/protocol/seeded.h"

namespace taxgate {
namespace {

std::string verdict(const Result<void>& result) {
  if (result) return "ok";
  EXPECT_EQ(result.error().code, Errc::invalid_input);
  EXPECT_EQ(result.error().field, "f");
  return result.error().id;
}
std::string taxpayer(std::string_view id, bool allow_invented = true) {
  return verdict(check_taxpayer_id(id, "f", allow_invented));
}

// Numbers of rules.md B.7, public samples and synthetic ones: for check digits only.
TEST(TaxpayerId, AcceptsCodesWhoseTwoCheckCharactersHold) {
  for (const char* id :
       {"91350100M000100Y43", "91110108769914581E", "91320106598035469W", "91110000123456788M", "91440300876543210T"})
    EXPECT_EQ(taxpayer(id), "ok") << id;
}

TEST(TaxpayerId, RefusesAWrongCheckCharacterAndNamesTheRightOne) {
  EXPECT_EQ(taxpayer("91350100M000100Y44"), "id.taxpayer_check");
  const auto refused = check_taxpayer_id("91350100M000100Y44", "f", false);
  EXPECT_EQ(refused.error().wanted, "4");
  EXPECT_EQ(refused.error().left, "3");
  EXPECT_NE(taxpayer("91500105MAC35KKR6G"), "ok");
}

TEST(TaxpayerId, RefusesAWrongOrganisationCodeUnderARightOuterCheck) {
  std::string id = "91350100M000100Y4";
  id[16] = '5';
  id.push_back(credit_code_check(id));
  EXPECT_EQ(taxpayer(id), "id.taxpayer_org_check");
}

TEST(TaxpayerId, FindsEverySingleCharacterMistake) {
  const std::string good = "91350100M000100Y43";
  constexpr std::string_view alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (std::size_t at = 0; at < good.size(); ++at)
    for (const char c : alphabet) {
      std::string id = good;
      id[at] = c;
      EXPECT_EQ(taxpayer(id) == "ok", c == good[at]) << id;
    }
}

TEST(TaxpayerId, KnowsTheLengthsAndCharactersOfOlderNumbers) {
  EXPECT_EQ(taxpayer("310115M000100Y4"), "ok");     // 15: region and organisation code
  EXPECT_EQ(taxpayer("31011512345678901"), "ok");   // 17
  EXPECT_EQ(taxpayer("110101199003074514"), "ok");  // an identity card number, by form
  EXPECT_NE(taxpayer("11010119000229451X"), "ok");  // 1900 had no 29 February: no card, and no code
  EXPECT_EQ(taxpayer("11010119480229451X"), "ok");
  EXPECT_EQ(taxpayer("11010119900307451401"), "ok");  // 20: with two more digits
  EXPECT_EQ(taxpayer("1101011990030745140A"), "id.taxpayer_charset");
  for (const char* id : {"", "9", "91350100M000100Y4", "91350100M000100Y433"}) EXPECT_NE(taxpayer(id), "ok") << id;
  EXPECT_EQ(taxpayer("9135"), "id.taxpayer_length");
  EXPECT_EQ(taxpayer("91350100m000100y43"), "id.taxpayer_charset");
  EXPECT_EQ(taxpayer("9135010OM000100Y43"), "id.taxpayer_charset");  // the letter O for a zero
  EXPECT_EQ(taxpayer(std::string("91350100M000100Y4\0", 18)), "id.taxpayer_charset");
}

TEST(TaxpayerId, KeepsInventedIdentitiesToTheSimulator) {
  for (const char* id : {"91310115TGDM00011U", "92440305TGDM00089N", "91370211TGDM00265W"}) {
    EXPECT_EQ(taxpayer(id, true), "ok") << id;
    EXPECT_EQ(taxpayer(id, false), "id.taxpayer_invented") << id;
  }
  std::string province = "91990000";
  province += "00000000";
  province.push_back(organisation_check(province.substr(8)));
  province.push_back(credit_code_check(province));
  EXPECT_EQ(taxpayer(province, true), "ok");
  EXPECT_EQ(taxpayer(province, false), "id.taxpayer_invented");
  EXPECT_EQ(taxpayer("91350100M000100Y43", false), "ok");
}

TEST(TaxpayerId, OfTheSampleInvoicesAllHold) {
  for (const char* id : {"91420106TGDM00214A", "91340200TGDM0002XD", "91500112TGDM002229", "91320106TGDM00038N",
                         "91320104TGDM00230C", "91330106TGDM00046M", "91330110TGDM002493", "91110108TGDM00054P",
                         "91310112TGDM00257J", "91370202TGDM000627", "91510104TGDM00070E", "91510107TGDM00273E",
                         "91320214TGDM00097H", "91320213TGDM0029XJ", "91350203TGDM0010XG", "91350206TGDM00302K"})
    EXPECT_EQ(taxpayer(id), "ok") << id;
}

TEST(InvoiceType, MapsToWhereTheInvoiceLives) {
  for (const char* t : {"01", "02", "03", "04", "08", "10", "11", "14", "15"})
    EXPECT_EQ(invoice_class(t), InvoiceClass::sk) << t;
  for (const char* t : {"51", "61", "81", "82", "83", "84"}) EXPECT_EQ(invoice_class(t), InvoiceClass::sd) << t;
  for (const char* t : {"85", "86", "87", "88"}) EXPECT_EQ(invoice_class(t), InvoiceClass::sdp) << t;
  for (const char* t : {"", "1", "5", "80", "89", "001", "数电"}) {
    ASSERT_FALSE(invoice_class(t, "type")) << t;
    EXPECT_EQ(invoice_class(t, "type").error().id, "id.invoice_type");
  }
}

std::string number(std::string_view code, std::string_view digits, InvoiceClass cls) {
  const auto result = canonical_invoice_number(code, digits, cls, "f");
  return result ? *result : result.error().id;
}

TEST(InvoiceNumber, OfTheAllDigitalTrackHasTwentyDigitsAndNoCode) {
  EXPECT_EQ(number("", "26117000001134616865", InvoiceClass::sd), "26117000001134616865");
  EXPECT_EQ(number("", "2611700000113461686", InvoiceClass::sd), "id.invoice_number_length");
  EXPECT_EQ(number("", "2611700000113461686A", InvoiceClass::sd), "id.invoice_number_digits");
  EXPECT_EQ(number("011002100112", "26117000001134616865", InvoiceClass::sd), "id.invoice_number_code");
  EXPECT_EQ(number("011002100112", "26117000001134616865", InvoiceClass::sdp), "26117000001134616865");
  EXPECT_EQ(number("011002100112", "12345678", InvoiceClass::sdp), "id.invoice_number_length");  // none is derived
}

TEST(InvoiceNumber, OfATaxDeviceIsCodeAndEightDigits) {
  EXPECT_EQ(number("9900241130", "00000009", InvoiceClass::sk), "990024113000000009");
  EXPECT_EQ(number("9900241130", "9", InvoiceClass::sk), "990024113000000009");
  EXPECT_EQ(number("", "990024113000000009", InvoiceClass::sk), "990024113000000009");
  EXPECT_EQ(number("9900241130", "990024113000000009", InvoiceClass::sk), "990024113000000009");
  EXPECT_EQ(number("011002100112", "12345678", InvoiceClass::sk), "01100210011212345678");
  EXPECT_EQ(number("111002100112", "12345678", InvoiceClass::sk), "id.invoice_number_code");
  EXPECT_EQ(number("99002411", "12345678", InvoiceClass::sk), "id.invoice_number_code");
  EXPECT_EQ(number("", "12345678", InvoiceClass::sk), "id.invoice_number_length");
  EXPECT_EQ(number("9900241130", "", InvoiceClass::sk), "id.invoice_number_length");
  EXPECT_EQ(number("9900241130", "123456789", InvoiceClass::sk), "id.invoice_number_length");
  EXPECT_EQ(number("", "26117000001134616865", InvoiceClass::sk), "id.invoice_number_code");  // an all-digital number
}

TEST(InvoiceNumber, InCanonicalFormHasEighteenOrTwentyDigits) {
  EXPECT_EQ(verdict(check_canonical_number("990024113000000009", "f")), "ok");
  EXPECT_EQ(verdict(check_canonical_number("26117000001134616865", "f")), "ok");
  EXPECT_EQ(verdict(check_canonical_number("2611700000113461686", "f")), "id.invoice_number_length");
  EXPECT_EQ(verdict(check_canonical_number("2611700000113461686 ", "f")), "id.invoice_number_digits");
  EXPECT_EQ(verdict(check_canonical_number("", "f")), "id.invoice_number_length");
}

TEST(TableNumber, CarriesItsMonthAndACheckDigit) {
  for (const char* n :
       {"4403042206162251", "4403042206198902", "3201252012000783", "1403011904000362", "9900002611000097"})
    EXPECT_EQ(verdict(check_table_number(n, "f")), "ok") << n;
  for (const char* n :
       {"4403042206162252", "440304220616225", "44030422061622511", "440304221316225A", "", "440304220016225X"})
    EXPECT_EQ(verdict(check_table_number(n, "f")), "id.table_number") << n;
  std::string month13 = "440304221316225";
  month13.push_back(table_number_check(month13));
  EXPECT_EQ(verdict(check_table_number(month13, "f")), "id.table_number");
}

TEST(RequestNumber, IsADeviceAndASecond) {
  EXPECT_EQ(verdict(check_request_number("661234567890261122101952", "f")), "ok");
  for (const char* n : {"661234567890261322101952", "661234567890260230101952", "661234567890261122241952",
                        "661234567890261122106052", "66123456789026112210195", "66123456789A261122101952", ""})
    EXPECT_EQ(verdict(check_request_number(n, "f")), "id.request_number") << n;
}

TEST(Masking, ShowsEnoughToRecogniseAndNotToCopy) {
  EXPECT_EQ(masked_id("91310115TGDM00011U"), "9131****011U");
  EXPECT_EQ(masked_id("12345678"), "****");
  EXPECT_EQ(masked_id(""), "");
  EXPECT_EQ(masked_name("张三"), "张*");
  EXPECT_EQ(masked_name("A"), "A*");
  EXPECT_EQ(masked_name(""), "");
  EXPECT_EQ(masked_name("\xFF\xFE"), "*");
  EXPECT_EQ(masked_name("\xE5"), "*");
}

TEST(Identifiers, AreTotalOnAnyBytes) {
  auto random = test::seeded();
  for (int i = 0; i < 20'000; ++i) {
    const std::string a =
        test::below(random, 2) == 0 ? test::random_bytes(random, 26) : test::damaged(random, "91350100M000100Y43");
    const std::string b = test::damaged(random, "990024113000000009");
    (void)check_taxpayer_id(a, "f", false);
    (void)check_table_number(a, "f");
    (void)check_request_number(a, "f");
    (void)masked_id(a);
    (void)masked_name(a);
    for (const InvoiceClass cls : {InvoiceClass::sk, InvoiceClass::sd, InvoiceClass::sdp}) {
      const auto canonical = canonical_invoice_number(a, b, cls);
      if (canonical) ASSERT_TRUE(check_canonical_number(*canonical));
      const auto alone = canonical_invoice_number("", b, cls);
      if (alone) ASSERT_EQ(canonical_invoice_number("", *alone, cls), *alone);
    }
  }
}

}  // namespace
}  // namespace taxgate
