#pragma once
// Shared by the pipeline's own files only (it includes Asio): everything a piece of work needs, and the bridges from
// callbacks to coroutines. All of it lives on the io thread.
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "daemon/core/lanes.h"
#include "daemon/core/log.h"
#include "daemon/keys/key_host.h"
#include "daemon/pipeline/settings.h"
#include "daemon/platform/platform.h"
#include "daemon/queue/queue.h"
#include "daemon/queue/resolve.h"
#include "daemon/rules/lifecycle.h"
#include "daemon/store/store.h"
#include "protocol/journal_text.h"

namespace taxgate::pipeline {

namespace asio = boost::asio;

constexpr std::int64_t kDayMs = 24 * LegalTime::kHourMs;

/// Suspends until `start(done)` calls done, on whatever thread; resumes on the io thread.
template <class T, class Start>
asio::awaitable<Result<T>> answered(asio::any_io_executor executor, Start start) {
  return asio::async_initiate<decltype(asio::use_awaitable), void(Result<T>)>(
      [executor](auto handler, Start begin) {
        begin([executor, h = std::move(handler)](Result<T> result) mutable {
          asio::post(executor, [h = std::move(h), r = std::move(result)]() mutable { std::move(h)(std::move(r)); });
        });
      },
      asio::use_awaitable, std::move(start));
}

/// What the pipeline remembers of one submission between two pieces of work. Lost at a restart: always safe.
struct Memory {
  queue::Silence silence;
  int failures = 0;                // consecutive, for back-off
  std::int64_t release_at_ms = 0;  // steady; held by its tax disk: not looked at again before
};

/// What comes after one step of work.
struct Next {
  enum class Kind : std::uint8_t { again, later, rest } kind = Kind::again;
  std::int64_t delay_ms = 0;
  bool failed = false;
  static Next again() { return {}; }
  static Next later(std::int64_t ms) { return {Kind::later, ms, false}; }
  static Next retry(std::int64_t ms) { return {Kind::later, ms, true}; }
  static Next rest() { return {Kind::rest, 0, false}; }  // final, or a person must act
};

using store::JournalRow;
using store::Submission;

/// Runs fn(reader) on the lane and gives its result to `done` there; a full lane is an answer too.
template <class T, class Fn, class Done>
void on_lane(Lane& lane, store::Reader& reader, Fn fn, Done done) {
  auto shared = std::make_shared<Done>(std::move(done));
  auto posted = lane.post([&reader, fn = std::move(fn), shared]() mutable { (*shared)(Result<T>(fn(reader))); });
  if (!posted) (*shared)(Result<T>(std::unexpected(posted.error())));
}

struct Context {
  asio::any_io_executor executor;
  store::Store& store;
  Lane& reads;            // one thread, owns `reader`
  store::Reader& reader;  // only inside `reads`
  platform::Platform& platform;
  keys::KeyHost& keys;
  const LegalClock& clock;
  std::function<std::int64_t()> steady_ms;
  std::function<std::uint32_t(std::uint32_t)> random_below;
  std::shared_ptr<const Settings> settings;
  const queue::Discipline& discipline;
  store::StepProbe probe;  // kill tests; may be empty
  queue::Queue queue;
  std::unordered_map<std::string, Memory> memory;
  std::function<void(const Submission&)> on_moved;  // wakes waiting callers
  std::function<void()> on_disk_hold;               // a tax disk's refusal holds a submission

  void reached(std::string_view point) const {
    if (probe) probe(point);
  }

  template <class T, class Fn>
  asio::awaitable<Result<T>> read(Fn fn) {
    return answered<T>(executor, [this, fn = std::move(fn)](auto done) mutable {
      on_lane<T>(reads, reader, std::move(fn), std::move(done));
    });
  }

