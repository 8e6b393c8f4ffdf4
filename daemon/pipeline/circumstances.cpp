#include "daemon/pipeline/circumstances.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/text.h"

namespace taxgate::pipeline {
namespace {

using rules::Finding;
using rules::Severity;

constexpr std::size_t kMaxKind = 64;       // characters of a kind: a word of the tables file
constexpr std::size_t kDigestDigits = 64;  // SHA-256 and SM3 alike

bool listed(const rules::Codes& codes, std::string_view code) { return std::ranges::find(codes, code) != codes.end(); }

/// Reads what was declared; every complaint names its field.
class Reading {
 public:
  explicit Reading(Findings& findings) : findings_(findings) {}
  void refuse(std::string id, std::string field, std::string wanted = {}, std::string left = {}) {
    findings_.push_back({Errc::invalid_input, std::move(id), std::move(field), shown(wanted), std::move(left), {}});
  }
  std::string words(std::string_view name, const std::string& value) {
    if (utf8_length(value) > kMaxWords || std::ranges::any_of(value, [](unsigned char c) { return c < 0x20; }))
      refuse("circumstances.text", path(name), {}, std::to_string(kMaxWords));
    return value;
  }
  std::optional<bool> yes_no(std::string_view name, const std::string& value) {
    if (value.empty()) return std::nullopt;
    if (value != "yes" && value != "no") refuse("circumstances.yes_no", path(name), value, "yes, no");
    return value == "yes";
  }
  std::optional<std::string> name(std::string_view field, const std::string& value) {
    return value.empty() ? std::nullopt : std::optional(words(field, value));
  }
  template <class T>
  std::optional<T> number(std::string_view name, const std::string& value) {
    if (value.empty()) return std::nullopt;
    auto parsed = T::parse(value, path(name));
    if (parsed) return *parsed;
    findings_.push_back(parsed.error());
    return std::nullopt;
  }
  static std::string path(std::string_view name) { return "circumstances." + std::string(name); }

 private:
  Findings& findings_;
};

std::vector<rules::Evidence> read_evidence(const api::v1::SubmissionRequest& request, Reading& in) {
  std::vector<rules::Evidence> out;
  if (request.evidence_size() > kMaxEvidence) {
    in.refuse("evidence.too_many", "evidence", std::to_string(request.evidence_size()), std::to_string(kMaxEvidence));
    return out;
  }
  const auto plain = [](const std::string& text, std::size_t most) {
    return utf8_length(text) <= most &&
           std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c == 127; });
  };
  for (int i = 0; i < request.evidence_size(); ++i) {
    const auto& paper = request.evidence(i);
    const std::string at = fmt::format("evidence[{}].", i);
    if (paper.kind().empty() || !plain(paper.kind(), kMaxKind))
      in.refuse("evidence.kind", at + "kind", {}, std::to_string(kMaxKind));
    if (paper.hash().size() != kDigestDigits ||
        !std::ranges::all_of(paper.hash(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }))
      in.refuse("evidence.hash", at + "hash", paper.hash(), std::to_string(kDigestDigits));
    if (!plain(paper.name(), kMaxWords)) in.refuse("evidence.name", at + "name", {}, std::to_string(kMaxWords));
    if (const auto& a = paper.algorithm(); !a.empty() && a != "sha256" && a != "sm3")
      in.refuse("evidence.algorithm", at + "algorithm", a, "sha256, sm3");
    out.push_back({paper.kind(), paper.hash()});
  }
  return out;
}

/// Compares what was declared with what is known, which counts.
class Comparing {
 public:
  explicit Comparing(std::vector<Finding>& differences) : differences_(differences) {}
  void differs(Severity severity, std::string field, const std::string& declared, const std::string& known) {
    const bool other = severity == Severity::refuse;
    differences_.push_back({{Errc::invalid_input,
                             other ? "known.other_invoice" : "known.differs",
                             std::move(field),
                             shown(declared),
                             known,
                             {}},
                            severity});
  }
  /// The known code, when there is one; a declared one that differs is told.
  std::string code(std::string_view name, const std::string& declared, const std::string& known) {
    if (!declared.empty() && !known.empty() && declared != known)
      differs(Severity::warn, Reading::path(name), declared, known);
    return known.empty() ? declared : known;
  }
  void yes_no(std::string_view name, std::optional<bool> declared, bool known_yes, bool known_no,
              const std::string& known) {
    if (declared && (*declared ? known_no : known_yes))
      differs(Severity::warn, Reading::path(name), *declared ? "yes" : "no", known);
  }

 private:
  std::vector<Finding>& differences_;
};

/// The request's own copy of an invoice the ledger has: facts that differ mean another invoice than the caller has in
/// mind; a status that differs is old news.
void compare_blue(const api::v1::Invoice& declared, const Invoice& known, Comparing& compare) {
  const auto fact = [&](const char* field, const std::string& text, bool same, const std::string& is) {
    if (!text.empty() && !same) compare.differs(Severity::refuse, std::string("blue.") + field, text, is);
  };
  const auto status = [&](const char* field, const std::string& text, const std::string& is) {
    if (!text.empty() && !is.empty() && text != is)
      compare.differs(Severity::warn, std::string("blue.") + field, text, is);
  };
  const auto money = [](const std::string& text, Fen is) {
    const auto parsed = Fen::parse(text);
    return parsed && *parsed == is;
  };
  const auto issued = LegalTime::parse(declared.issued_at());
  fact("type", declared.type(), declared.type() == known.type, known.type);
  fact("issued_at", declared.issued_at(), issued && *issued == known.issued_at, known.issued_at.rfc3339());
  fact("amount", declared.amount(), money(declared.amount(), known.amount), known.amount.text());
  fact("tax", declared.tax(), money(declared.tax(), known.tax), known.tax.text());
  const auto& buyer = declared.buyer().id();
  if (!buyer.empty() && buyer != known.buyer.id)  // perhaps a natural person's
    compare.differs(Severity::refuse, "blue.buyer.id", masked_id(buyer), masked_id(known.buyer.id));
  status("use", declared.use(), known.use);
  status("booking", declared.booking(), known.booking);
  status("status", declared.status(), known.status);
}

}  // namespace

