// The caller's own confirmation form in the bureau's field names (rules.md B.6), read into our document. It is checked
// like any derived one: nothing in it is trusted.
#include <fmt/format.h>

#include "daemon/pipeline/intake.h"
#include "daemon/rules/rules.h"

namespace taxgate::pipeline {

std::expected<RedDocument, Findings> document_of(api::v1::PlatformForm& form, const Invoice& blue,
                                                 bool allow_invented) {
  Findings findings;
  const auto take = [&](auto parsed, auto& into) {
    if (parsed)
      into = *parsed;
    else
      findings.push_back(parsed.error());
  };
  RedDocument red;
  red.track = Track::confirmation_form;
  if (form.lrfsf() == "1")
    red.initiator = Side::buyer;
  else if (form.lrfsf() != "0")
    findings.push_back({Errc::invalid_input, "form.code", "platform_form.lrfsf", form.lrfsf(), "0, 1", {}});
  red.blue_number = form.lzfpdm().empty() ? std::move(*form.mutable_lzfphm()) : form.lzfpdm() + form.lzfphm();
  red.blue_type = blue.type;
  red.blue_issued_at = blue.issued_at;
  // An absent text is not asked for to be changed: the message would make one, on memory of this thread.
  if (!form.lzfptdyslxdm().empty()) red.element = std::move(*form.mutable_lzfptdyslxdm());
  red.seller = {std::move(*form.mutable_xsfnsrsbh()), std::move(*form.mutable_xsfmc())};
  red.buyer = {std::move(*form.mutable_gmfnsrsbh()), std::move(*form.mutable_gmfmc())};
  if (auto ok = check_taxpayer_id(red.seller.id, "platform_form.xsfnsrsbh", allow_invented); !ok)
    findings.push_back(ok.error());
  if (!red.buyer.id.empty())
    if (auto ok = check_taxpayer_id(red.buyer.id, "platform_form.gmfnsrsbh", allow_invented); !ok)
      findings.push_back(ok.error());
  const auto same = [&](const std::string& given, const std::string& known, const char* field) {
    if (given != known) findings.push_back({Errc::invalid_input, "form.differs_from_blue", field, given, known, {}});
  };
  same(red.seller.name, blue.seller.name, "platform_form.xsfmc");
  same(red.buyer.id, blue.buyer.id, "platform_form.gmfnsrsbh");
  same(red.buyer.name, blue.buyer.name, "platform_form.gmfmc");
  take(Fen::parse(form.lzhjje(), "platform_form.lzhjje"), red.blue_amount);
  take(Fen::parse(form.lzhjse(), "platform_form.lzhjse"), red.blue_tax);
  take(Fen::parse(form.hzcxje(), "platform_form.hzcxje"), red.amount);
  take(Fen::parse(form.hzcxse(), "platform_form.hzcxse"), red.tax);
  take(parse_reason(form.chyydm(), "platform_form.chyyDm"), red.reason);
  if (red.blue_amount != blue.amount)
    findings.push_back({Errc::invalid_input,
                        "form.differs_from_blue",
                        "platform_form.lzhjje",
                        red.blue_amount.text(),
                        blue.amount.text(),
                        {}});
  if (red.blue_tax != blue.tax)
    findings.push_back({Errc::invalid_input,
                        "form.differs_from_blue",
                        "platform_form.lzhjse",
                        red.blue_tax.text(),
                        blue.tax.text(),
                        {}});
  red.lines.reserve(static_cast<std::size_t>(form.hzqrdmxlist_size()));
  for (int i = 0; i < form.hzqrdmxlist_size(); ++i) {
    auto& row = *form.mutable_hzqrdmxlist(i);
    const auto take_at = [&](const char* field, auto parsed, auto& into) {
      if (!parsed) parsed.error().field = fmt::format("platform_form.hzqrdmxList[{}].{}", i, field);
      take(std::move(parsed), into);
    };
    RedLine& line = red.lines.emplace_back();
    Decimal number;
    take_at("lzmxxh", Decimal::parse(row.lzmxxh()), number);
    line.blue_line = std::atoi(number.text().c_str());
    line.tax_code = std::move(*row.mutable_sphfwssflhbbm());
    line.name = std::move(*row.mutable_hwhyslwfwmc());
    line.spec = std::move(*row.mutable_ggxh());
    line.unit = std::move(*row.mutable_dw());
    if (!row.fpspdj().empty()) take_at("fpspdj", Decimal::parse(row.fpspdj()), line.price);
    if (!row.fpspsl().empty()) take_at("fpspsl", Decimal::parse(row.fpspsl()), line.quantity);
    take_at("je", Fen::parse(row.je()), line.amount);
    take_at("sl1", Decimal::parse(row.sl1()), line.rate);
    take_at("se", Fen::parse(row.se()), line.tax);
    for (const auto& known : blue.lines)
      if (known.number == line.blue_line) line.preference = known.preference;
  }
  if (!findings.empty()) return std::unexpected(std::move(findings));
  return red;
}

}  // namespace taxgate::pipeline
