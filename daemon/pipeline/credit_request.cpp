#include "daemon/pipeline/credit_request.h"

#include <algorithm>
#include <charconv>

#include "daemon/ledger/credit.h"
#include "daemon/rules/application.h"
#include "daemon/rules/calendar.h"

namespace taxgate::pipeline {
namespace {

constexpr std::int64_t kMaxSheets = 1'000'000;  // of one pick-up; a printing office delivers less
constexpr std::int64_t kMaxCount = 10'000'000;
constexpr int kMaxAttachments = 20;  // of one application, as of one submission

Result<std::int64_t> counted(const std::string& text, std::string_view field, std::int64_t high) {
  std::int64_t n = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (ec != std::errc{} || end != text.data() + text.size() || n < 1 || n > high)
    return std::unexpected(
        credit_error("credit.number", std::string(field), text.substr(0, 32), "1.." + std::to_string(high)));
  return n;
}

/// Reads one request; stops at the first mistake, but an application is told all of its own.
class CreditReading {
 public:
  CreditReading(const api::v1::CreditAdjustRequest& request, LegalTime now,
                const std::vector<store::CreditRecord>& known)
      : r_(request), now_(now), known_(known) {
    for (const store::CreditRecord& record : known)
      if (auto movement = ledger::movement_of(record)) movements_.push_back(*std::move(movement));
  }

  std::expected<store::CreditRecord, api::Findings> run() {
    if (auto read = common(); !read) return std::unexpected(api::Findings{read.error()});
    auto read = !r_.sheets().empty() ? pickup() : !r_.class_().empty() ? grant() : total();
    if (!read) return std::unexpected(api::Findings{read.error()});
    if (!findings_.empty()) return std::unexpected(std::move(findings_));
    return std::move(out_);
  }

 private:
  static std::unexpected<Error> wrong(std::string id, std::string field, std::string wanted, std::string left = {}) {
    return std::unexpected(credit_error(std::move(id), std::move(field), std::move(wanted), std::move(left)));
  }

  Result<void> common() {
    const int kinds = int{!r_.limit().empty()} + int{!r_.class_().empty()} + int{!r_.sheets().empty()};
    if (kinds != 1) return wrong("credit.what", "limit", {}, "limit, class, sheets");
    const bool first =
        std::ranges::none_of(known_, [](const auto& k) { return k.kind == "initial" || k.kind == "limit"; });
    // A limit told for the first time has been in force all month; later ones begin when they are told.
    const bool whole_month = !r_.class_().empty() || (first && !r_.limit().empty());
    out_.at = whole_month ? rules::Month::of(now_).begin() : now_;
    if (!r_.from().empty()) {
      const auto from = LegalTime::parse(r_.from(), "from");
      if (!from) return std::unexpected(from.error());
      out_.at = *from;
    }
    if (!r_.until().empty()) {
      const auto last = rules::CivilDay::parse(r_.until(), "until");
      if (!last) return std::unexpected(last.error());
      out_.until = last->next().begin();
      if (out_.until <= out_.at) return wrong("credit.time_order", "until", r_.until(), out_.at.platform_text());
    }
    if (!r_.per_invoice().empty()) {
      const auto amount = positive_amount(r_.per_invoice(), "per_invoice");
      if (!amount) return std::unexpected(amount.error());
      out_.per_invoice = *amount;
    }
    if (!r_.monthly_count().empty()) {
      const auto count = counted(r_.monthly_count(), "monthly_count", kMaxCount);
      if (!count) return std::unexpected(count.error());
      out_.monthly_count = *count;
    }
    out_.reference = r_.reference();
    out_.note = r_.reason();
    return {};
  }

  Result<void> pickup() {
    if (out_.reference.empty()) return wrong("credit.reference", "reference", {});
    if (out_.at > now_) return wrong("credit.future", "from", r_.from());
    const auto sheets = counted(r_.sheets(), "sheets", kMaxSheets);
    if (!sheets) return std::unexpected(sheets.error());
    const auto each = positive_amount(r_.per_sheet(), "per_sheet");
    if (!each) return std::unexpected(each.error());
    const auto total = Decimal::from_int(*sheets).times(*each);
    if (!total) return wrong("credit.amount", "per_sheet", r_.per_sheet());
    out_.kind = "pickup";
    out_.sheets = *sheets;
    out_.amount = *total;
    return {};
  }

  Result<void> grant() {
    const rules::Seed* seed = rules::credit_seed(r_.class_());
    if (seed == nullptr) return wrong("credit.class", "class", r_.class_(), "I, II, III, IV");
    out_.kind = "initial";
    out_.amount = seed->limit;
    // Told before: the store knows whether this is a repeat of it.
    if (std::ranges::any_of(known_, [](const auto& k) { return k.kind == "initial"; })) return {};
    return rules::check_initial_grant(movements_);
  }

  Result<void> total() {
    const auto limit = positive_amount(r_.limit(), "limit");
    if (!limit) return std::unexpected(limit.error());
    out_.amount = *limit;
    const std::string& result = r_.result();
    if (!result.empty() && result != "approved") out_.note = result + (out_.note.empty() ? "" : ": " + out_.note);
    if (result == "applied") return application();
    if (result == "rejected") {
      out_.kind = "rejection";
      return {};
    }
    out_.kind = "limit";
    if (result == "ex_officio") return rules::check_ex_officio(rules::limit_in_force(out_.at, movements_), *limit);
    if (result.empty() || result == "approved") return {};
    return wrong("credit.result", "result", result, "approved, applied, rejected, ex_officio");
  }

  Result<void> application() {
    if (r_.attachments_size() > kMaxAttachments)
      return wrong("evidence.too_many", "attachments", std::to_string(r_.attachments_size()),
                   std::to_string(kMaxAttachments));
    out_.kind = "application";
    out_.short_term_type = r_.short_term_type();
    rules::CreditApplication application{.amount = out_.amount,
                                         .from = out_.at,
                                         .until = out_.until,
                                         .short_term_type = r_.short_term_type(),
                                         .reason = r_.reason(),
                                         .attachments = {}};
    for (const auto& paper : r_.attachments()) {
      application.attachments.push_back({paper.kind(), paper.hash()});
      out_.papers.push_back({paper.kind(), paper.hash(), paper.name()});
    }
    findings_ = rules::check_application(application);
    return {};
  }

  const api::v1::CreditAdjustRequest& r_;
  LegalTime now_;
  const std::vector<store::CreditRecord>& known_;
  std::vector<rules::Movement> movements_;
  store::CreditRecord out_;
  api::Findings findings_;
};

}  // namespace

Error credit_error(std::string id, std::string field, std::string wanted, std::string left) {
  return {Errc::invalid_input, std::move(id), std::move(field), std::move(wanted), std::move(left), {}};
}

Result<Fen> positive_amount(const std::string& text, std::string_view field) {
  const auto amount = Fen::parse(text, field);
  if (!amount || *amount <= Fen{0}) return std::unexpected(credit_error("credit.amount", std::string(field), text));
  return *amount;
}

std::expected<store::CreditRecord, api::Findings> credit_record(const api::v1::CreditAdjustRequest& request,
                                                                LegalTime now,
                                                                const std::vector<store::CreditRecord>& known) {
  return CreditReading(request, now, known).run();
}

}  // namespace taxgate::pipeline
