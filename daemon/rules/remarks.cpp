#include "daemon/rules/remarks.h"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/rules/codes.h"

namespace taxgate::rules {
namespace {

constexpr std::size_t kBareNumber = 8;  // an SK number is code + eight digits

Result<std::string> of_the_device(const RedDocument& red, std::string_view number, const CodeTables& tables) {
  if (needs_no_table(red.blue_type, tables)) {
    const std::string_view whole = red.blue_number;
    const std::size_t code = whole.size() - std::min(kBareNumber, whole.size());
    return fmt::format("对应正数发票代码:{}号码:{}", whole.substr(0, code), whole.substr(code));
  }
  if (auto ok = check_table_number(number, "table_number"); !ok)
    return fail(Errc::invalid_input, "R25.table_needed", "table_number", std::string(number));
  return fmt::format("开具红字增值税专用发票信息表编号{}", number);
}

std::size_t characters(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::ranges::count_if(utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace

Result<std::string> remarks(const RedDocument& red, std::string_view number, IssuedBy by, const CodeTables& tables) {
  if (red.track == Track::information_table) return of_the_device(red, number, tables);
  if (by == IssuedBy::web) return std::string{};
  if (number.empty()) return fail(Errc::invalid_input, "B7.number", "form_number");
  std::string out = fmt::format("被红冲蓝字数电发票号码：{} 红字发票信息确认单编号：{}", red.blue_number, number);
  if (by == IssuedBy::direct && characters(out) > static_cast<std::size_t>(tables.remark_characters))
    return fail(Errc::invalid_input, "B7.remark_long", "remarks", std::to_string(characters(out)),
                std::to_string(tables.remark_characters));
  return out;
}

Treatment treatment(const Decimal& rate, std::string_view preference) {
  if (preference == "03") return Treatment::exempt;     // yhzcbs 免税
  if (preference == "04") return Treatment::not_taxed;  // yhzcbs 不征税
  return rate.is_zero() ? Treatment::zero_rated : Treatment::taxed;
}

std::string_view term(Treatment treatment, bool chinese) {
  if (treatment == Treatment::zero_rated) return chinese ? "零税率" : "zero rate";
  if (treatment == Treatment::exempt) return chinese ? "免税" : "exempt";
  if (treatment == Treatment::not_taxed) return chinese ? "不征税" : "not taxed";
  return chinese ? "应税" : "taxed";
}

}  // namespace taxgate::rules