  /// Exponential back-off, give or take the configured jitter.
  std::int64_t back_off(const std::string& id) {
    Memory& m = memory[id];
    const int doublings = std::min(m.failures++, 16);
    const std::int64_t whole = std::min(settings->retry_max_ms, settings->retry_first_ms << doublings);
    const std::int64_t spread = whole * settings->jitter_percent / 100;
    return whole - spread + random_below(static_cast<std::uint32_t>(2 * spread + 1));
  }
  /// Of a red that is not issued yet (queue/deadlines.h).
  LegalTime period_deadline(const Submission& sub) const;
  /// Of a form that has just been confirmed: what it was, or the end of its month even when that has passed: the engine
  /// then says so and moves it on.
  LegalTime deadline_when_confirmed(const Submission& sub) const;
  void well(const std::string& id) { memory[id].failures = 0; }

  /// Makes the move durable, then updates order and waiters. On retry_later store.stale the caller reads again.
  asio::awaitable<Result<void>> advance(Submission& sub, State to, JournalRow row,
                                        std::vector<SignedEnvelope> evidence = {}, std::vector<Invoice> ledger = {},
                                        std::string red_of = {});
  /// In force at once. What cannot be stored is no hold: the work goes on.
  asio::awaitable<Result<void>> hold_taxpayer(std::string taxpayer, std::string reason, std::string release_by,
                                              Said cause, std::string principal = "taxgated");
};

/// The `error` member of a submission: api::v1::ErrorBody bytes in both languages.
std::string error_bytes(const Error& error, const std::string& channel);
/// A row that is not in the store yet. Event and detail have both languages (protocol/journal_text.h).
JournalRow row(JournalEvent event, Said detail, std::string reference = {}, std::string principal = "taxgated");

/// The keys that may sign it: a document of a tax device is signed by that device, or by one its operator declares
/// equal to it. Empty: any of the taxpayer.
std::vector<std::string> pinned_to(const Context& c, const Submission& sub);

// One step of work in each state; steps_*.cpp. `sub` is replaced by its durable successor.
asio::awaitable<Next> step_prepare(Context& c, Submission& sub);        // queued
asio::awaitable<Next> step_sign(Context& c, Submission& sub);           // signing
asio::awaitable<Next> step_send(Context& c, Submission& sub);           // ready
asio::awaitable<Next> step_ask(Context& c, Submission& sub);            // outcome_unknown
asio::awaitable<Next> step_follow(Context& c, Submission& sub);         // waiting_counterparty, confirmed
asio::awaitable<Next> step_upload_result(Context& c, Submission& sub);  // processing

/// What a look at the submission's form means against what was known of it (rules/lifecycle.h, one table). `to`: the
/// submission's state after it; never one the table does not lead to.
struct FormSeen {
  rules::Looked looked = rules::Looked::same;
  State to = State::waiting_counterparty;
};
FormSeen seen_of(const Submission& sub, const leqi::Form& form);

/// Whether the platform holds a document of it that goes on without us: a form or table we raised, or an answer that
/// was taken. It must then neither be called cancelled nor be sent again.
bool on_platform(const Submission& sub);
/// Where a submission goes on when its hold ends.
State after_hold(const Submission& sub);

/// Shared by send, ask and follow: takes a form seen on the platform as the truth about our submission.
asio::awaitable<Next> take_form(Context& c, Submission& sub, leqi::Form form, JournalEvent event);
asio::awaitable<Next> take_table(Context& c, Submission& sub, table::Row found, JournalEvent event);
asio::awaitable<Next> take_issued(Context& c, Submission& sub, std::string red_number, LegalTime issued_at,
                                  JournalEvent event);
asio::awaitable<Next> to_attention(Context& c, Submission& sub, Error why, std::string foreign);
/// The error's id, whose sentence stands in the submission's trouble, and its detail.
Said about(const Error& why);
asio::awaitable<Next> to_refused(Context& c, Submission& sub, Error why);
/// An advance that lost its race or could not be stored: read again, soon.
Next after_failed_advance(Context& c, const Submission& sub, const Error& error);

}  // namespace taxgate::pipeline
