#include "protocol/identifiers.h"

#include <algorithm>
#include <array>

#include "protocol/legal_time.h"
#include "protocol/text.h"

namespace taxgate {
namespace {

// GB 32100-2015 table 2: no I, O, S, V, Z. The position in this text is the character's value.
constexpr std::string_view kCreditAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
constexpr std::array kCreditWeights{1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28};
constexpr std::array kOrganisationWeights{3, 7, 9, 10, 5, 8, 4, 2};  // GB 11714

bool decimal_digit(char c) { return c >= '0' && c <= '9'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool all_digits(std::string_view s) { return std::ranges::all_of(s, decimal_digit); }
bool in_credit_alphabet(char c) { return kCreditAlphabet.contains(c); }

std::unexpected<Error> bad(std::string_view id, std::string_view field, std::string wanted = {},
                           std::string left = {}) {
  return fail(Errc::invalid_input, std::string(id), std::string(field), std::move(wanted), std::move(left));
}

/// Two digits of month (and day) as written inside numbers; years of two digits are all possible.
bool is_month(std::string_view mm) { return mm >= "01" && mm <= "12"; }
bool is_date(std::string_view yyyymmdd) {
  const std::string text = std::string(yyyymmdd.substr(0, 4)) + "-" + std::string(yyyymmdd.substr(4, 2)) + "-" +
                           std::string(yyyymmdd.substr(6, 2));
  return LegalTime::parse(text).has_value();
}

/// 18 characters of a citizen's identity card: 6 digits of region, birth date, 3 digits, digit or X. By form only.
bool has_identity_card_form(std::string_view id) {
  if (id.size() != 18 || !all_digits(id.substr(0, 17)) || !(decimal_digit(id[17]) || id[17] == 'X')) return false;
  if (id[0] < '1' || id[0] > '8') return false;  // provinces 11..65, 71, 81..83; 91 begins a credit code
  const std::string_view century = id.substr(6, 2);
  if (century != "19" && century != "20") return false;
  // LegalTime knows years from 1970; a birth year before is checked through the year 28·k later, which has its
  // calendar.
  std::string birth(id.substr(6, 8));
  if (century == "19" && birth < "1970") {
    const int year = (birth[2] - '0') * 10 + (birth[3] - '0');
    const std::string leap = (year % 4 == 0 && year != 0) ? "2000" : "2001";
    birth.replace(0, 4, leap);
  }
  return is_date(birth);
}

bool is_invented(std::string_view id) {
  const bool credit = id.size() == 18 && !has_identity_card_form(id);
  const std::string_view province = credit ? id.substr(2, 2) : id.substr(0, 2);
  const std::string_view organisation = credit            ? id.substr(8, 4)
                                        : id.size() == 15 ? id.substr(6, 4)
                                                          : std::string_view{};
  return province == "99" || organisation == "TGDM";
}

Result<void> check_credit_code(std::string_view id, std::string_view field) {
  if (!std::ranges::all_of(id, in_credit_alphabet) || !all_digits(id.substr(2, 6)))
    return bad("id.taxpayer_charset", field, {}, "0-9, A-H, J-N, P-R, T, U, W-Y");
  const char check = credit_code_check(id.substr(0, 17));
  if (id[17] != check) return bad("id.taxpayer_check", field, std::string(1, id[17]), std::string(1, check));
  const char organisation = organisation_check(id.substr(8, 8));
  if (id[16] != organisation)
    return bad("id.taxpayer_org_check", field, std::string(1, id[16]), std::string(1, organisation));
  return {};
}

}  // namespace

char organisation_check(std::string_view first8) {
  int sum = 0;
  for (std::size_t i = 0; i < kOrganisationWeights.size() && i < first8.size(); ++i) {
    const char c = first8[i];
    sum += kOrganisationWeights[i] * (decimal_digit(c) ? c - '0' : c - 'A' + 10);
  }
  const int check = 11 - ((sum % 11) + 11) % 11;
  return check == 10 ? 'X' : check == 11 ? '0' : static_cast<char>('0' + check);
}

char credit_code_check(std::string_view first17) {
  int sum = 0;
  for (std::size_t i = 0; i < kCreditWeights.size() && i < first17.size(); ++i) {
    const auto value = kCreditAlphabet.find(first17[i]);
    if (value != std::string_view::npos) sum += kCreditWeights[i] * static_cast<int>(value);
  }
  return kCreditAlphabet[static_cast<std::size_t>((31 - sum % 31) % 31)];
}

Result<void> check_taxpayer_id(std::string_view id, std::string_view field, bool allow_invented) {
  if (id.size() != 15 && id.size() != 17 && id.size() != 18 && id.size() != 20)
    return bad("id.taxpayer_length", field, std::to_string(id.size()), "18 (15, 17, 20)");
  if (!std::ranges::all_of(id, [](char c) { return decimal_digit(c) || is_upper(c); }))
    return bad("id.taxpayer_charset", field, {}, "0-9, A-Z");
  if (id.size() == 18) {
    const auto credit = check_credit_code(id, field);
    if (!credit && !has_identity_card_form(id)) return credit;
  } else if (id.size() == 20) {
    if (!has_identity_card_form(id.substr(0, 18)) || !all_digits(id.substr(18)))
      return bad("id.taxpayer_charset", field, {}, "identity card number and 2 digits");
  } else if (!all_digits(id.size() == 17 ? id : id.substr(0, 6))) {
    // 17: an identity card of 15 digits and 2 more, so a credit code that lost a character does not pass for one.
    return bad("id.taxpayer_charset", field, {}, "digits");
  }
  if (!allow_invented && is_invented(id)) return bad("id.taxpayer_invented", field);
  return {};
}

Result<InvoiceClass> invoice_class(std::string_view fplx, std::string_view field) {
  constexpr std::array<std::string_view, 9> sk{"01", "02", "03", "04", "08", "10", "11", "14", "15"};
  constexpr std::array<std::string_view, 6> sd{"51", "61", "81", "82", "83", "84"};
  constexpr std::array<std::string_view, 4> sdp{"85", "86", "87", "88"};
  const auto among = [&](const auto& set) { return std::ranges::find(set, fplx) != set.end(); };
  if (among(sk)) return InvoiceClass::sk;
  if (among(sd)) return InvoiceClass::sd;
  if (among(sdp)) return InvoiceClass::sdp;
  return bad("id.invoice_type", field, shown(fplx));
}

Result<std::string> canonical_invoice_number(std::string_view fpdm, std::string_view fphm, InvoiceClass cls,
                                             std::string_view field) {
  if (!all_digits(fphm) || !all_digits(fpdm)) return bad("id.invoice_number_digits", field);
  const auto length = [&](std::string left) {
    return bad("id.invoice_number_length", field, std::to_string(fphm.size()), std::move(left));
  };
  if (cls != InvoiceClass::sk) {
    // A paper invoice of the all-digital system (SDP) has a code and number besides; neither is derived from the other.
    if (fphm.size() != 20) return length("20");
    if (cls == InvoiceClass::sd && !fpdm.empty()) return bad("id.invoice_number_code", field, shown(fpdm));
    return std::string(fphm);
  }
  if (fpdm.empty()) {
    if (fphm.size() != 18 && fphm.size() != 20) return length("18, 20");
    fpdm = fphm.substr(0, fphm.size() - 8);
  } else if (fphm.size() == fpdm.size() + 8 && fphm.starts_with(fpdm)) {
    // already joined
  } else if (fphm.empty() || fphm.size() > 8) {
    return length("1 to 8");
  }
  // Special invoices have ten digits of code; the others twelve, which start with 0 (and so never look like an
  // all-digital number, which starts with its year).
  const bool code_ok = fpdm.size() == 10 || (fpdm.size() == 12 && fpdm[0] == '0');
  if (!code_ok) return bad("id.invoice_number_code", field, shown(fpdm), "10, 12 (0…)");
  const std::string_view number = fphm.size() > 8 ? fphm.substr(fphm.size() - 8) : fphm;
  return std::string(fpdm) + std::string(8 - number.size(), '0') + std::string(number);
}

Result<void> check_canonical_number(std::string_view number, std::string_view field) {
  if (!all_digits(number)) return bad("id.invoice_number_digits", field);
  if (number.size() != 18 && number.size() != 20)
    return bad("id.invoice_number_length", field, std::to_string(number.size()), "18, 20");
  return {};
}

char table_number_check(std::string_view first15) {
  int sum = 0;
  for (const char c : first15.substr(0, 15)) sum += decimal_digit(c) ? c - '0' : 0;
  return static_cast<char>('0' + sum % 10);
}

Result<void> check_table_number(std::string_view number, std::string_view field) {
  const bool form = number.size() == 16 && all_digits(number) && is_month(number.substr(8, 2));
  if (!form || table_number_check(number.substr(0, 15)) != number[15])
    return bad("id.table_number", field, shown(number));
  return {};
}

Result<void> check_request_number(std::string_view number, std::string_view field) {
  bool ok = number.size() == 24 && all_digits(number);
  if (ok) {
    const std::string_view t = number.substr(12);
    ok = is_date("20" + std::string(t.substr(0, 6))) && t.substr(6, 2) < "24" && t.substr(8, 2) < "60" &&
         t.substr(10, 2) < "60";
  }
  if (!ok) return bad("id.request_number", field, shown(number));
  return {};
}

std::string masked_id(std::string_view id) {
  constexpr std::size_t kShown = 4;  // at each end; a shorter id would show more than it hides
  if (id.size() < 3 * kShown) return id.empty() ? std::string() : std::string("****");
  return std::string(id.substr(0, kShown)) + "****" + std::string(id.substr(id.size() - kShown));
}

std::string masked_name(std::string_view name) {
  if (name.empty()) return {};
  const auto lead = static_cast<unsigned char>(name[0]);
  const std::size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 0;
  if (length == 0 || length > name.size()) return "*";
  return std::string(name.substr(0, length)) + "*";
}

}  // namespace taxgate