std::expected<Known, Findings> known_of(const api::v1::SubmissionRequest& request, const OfBlue& blue,
                                        const TaxpayerSettings& taxpayer, LegalTime now,
                                        const rules::CodeTables& tables) {
  Known out;
  Findings findings;
  Reading in(findings);
  Comparing compare(out.differences);
  const Invoice& invoice = *blue.invoice;
  const auto& declared = request.circumstances();
  const bool as_buyer = request.initiator() == "buyer";
  rules::Circumstances& known = out.circumstances;
  known.today = now;
  // R12 is about the seller; of a counterparty's equipment we know nothing.
  if (!as_buyer) known.seller_kind = taxpayer.kind;
  if (request.evidence_size() > 0) known.evidence = read_evidence(request, in);

  known.counterparty_status = in.words("counterparty_status", declared.counterparty_status());
  known.seller_registered = in.name("seller_registered", declared.seller_registered());
  known.buyer_registered = in.name("buyer_registered", declared.buyer_registered());
  if (declared.labels_size() > kMaxLabels)
    in.refuse("circumstances.labels", "circumstances.labels", std::to_string(declared.labels_size()),
              std::to_string(kMaxLabels));
  for (const auto& label : declared.labels()) known.labels.push_back(in.words("labels", label));
  known.farm_credited = in.number<Fen>("farm_credited", declared.farm_credited());
  known.sheets_returned = in.yes_no("sheets_returned", declared.sheets_returned());
  known.transferred_out = in.yes_no("transferred_out", declared.transferred_out());
  known.export_used = in.yes_no("export_used", declared.export_used());
  known.export_rolled_back = in.yes_no("export_rolled_back", declared.export_rolled_back());
  known.performed = in.number<Decimal>("performed", declared.performed());
  known.customer_class = in.words("customer_class", declared.customer_class());
  known.settlement_cycle = in.words("settlement_cycle", declared.settlement_cycle());
  known.province = in.words("province", declared.province());

  known.voucher_status = compare.code("voucher_status", in.words("voucher_status", declared.voucher_status()),
                                      blue.platform.text(StatusField::abnormal));
  known.farm_use =
      compare.code("farm_use", in.words("farm_use", declared.farm_use()), blue.platform.text(StatusField::agriculture));
  // The alert is about whoever issued the invoice: ours only when we are its seller.
  known.alert = compare.code("alert", in.words("alert", declared.alert()),
                             as_buyer ? std::string() : blue.platform.text(StatusField::risk));

  const auto deducted = in.yes_no("deducted", declared.deducted());
  const auto booked = in.yes_no("booked", declared.booked());
  const bool use_known = !invoice.use.empty(), is_deducted = listed(tables.deducted_use, invoice.use);
  compare.yes_no("deducted", deducted, is_deducted, use_known && !is_deducted, invoice.use);
  compare.yes_no("booked", booked, listed(tables.booked, invoice.booking), listed(tables.unbooked, invoice.booking),
                 invoice.booking);
  const auto told = [&](std::string Invoice::* field, const rules::Codes& codes) {
    if (codes.empty()) return;
    if (!out.blue) out.blue = invoice;
    (*out.blue).*field = codes.front();
  };
  if (invoice.use.empty() && deducted.value_or(false)) told(&Invoice::use, tables.deducted_use);
  if (invoice.booking.empty() && booked) told(&Invoice::booking, *booked ? tables.booked : tables.unbooked);

  if (blue.in_ledger && request.has_blue()) compare_blue(request.blue(), invoice, compare);
  if (listed(tables.partly_red_status, invoice.status) && !blue.has_reds)
    out.differences.push_back(
        {{Errc::invalid_input, "known.reds_missing", "blue_number", invoice.number, {}, {}}, Severity::warn});
  if (!findings.empty()) return std::unexpected(std::move(findings));
  return out;
}

void add(std::vector<Finding> differences, rules::Verdict& verdict) {
  for (Finding& finding : differences) {
    if (finding.severity == Severity::refuse) verdict.answer = rules::Answer::refused;
    auto at = verdict.findings.begin();
    if (at != verdict.findings.end() && at->error.id == "R34.voidable") ++at;  // is said before anything else
    at = std::find_if(at, verdict.findings.end(), [&](const Finding& f) { return f.severity < finding.severity; });
    verdict.findings.insert(at, std::move(finding));
  }
}

Said accepted_detail(const rules::Verdict& verdict, const api::v1::SubmissionRequest& request) {
  std::string approval, noted, papers;
  const auto list = [](std::string& into, const std::string& one) {
    into += into.empty() ? "" : ", ";
    into += one;
  };
  for (const Finding& finding : verdict.findings) {
    if (finding.severity == Severity::needs_approval) list(approval, finding.error.id);
    if (finding.severity == Severity::warn || finding.severity == Severity::note) list(noted, finding.error.id);
  }
  for (const auto& paper : request.evidence())
    list(papers, paper.kind() + " " + (paper.algorithm().empty() ? "sha256" : paper.algorithm()) + ":" + paper.hash());
  Said out;
  if (!approval.empty()) out += said("journal.approval", std::move(approval));
  if (!noted.empty()) out += said("journal.noted", std::move(noted));
  if (!papers.empty()) out += said("journal.evidence", std::move(papers));
  return out;
}

}  // namespace taxgate::pipeline
