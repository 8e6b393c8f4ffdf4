// signing → ready: a key signs the envelope; bytes and evidence become durable together, before anything is sent.
#include <fmt/format.h>

#include "daemon/pipeline/context.h"
#include "daemon/rules/disk.h"
#include "protocol/messages.h"
#include "protocol/records.h"

namespace taxgate::pipeline {
namespace {

std::string purpose_of(const Submission& sub) {
  if (sub.step == Step::upload) return "upload";
  if (sub.step == Step::answer) return std::string(name(sub.kind));
  return sub.body.starts_with("{\"xml\"") ? "table" : "apply";
}

// Trouble with a key that only a person, or another key, ends: the taxpayer's work waits and nothing is burnt.
bool holds_taxpayer(const Error& error) {
  return error.id == "key.pin_wrong" || error.id == "key.pin_last_try" || error.id == "key.locked";
}

/// What the disk refused it will refuse again: the submission waits for a person who looks after the disk. The others
/// of the taxpayer have other keys perhaps.
asio::awaitable<Next> hold_for_disk(Context& c, Submission& sub, const Error& error) {
  const rules::DiskRefusal* known = rules::disk_refusal(error.wanted);
  const std::string reason(known ? known->id : std::string_view("disk.refused"));
  sub.hold_reason = reason;
  sub.hold_release_by = known ? known->release_by : std::string_view("operator");
  const Error why{Errc::limit_reached, reason, {}, error.wanted, {}, {}};
  auto moved = co_await c.advance(
      sub, State::held,
      row("held", said("journal.disk_refused", error.wanted, message_text(why, Language::english)), reason));
  if (!moved) co_return after_failed_advance(c, sub, moved.error());
  // A disk whose figures say yes while it says no is asked again ever more rarely.
  c.memory[sub.id].release_at_ms = c.steady_ms() + c.back_off(sub.id);
  if (c.on_disk_hold) c.on_disk_hold();
  co_return Next::rest();
}

}  // namespace

std::vector<std::string> pinned_to(const Context& c, const Submission& sub) {
  if (c.settings->tax_devices.empty() || sub.document.empty()) return {};
  const auto red = red_from_stored(sub.document);
  if (!red || red->track != Track::information_table) return {};
  const auto device = c.settings->tax_devices.find(red->tax_device);
  return device == c.settings->tax_devices.end() ? std::vector<std::string>() : device->second;
}

asio::awaitable<Next> step_sign(Context& c, Submission& sub) {
  std::string request_id = fmt::format("{}/{}", sub.id, name(sub.step));
  if (!sub.upload_serial.empty()) request_id += "/" + sub.upload_serial;
  auto envelope = make_envelope(
      {.channel = c.settings->channel, .taxpayer = sub.taxpayer, .purpose = purpose_of(sub), .request_id = request_id},
      as_bytes(sub.body));
  if (!envelope) co_return co_await to_attention(c, sub, envelope.error(), {});

  c.reached("key.sign.before");
  auto evidence = co_await answered<SignedEnvelope>(c.executor, [&](auto done) {
    c.keys.sign({.request_id = request_id,
                 .taxpayer = sub.taxpayer,
                 .purpose = purpose_of(sub),
                 .envelope = std::move(*envelope),
                 .deadline_ms = c.settings->sign_deadline_ms,
                 .serials = pinned_to(c, sub)},
                std::move(done));
  });
  c.reached("key.sign.after");
  if (!evidence) {
    const Error& error = evidence.error();
    log::warning("pipeline.sign", "{}: {} {}", sub.id, error.id, error.detail);
    if (error.id == "key.disk_refused") co_return co_await hold_for_disk(c, sub, error);
    if (holds_taxpayer(error)) {
      auto held = co_await c.hold_taxpayer(sub.taxpayer, "key_locked", "operator", said(error));
      if (!held) co_return after_failed_advance(c, sub, held.error());
    }
    if (error.code == Errc::invalid_input) co_return co_await to_attention(c, sub, error, {});
    co_return Next::retry(c.back_off(sub.id));
  }
  sub.key_serial = evidence->key_serial;
  std::string serial = evidence->key_serial;
  std::vector<SignedEnvelope> kept;
  kept.push_back(std::move(*evidence));
  auto moved =
      co_await c.advance(sub, State::ready, row("signed", said("journal.signed", serial), serial), std::move(kept));
  if (!moved) co_return after_failed_advance(c, sub, moved.error());
  c.well(sub.id);
  co_return Next::again();
}

}  // namespace taxgate::pipeline
