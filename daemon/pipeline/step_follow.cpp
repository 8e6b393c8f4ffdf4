// waiting_counterparty, confirmed, processing: follow the form until the red invoice exists or the form is void.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "daemon/pipeline/context.h"
#include "daemon/rules/remarks.h"
#include "protocol/records.h"

namespace taxgate::pipeline {
namespace {

constexpr std::int64_t kAfterDeadlineMs = 1'000;  // the platform voids a silent form at 72:00:00; ask just after

/// Next look at a waiting form: at the usual interval, but never later than just after its legal deadline.
std::int64_t watch_delay(const Context& c, const Submission& sub) {
  std::int64_t delay = c.settings->poll_form_ms;
  if (sub.deadline.is_set())
    delay = std::min(delay, std::max<std::int64_t>(sub.deadline.ms - c.clock.now().ms + kAfterDeadlineMs, 0));
  return std::max<std::int64_t>(delay, std::min<std::int64_t>(c.settings->poll_form_ms, kAfterDeadlineMs));
}

/// How many uploads have been begun: the last two digits of ywlsh.
int upload_number(const Submission& sub) {
  if (sub.upload_serial.size() < 2) return 0;
  const auto* end = sub.upload_serial.data() + sub.upload_serial.size();
  int number = 0;
  std::from_chars(end - 2, end, number);
  return number;
}

/// The form is confirmed and its red does not exist yet: make it, when that is our duty (rules.md §0-6).
asio::awaitable<Next> begin_upload(Context& c, Submission& sub, const RedDocument& red) {
  // ywlsh: unique per upload. A failed upload gets a new one; a resend keeps it.
  auto remark = rules::remarks(red, sub.form_number, rules::IssuedBy::direct, c.settings->codes);
  if (!remark) co_return co_await to_attention(c, sub, remark.error(), {});
  std::string tail = sub.id;
  std::erase(tail, '-');
  sub.upload_serial = c.settings->upload_serial_prefix + tail + fmt::format("{:02}", upload_number(sub) + 1);
  sub.step = Step::upload;
  sub.attempts = 0;
  sub.intent_at = {};
  sub.receipt.clear();
  sub.body = leqi::upload_json({.serial = sub.upload_serial,
                                .form_number = sub.form_number,
                                .form_uuid = sub.form_uuid,
                                .red = red,
                                .red_number = {},
                                .remark = std::move(*remark)});
  auto moved = co_await c.advance(sub, State::signing, row("prepared", said("journal.upload"), sub.upload_serial));
  if (!moved) co_return after_failed_advance(c, sub, moved.error());
  co_return Next::again();
}

bool our_duty(const Context& c, const Submission& sub, const RedDocument& red) {
  // On the tax-device track the red is issued on the seller's device; the table then shows it written off (TZD0074).
  if (red.seller.id != sub.taxpayer || red.track == Track::information_table) return false;
  const auto* taxpayer = find_taxpayer(*c.settings, sub.taxpayer);
  return taxpayer != nullptr && taxpayer->issue == Issue::upload;
}

asio::awaitable<Next> follow_table(Context& c, Submission& sub, const RedDocument& red) {
  table::DownloadRequest ask;
  ask.taxpayer = sub.taxpayer;
  ask.tax_device = red.tax_device;
  ask.request_number = red.request_number;
  ask.from = sub.intent_at.is_set() ? sub.intent_at.plus_ms(-kDayMs) : sub.created_at.plus_ms(-kDayMs);
  ask.to = c.clock.now().plus_ms(kDayMs);
  auto rows = co_await answered<table::DownloadReply>(
      c.executor, [&](auto done) { c.platform.download_tables(sub.taxpayer, ask, std::move(done)); });
  if (!rows) co_return Next::retry(c.back_off(sub.id));
  for (auto& found : rows->rows) {
    if (found.request_number != red.request_number) continue;
    co_return co_await take_table(c, sub, std::move(found), "seen");
  }
  co_return Next::retry(c.back_off(sub.id));
}

}  // namespace

asio::awaitable<Next> step_follow(Context& c, Submission& sub) {
  auto red = red_from_stored(sub.document);
  if (!red) co_return co_await to_attention(c, sub, red.error(), {});
  if (red->track == Track::information_table) co_return co_await follow_table(c, sub, *red);

  auto detail = co_await answered<leqi::DetailReply>(c.executor, [&](auto done) {
    c.platform.detail(sub.taxpayer, {.taxpayer = sub.taxpayer, .uuid = sub.form_uuid, .number = sub.form_number},
                      std::move(done));
  });
  if (!detail || !detail->outcome.ok()) co_return Next::retry(c.back_off(sub.id));
  leqi::Form& form = detail->form;
  const State seen = queue::state_for_form(form);
  if (const auto looked = seen_of(sub, form).looked;
      looked == rules::Looked::contradiction || looked == rules::Looked::stale)
    co_return co_await take_form(c, sub, std::move(form), "seen");
  // Read just now that no red exists: only then may one be uploaded.
  if (seen == State::confirmed && sub.state == State::confirmed && our_duty(c, sub, *red))
    co_return co_await begin_upload(c, sub, *red);
  const bool entered_learned = form.entered_at.is_set() && sub.entered_at != form.entered_at;
  if (seen == sub.state && form.state == sub.form_state && !entered_learned) {
    c.well(sub.id);
    co_return Next::later(seen == State::confirmed ? c.settings->poll_issue_ms : watch_delay(c, sub));
  }
  if (seen == sub.state && seen == State::waiting_counterparty) {  // the platform's entry time is the one that counts
    sub.form_state = form.state;
    sub.entered_at = form.entered_at;
    sub.deadline = rules::confirmation_deadline(form.entered_at);
    auto moved = co_await c.advance(
        sub, seen, row("note", said("journal.entered", form.entered_at.platform_text()), form.number, "platform"));
    if (!moved) co_return after_failed_advance(c, sub, moved.error());
    co_return Next::later(watch_delay(c, sub));
  }
  auto next = co_await take_form(c, sub, std::move(form), "seen");
  if (next.kind == Next::Kind::again && sub.state == State::waiting_counterparty)
    co_return Next::later(watch_delay(c, sub));
  if (next.kind == Next::Kind::again && sub.state == State::confirmed && !our_duty(c, sub, *red))
    co_return Next::later(c.settings->poll_issue_ms);
  co_return next;
}

asio::awaitable<Next> step_upload_result(Context& c, Submission& sub) {
  auto result = co_await answered<leqi::UploadResultReply>(c.executor, [&](auto done) {
    c.platform.upload_result(
        sub.taxpayer, {.taxpayer = sub.taxpayer, .receipt = sub.receipt, .serial = sub.upload_serial}, std::move(done));
  });
  if (!result || !result->outcome.ok()) co_return Next::retry(c.back_off(sub.id));
  if (result->result == "00") co_return co_await take_issued(c, sub, result->red_number, result->issued_at, "uploaded");
  if (result->result == "02") {
    if (upload_number(sub) > c.settings->max_resends)
      co_return co_await to_attention(
          c, sub, {Errc::rejected, "platform.upload_failed", {}, result->result, {}, result->message}, {});
    auto moved = co_await c.advance(sub, State::confirmed,
                                    row("upload_failed", verbatim(result->message), result->result, "platform"));
    if (!moved) co_return after_failed_advance(c, sub, moved.error());
    co_return Next::retry(c.back_off(sub.id));
  }
  if (result->result == "03") {  // a red from this form exists already: the form says which
    auto moved = co_await c.advance(sub, State::outcome_unknown,
                                    row("note", said("journal.duplicate_upload", result->message), "03", "platform"));
    if (!moved) co_return after_failed_advance(c, sub, moved.error());
    co_return Next::later(c.settings->poll_upload_ms);
  }
  co_return Next::later(c.settings->poll_upload_ms);
}

}  // namespace taxgate::pipeline
