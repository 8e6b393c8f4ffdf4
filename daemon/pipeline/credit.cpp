// The credit line as the local API shows and changes it: what the ledger says, the platform's own figure beside it.
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "daemon/ledger/credit.h"
#include "daemon/pipeline/credit_request.h"
#include "daemon/pipeline/engine.h"
#include "daemon/pipeline/present.h"
#include "daemon/pipeline/replies.h"
#include "protocol/messages.h"

namespace taxgate::pipeline {
namespace {

using api::v1::CreditStatement;

constexpr int kMaxMonthsAhead = 0;      // a month that has not begun has no movements
constexpr int kMaxMonthsBack = 12 * 5;  // the ledger answers any month; this only stops nonsense
constexpr int kMaxMovements = 2000;     // shown; the sums cover all (about 0.5 MB)
constexpr std::string_view kDefaultType = "81";

std::string text_of(const std::optional<Fen>& amount) { return amount ? amount->text() : std::string(); }

void add_note(CreditStatement& out, const Error& error) {
  out.add_notes()->ParseFromString(error_bytes(error, out.channel()));
}

void add_movements(CreditStatement& out, const rules::CreditStatement& statement) {
  for (const rules::CreditEntry& entry : statement.entries) {
    if (out.movements_size() >= kMaxMovements) {
      add_note(out, credit_error("credit.too_many", {}, {}, std::to_string(kMaxMovements)));
      return;
    }
    const rules::Movement& m = entry.movement;
    const Error rule{Errc::invalid_input, entry.rule, {}, {}, {}, {}};
    auto& shown = *out.add_movements();
    shown.set_at(m.at.rfc3339());
    shown.set_kind(std::string(rules::name(m.kind)));
    if (m.kind != rules::MovementKind::issued) shown.set_number(m.number);
    shown.set_type(m.type);
    shown.set_amount(m.amount.text());
    shown.set_used(entry.used.text());
    shown.set_rule(entry.rule);
    shown.set_text(message_text(rule, Language::english));
    shown.set_text_zh(message_text(rule, Language::chinese));
    shown.set_count(m.count);
    if (m.until.is_set()) shown.set_until(m.until.plus_ms(-1).rfc3339());
    shown.set_note(m.note);
    shown.set_short_term_type(m.short_term_type);
    for (const rules::Evidence& paper : m.attachments) {
      auto& out_paper = *shown.add_attachments();
      out_paper.set_kind(paper.kind);
      out_paper.set_hash(paper.hash);
    }
  }
}

CreditStatement present(const rules::CreditStatement& s, const std::string& taxpayer, const std::string& channel) {
  CreditStatement out;
  out.set_channel(channel);
  out.set_channel_zh(channel_zh(channel));
  out.set_taxpayer(taxpayer);
  out.set_month(s.month.text());
  out.set_at(s.at.rfc3339());
  out.set_limit(text_of(s.limit));
  out.set_issued(s.issued.text());
  out.set_picked_up(s.picked_up.text());
  out.set_restored(s.restored.text());
  out.set_used(s.used.text());
  out.set_usable(text_of(s.usable));
  out.set_carried(text_of(s.carried));
  out.set_remaining(text_of(s.remaining));
  out.set_after_filing(text_of(s.after_filing));
  out.set_previous_filed(s.previous_filed);
  out.set_per_invoice(text_of(s.per_invoice));
  if (s.monthly_count) out.set_monthly_count(std::to_string(*s.monthly_count));
  out.set_count_used(s.count_used);
  if (s.count_left) out.set_count_left(std::to_string(*s.count_left));
  out.set_available(out.remaining());
  if (s.remaining) out.set_available_from("ledger");
  if (!s.limit) add_note(out, credit_error("credit.no_limit", {}, s.month.text()));
  if (s.carried) add_note(out, credit_error("credit.not_filed", {}, s.month.previous().text()));
  return out;
}

/// The platform's figure takes the place of ours (C13, X8).
void take_platform(CreditStatement& out, const rules::CreditStatement& ours, const leqi::CreditReply& reply,
                   LegalTime now) {
  const rules::PlatformCredit figure{now, reply.total, reply.remaining};
  out.set_platform_total(figure.total.text());
  out.set_platform_remaining(figure.remaining.text());
  out.set_platform_at(now.rfc3339());
  out.set_platform_suspended(reply.suspended);
  out.set_available(figure.remaining.text());
  out.set_available_from("platform");
  if (reply.suspended) add_note(out, credit_error("credit.platform_suspended", {}, masked_id(out.taxpayer())));
  if (const auto difference = rules::difference(ours, figure)) {
    out.set_difference(difference->text());
    if (difference->value != 0) add_note(out, credit_error("credit.differs", {}, difference->text()));
  }
}

}  // namespace

Result<std::string> Engine::credit_taxpayer(const api::Caller& caller, const std::string& wanted) const {
  const auto& known = context_.settings->taxpayers;
  if (!wanted.empty()) {
    if (known.contains(wanted) && may_see(caller, wanted)) return wanted;
    return std::unexpected(credit_error("taxpayer.unknown", "taxpayer", wanted));
  }
  std::string only, all;
  for (const auto& [id, taxpayer] : known) {
    if (!may_see(caller, id)) continue;
    only = id;
    all += (all.empty() ? "" : ", ") + id;
  }
  if (all.empty() || all != only) return std::unexpected(credit_error("credit.taxpayer", "taxpayer", {}, all));
  return only;
}

asio::awaitable<void> Engine::show_credit(std::string taxpayer, rules::Month month, api::CreditQuery query,
                                          Shared<CreditStatement> reply) {
  const LegalTime now = context_.clock.now();
  auto facts = co_await context_.read<ledger::CreditFacts>(
      [taxpayer, month, now](store::Reader& r) { return ledger::credit_facts(r, taxpayer, month, now); });
  if (!facts) co_return reply_error(reply, facts.error());
  const auto statement = rules::credit_statement(month, now, facts->movements, facts->filings);
  auto out = present(statement, taxpayer, context_.settings->channel);
  if (query.ask_platform && month == rules::Month::of(now)) {
    auto figure = co_await answered<leqi::CreditReply>(context_.executor, [&](auto done) {
      context_.platform.credit(taxpayer, {.taxpayer = taxpayer, .month = month.text()}, std::move(done));
    });
    if (!figure) {
      add_note(out, figure.error());
    } else if (!figure->outcome.ok()) {
      // An answer, and nothing asks again by itself: not the "did not answer" of a step that will.
      add_note(out, {Errc::rejected, "credit.platform_unknown", {}, figure->outcome.code, {}, figure->outcome.message});
    } else {
      take_platform(out, statement, *figure, context_.clock.now());
    }
  }
  if (!query.amount.empty()) {
    const auto amount = positive_amount(query.amount, "amount");
    if (!amount) co_return reply_error(reply, amount.error());
    auto counted = statement;  // the figure that counts is the platform's
    if (const auto available = Fen::parse(out.available()); available) counted.remaining = *available;
    for (const Error& met :
         rules::before_issuing(counted, *amount, query.type.empty() ? kDefaultType : std::string_view(query.type)))
      out.add_before_issuing()->ParseFromString(error_bytes(met, context_.settings->channel));
  }
  add_movements(out, statement);
  (*reply)(std::move(out));
}

void Engine::credit(api::Caller caller, api::CreditQuery query, api::Reply<CreditStatement> reply) {
  const auto refuse = [&](Error error) { reply(std::unexpected(api::Findings{std::move(error)})); };
  auto taxpayer = credit_taxpayer(caller, query.taxpayer);
  if (!taxpayer) return refuse(taxpayer.error());
  const rules::Month current = rules::Month::of(context_.clock.now());
  rules::Month month = current;
  if (!query.month.empty()) {
    const auto wanted = rules::Month::parse(query.month, "month");
    if (!wanted) return refuse(wanted.error());
    month = *wanted;
  }
  const rules::Month first{current.index - kMaxMonthsBack}, last{current.index + kMaxMonthsAhead};
  if (month < first || month > last)
    return refuse(credit_error("credit.month_range", "month", month.text(), first.text() + ".." + last.text()));
  asio::co_spawn(context_.executor,
                 show_credit(*std::move(taxpayer), month, std::move(query),
                             std::make_shared<api::Reply<CreditStatement>>(std::move(reply))),
                 asio::detached);
}

asio::awaitable<void> Engine::record_credit(store::CreditRecord record, rules::Month shown,
                                            Shared<CreditStatement> reply) {
  const std::string taxpayer = record.taxpayer;
  auto kept = co_await answered<store::CreditRecord>(
      context_.executor, [&](auto done) { parts_.store->record_credit(std::move(record), std::move(done)); });
  if (!kept) co_return reply_error(reply, kept.error());
  shown = std::min(shown, rules::Month::of(context_.clock.now()));
  co_await show_credit(taxpayer, shown, {}, reply);
}

void Engine::credit_filed(api::Caller caller, api::v1::CreditFiledRequest request, api::Reply<CreditStatement> reply) {
  const auto refuse = [&](Error error) { reply(std::unexpected(api::Findings{std::move(error)})); };
  const LegalTime now = context_.clock.now();
  auto taxpayer = credit_taxpayer(caller, request.taxpayer());
  if (!taxpayer) return refuse(taxpayer.error());
  const auto period = rules::Month::parse(request.period(), "period");
  if (!period) return refuse(period.error());
  LegalTime at = now;
  if (!request.at().empty()) {
    const auto given = LegalTime::parse(request.at(), "at");
    if (!given) return refuse(given.error());
    at = *given;
  }
  if (at > now) return refuse(credit_error("credit.future", "at", at.platform_text()));
  if (at < period->end())
    return refuse(credit_error("credit.period_open", "period", period->text(), at.platform_text()));
  store::CreditRecord record;
  record.taxpayer = *std::move(taxpayer);
  record.kind = "filing";
  record.at = at;
  record.period = period->index;
  record.reference = period->text();
  record.note = request.reason();
  record.principal = caller.name;
  asio::co_spawn(
      context_.executor,
      record_credit(std::move(record), period->next(), std::make_shared<api::Reply<CreditStatement>>(std::move(reply))),
      asio::detached);
}

asio::awaitable<void> Engine::adjust_credit(std::string taxpayer, std::string principal,
                                            api::v1::CreditAdjustRequest request, Shared<CreditStatement> reply) {
  auto known = co_await context_.read<std::vector<store::CreditRecord>>(
      [taxpayer](store::Reader& r) { return r.credit_records(taxpayer); });
  if (!known) co_return reply_error(reply, known.error());
  auto record = credit_record(request, context_.clock.now(), *known);
  if (!record) co_return (*reply)(std::unexpected(std::move(record.error())));
  record->taxpayer = std::move(taxpayer);
  record->principal = std::move(principal);
  const rules::Month shown = rules::Month::of(record->at);
  co_await record_credit(*std::move(record), shown, reply);
}

void Engine::credit_adjust(api::Caller caller, api::v1::CreditAdjustRequest request,
                           api::Reply<CreditStatement> reply) {
  auto taxpayer = credit_taxpayer(caller, request.taxpayer());
  if (!taxpayer) return reply(std::unexpected(api::Findings{taxpayer.error()}));
  asio::co_spawn(context_.executor,
                 adjust_credit(*std::move(taxpayer), caller.name, std::move(request),
                               std::make_shared<api::Reply<CreditStatement>>(std::move(reply))),
                 asio::detached);
}

}  // namespace taxgate::pipeline
