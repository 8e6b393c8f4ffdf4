#include "drivers/keyd/worker.h"

#include <algorithm>
#include <utility>

#include "drivers/keyd/packet.h"
#include "protocol/keyd_frame.h"

namespace taxgate::keyd {
namespace {

/// Errors after which this process knows nothing certain about the card any more: a fresh one is the simplest cure.
bool loses_session(const Error& error) {
  return error.code == Errc::device_gone || error.id == "key.card_format" || error.code == Errc::outcome_unknown ||
         error.id == "key.reader_busy" || error.id == "pcsc.no_service" || error.id == "pcsc.unlisted" ||
         error.id == "usb.no_service";
}

/// A serial as a text that can be shown, configured and sent: as it is, or in hexadecimal when it holds anything but
/// printable ASCII.
std::string name_of(const std::string& serial) {
  if (std::ranges::all_of(serial, [](char c) { return c >= 0x20 && c < 0x7F; })) return serial;
  return hex(as_bytes(serial));
}

}  // namespace

worker::v1::FromWorker Worker::handle(const worker::v1::ToWorker& order) {
  worker::v1::FromWorker answer;
  answer.set_call(order.call());
  answer.set_pin_tries_left(-1);
  Result<void> done;
  switch (order.body_case()) {
    case worker::v1::ToWorker::kOpen:
      done = open(order.open(), answer);
      break;
    case worker::v1::ToWorker::kLogin:
      pin_ = {order.login().pin_file(), order.login().pin_identity()};
      ledger_directory_ = order.login().ledger_dir();
      done = login(answer);
      if (done) answer.mutable_logged_in();
      break;
    case worker::v1::ToWorker::kSign:
      done = sign(order.sign(), answer);
      break;
    case worker::v1::ToWorker::kReadDisk:
      done = read_disk(answer);
      break;
    case worker::v1::ToWorker::BODY_NOT_SET:
      done = fail(Errc::invalid_input, "keyd.frame");
      break;
  }
  if (!done) {
    *answer.mutable_failure() = to_failure(done.error());
    answer.set_session_lost(loses_session(done.error()));
  }
  return answer;
}

Result<void> Worker::open(const worker::v1::Open& order, worker::v1::FromWorker& answer) {
  auto key = open_(order);
  if (!key) return std::unexpected(key.error());
  key_ = std::move(*key);
  auto identity = key_->identify();
  if (!identity) return std::unexpected(identity.error());
  serial_ = name_of(identity->serial);
  if (const auto status = key_->state()) answer.set_pin_tries_left(status->tries_left);
  auto* out = answer.mutable_identity();
  out->set_serial(serial_);
  out->set_certificate(identity->certificate.data(), identity->certificate.size());
  return {};
}

Result<void> Worker::login(worker::v1::FromWorker& answer) {
  if (!key_) return fail(Errc::retry_later, "key.reset", {}, {}, {}, "login before open");
  PinLedger ledger(ledger_directory_);
  auto outcome = guarded_login(*key_, serial_, ledger, pin_);
  answer.set_pin_tries_left(outcome.tries_left);
  return std::move(outcome.result);
}

Result<void> Worker::sign(const worker::v1::Sign& order, worker::v1::FromWorker& answer) {
  if (!key_) return fail(Errc::retry_later, "key.reset", {}, {}, {}, "sign before open");
  const ByteView message = as_bytes(order.message());
  auto signature = key_->sign(message, order.signer_id(), order.verify());
  if (!signature && signature.error().id == "key.reset") {
    // The card was reset behind our back and forgot the login; nothing was signed. Once: a card that resets on every
    // command must not spin here.
    if (auto again = key_->reconnect(); !again) return again;
    if (auto again = login(answer); !again) return again;
    signature = key_->sign(message, order.signer_id(), order.verify());
  }
  if (!signature) return std::unexpected(signature.error());
  answer.mutable_signed_()->set_signature(signature->data(), signature->size());
  return {};
}

Result<void> Worker::read_disk(worker::v1::FromWorker& answer) {
  if (!key_) return fail(Errc::retry_later, "key.reset", {}, {}, {}, "disk before open");
  auto disk = key_->disk();
  if (!disk) return std::unexpected(disk.error());
  auto* seen = answer.mutable_disk_seen();
  if (*disk) *seen->mutable_disk() = std::move(**disk);
  return {};
}

int run_worker(int channel, OpenKey open) {
  Worker worker(std::move(open));
  worker::v1::ToWorker order;
  PacketBuffer buffer;
  while (receive_packet(channel, order, buffer)) {
    const auto answer = worker.handle(order);
    if (!send_packet(channel, answer) || answer.session_lost()) break;
  }
  return 0;
}

}  // namespace taxgate::keyd
