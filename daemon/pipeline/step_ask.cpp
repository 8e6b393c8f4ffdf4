// outcome_unknown: ask the platform what became of the act before anything else; the decision table is queue/resolve.h.
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "daemon/pipeline/context.h"
#include "protocol/records.h"

namespace taxgate::pipeline {
namespace {

constexpr std::int64_t kListBackMs =
    88 * kDayMs;                   // list windows span at most 90 days (rules.md C), one day each side spare
constexpr int kMaxFormPages = 20;  // forms on one blue invoice: 1,000; more means a platform gone mad

/// What a person needs to compare the intent with what stands on the platform.
std::string shown(const std::vector<leqi::Form>& forms) {
  boost::json::array list;
  for (const auto& f : forms)
    list.push_back({{"uuid", f.uuid},
                    {"number", f.number},
                    {"state", f.state},
                    {"initiator", f.initiator == Side::seller ? "seller" : "buyer"},
                    {"reason", f.reason},
                    {"amount", f.amount.text()},
                    {"tax", f.tax.text()},
                    {"entered_at", f.entered_at.rfc3339()},
                    {"issued", f.issued},
                    {"red_number", f.red_number}});
  return boost::json::serialize(list);
}

asio::awaitable<Next> resend(Context& c, Submission& sub, Said why) {
  c.memory[sub.id].silence = {};
  if (sub.attempts > c.settings->max_resends)
    co_return co_await to_attention(
        c, sub, {Errc::outcome_unknown, "outcome.unresolved", {}, std::to_string(sub.attempts), {}, why.english()}, {});
  auto moved = co_await c.advance(sub, State::ready, row("resend", std::move(why)));
  if (!moved) co_return after_failed_advance(c, sub, moved.error());
  co_return Next::again();
}

/// Nothing of ours is there (yet): wait for the second answer, or send the same bytes again.
asio::awaitable<Next> absent(Context& c, Submission& sub, const queue::Decision& decision) {
  c.memory[sub.id].failures = 0;
  if (decision.verdict == queue::Verdict::resend && !sub.error.empty() && sub.step == Step::apply) {
    // The platform had said no, and nothing of ours stands there. After one attempt that no is the outcome; after
    // several an earlier one may have arrived, so a person looks.
    if (sub.attempts > 1)
      co_return co_await to_attention(c, sub,
                                      {Errc::outcome_unknown,
                                       "outcome.unresolved",
                                       {},
                                       std::to_string(sub.attempts),
                                       {},
                                       said("journal.refused_on_repeat").english()},
                                      {});
    auto moved = co_await c.advance(sub, State::refused, row("refused", said("journal.said_no")));
    if (!moved) co_return after_failed_advance(c, sub, moved.error());
    co_return Next::rest();
  }
  if (decision.verdict == queue::Verdict::resend)
    co_return co_await resend(c, sub, said("journal.absent", std::to_string(c.settings->settle_ms)));
  co_return Next::later(std::max<std::int64_t>(decision.ask_again_ms - c.steady_ms(), 1));
}

asio::awaitable<Result<std::vector<queue::Sighting>>> sightings(Context& c, const Submission& sub,
                                                                const RedDocument& wanted) {
  std::vector<queue::Sighting> seen;
  leqi::ListRequest ask{.taxpayer = sub.taxpayer,
                        .side = wanted.initiator,
                        .blue_number = sub.blue_number,
                        .from = sub.intent_at.plus_ms(-kListBackMs),
                        .to = sub.intent_at.plus_ms(kDayMs)};
  ask.to = std::max(ask.to, c.clock.now().plus_ms(kDayMs));
  if (ask.to.ms - ask.from.ms > kListBackMs + kDayMs) ask.from = ask.to.plus_ms(-(kListBackMs + kDayMs));
  for (ask.page = 1;; ++ask.page) {
    auto listed = co_await answered<leqi::ListReply>(
        c.executor, [&](auto done) { c.platform.list(sub.taxpayer, ask, std::move(done)); });
    if (!listed) co_return std::unexpected(listed.error());
    if (!listed->outcome.ok())
      co_return fail(Errc::retry_later, "platform.query", {}, listed->outcome.code, {}, listed->outcome.message);
    for (auto& form : listed->forms) {
      if (form.blue_number != sub.blue_number) continue;
      queue::Sighting sighting{.form = std::move(form)};
      auto owner = co_await c.read<std::optional<Submission>>(
          [uuid = sighting.form.uuid](store::Reader& r) { return r.owner_of_form(uuid); });
      if (!owner) co_return std::unexpected(owner.error());
      sighting.owned_by_other = *owner && (*owner)->id != sub.id;
      // Lists carry no lines; the detail is needed only when everything a list shows is what we meant.
      const auto different = queue::differences(wanted, sighting.form);
      if (!sighting.owned_by_other && (different.empty() || different == std::vector<std::string>{"lines"})) {
        auto detail = co_await answered<leqi::DetailReply>(c.executor, [&](auto done) {
          c.platform.detail(sub.taxpayer,
                            {.taxpayer = sub.taxpayer, .uuid = sighting.form.uuid, .number = sighting.form.number},
                            std::move(done));
        });
        if (!detail) co_return std::unexpected(detail.error());
        if (!detail->outcome.ok())
          co_return fail(Errc::retry_later, "platform.query", {}, detail->outcome.code, {}, detail->outcome.message);
        sighting.form = std::move(detail->form);
      }
      seen.push_back(std::move(sighting));
    }
    if (ask.page * ask.page_size >= listed->total || ask.page >= kMaxFormPages) break;
  }
  co_return seen;
}

asio::awaitable<Next> ask_form(Context& c, Submission& sub, const RedDocument& wanted) {
  auto seen = co_await sightings(c, sub, wanted);
  if (!seen) co_return Next::retry(c.back_off(sub.id));
  auto decision =
      queue::decide(wanted, sub.intent_at, *seen, c.memory[sub.id].silence, c.steady_ms(), c.settings->settle_ms);
  if (decision.verdict == queue::Verdict::adopt)
    co_return co_await take_form(c, sub, std::move(*decision.form), "adopted");
  if (decision.verdict == queue::Verdict::attention)
    co_return co_await to_attention(c, sub, {Errc::outcome_unknown, "outcome." + decision.why, {}, {}, {}, {}},
                                    shown(decision.shown));
  co_return co_await absent(c, sub, decision);
}

asio::awaitable<Next> ask_table(Context& c, Submission& sub, const RedDocument& wanted) {
  table::DownloadRequest ask;
  ask.taxpayer = sub.taxpayer;
  ask.tax_device = wanted.tax_device;
  ask.request_number = wanted.request_number;
  ask.from = sub.intent_at.plus_ms(-kDayMs);
  ask.to = c.clock.now().plus_ms(kDayMs);
  auto rows = co_await answered<table::DownloadReply>(
      c.executor, [&](auto done) { c.platform.download_tables(sub.taxpayer, ask, std::move(done)); });
  if (!rows) co_return Next::retry(c.back_off(sub.id));
  auto decision =
      queue::decide_table(wanted, rows->rows, c.memory[sub.id].silence, c.steady_ms(), c.settings->settle_ms);
  if (decision.verdict == queue::Verdict::adopt) {
    for (auto& found : rows->rows)
      if (found.request_number == wanted.request_number)
        co_return co_await take_table(c, sub, std::move(found), "adopted");
  }
  if (decision.verdict == queue::Verdict::attention)
    co_return co_await to_attention(
        c, sub, {Errc::outcome_unknown, "outcome." + decision.why, {}, wanted.request_number, {}, {}}, {});
  co_return co_await absent(c, sub, decision);
}

/// Has the red been made, by this upload or by the platform itself?
asio::awaitable<Next> ask_upload(Context& c, Submission& sub, const RedDocument& wanted) {
  if (wanted.track == Track::confirmation_form) {
    auto detail = co_await answered<leqi::DetailReply>(c.executor, [&](auto done) {
      c.platform.detail(sub.taxpayer, {.taxpayer = sub.taxpayer, .uuid = sub.form_uuid, .number = sub.form_number},
                        std::move(done));
    });
    if (!detail || !detail->outcome.ok()) co_return Next::retry(c.back_off(sub.id));
    const State now = queue::state_for_form(detail->form);
    if (is_final(now)) co_return co_await take_form(c, sub, std::move(detail->form), "adopted");
  }
  auto result = co_await answered<leqi::UploadResultReply>(c.executor, [&](auto done) {
    c.platform.upload_result(sub.taxpayer, {.taxpayer = sub.taxpayer, .receipt = {}, .serial = sub.upload_serial},
                             std::move(done));
  });
  if (!result) co_return Next::retry(c.back_off(sub.id));
  if (result->outcome.ok() && result->result == "00")
    co_return co_await take_issued(c, sub, result->red_number, result->issued_at, "adopted");
  if (result->outcome.ok()) {
    auto moved = co_await c.advance(sub, State::processing,
                                    row("adopted", said("journal.upload_known", sub.upload_serial), result->result));
    if (!moved) co_return after_failed_advance(c, sub, moved.error());
    co_return Next::later(c.settings->poll_upload_ms);
  }
  co_return co_await absent(c, sub, queue::decide_none(c.memory[sub.id].silence, c.steady_ms(), c.settings->settle_ms));
}

/// Has our answer to a form been taken?
asio::awaitable<Next> ask_answer(Context& c, Submission& sub, const RedDocument& form_document) {
  auto detail = co_await answered<leqi::DetailReply>(c.executor, [&](auto done) {
    c.platform.detail(sub.taxpayer, {.taxpayer = sub.taxpayer, .uuid = sub.form_uuid, .number = sub.form_number},
                      std::move(done));
  });
  if (!detail || !detail->outcome.ok()) co_return Next::retry(c.back_off(sub.id));
  const leqi::Form& form = detail->form;
  const auto cls = leqi::form_class(form.state);
  const bool pending = cls == leqi::FormClass::pending_buyer || cls == leqi::FormClass::pending_seller;
  const bool confirmed = cls == leqi::FormClass::confirmed;
  sub.form_state = form.state;
  const bool taken = sub.kind == Kind::confirm ? confirmed
                     : sub.kind == Kind::deny  ? form.state == "05" || form.state == "06"
                                               : form.state == "08" || form.state == "09";
  if (taken) {
    sub.deadline = {};
    if (form.issued) co_return co_await take_issued(c, sub, form.red_number, form.red_issued_at, "adopted");
    const bool follow = sub.kind == Kind::confirm && form_document.seller.id == sub.taxpayer;
    auto moved = co_await c.advance(sub, follow ? State::confirmed : State::done,
                                    row("adopted", said("journal.answer_state", form.state), form.number));
    if (!moved) co_return after_failed_advance(c, sub, moved.error());
    co_return follow ? Next::again() : Next::rest();
  }
  if (pending || (sub.kind == Kind::revoke && confirmed && !form.issued))
    co_return co_await absent(c, sub,
                              queue::decide_none(c.memory[sub.id].silence, c.steady_ms(), c.settings->settle_ms));
  if (cls == leqi::FormClass::void_)
    co_return co_await to_refused(
        c, sub, {Errc::rejected, "form.void", {}, form.state, {}, said("journal.void_before").english()});
  co_return co_await to_attention(c, sub, {Errc::outcome_unknown, "outcome.other_answer", {}, form.state, {}, {}},
                                  shown({form}));
}

}  // namespace

asio::awaitable<Next> step_ask(Context& c, Submission& sub) {
  auto red = red_from_stored(sub.document);
  if (!red) co_return co_await to_attention(c, sub, red.error(), {});
  switch (sub.step) {
    case Step::upload:
      co_return co_await ask_upload(c, sub, *red);
    case Step::answer:
      co_return co_await ask_answer(c, sub, *red);
    case Step::apply:
      break;
  }
  if (red->track == Track::information_table) co_return co_await ask_table(c, sub, *red);
  co_return co_await ask_form(c, sub, *red);
}

}  // namespace taxgate::pipeline
