#include "drivers/keyd/sign_desk.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "protocol/envelope.h"
#include "protocol/keyd_frame.h"
#include "protocol/legal_time.h"

namespace taxgate::keyd {
namespace {

// One order goes to a card at most this often: a key that fails each time, and comes back each time, must not loop.
constexpr int kMaxAttempts = 3;

std::int64_t wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool is_for(const ReaderSlot& slot, const std::string& taxpayer) {
  return slot.key() && slot.key()->facts.taxpayer == taxpayer;
}

}  // namespace

Result<void> check_validity(const CertificateFacts& facts, std::int64_t now_ms) {
  if (now_ms > facts.valid_until_ms)
    return fail(Errc::rejected, "key.expired", {}, LegalTime{facts.valid_until_ms}.rfc3339());
  if (now_ms < facts.valid_from_ms)
    return fail(Errc::rejected, "key.not_yet_valid", {}, LegalTime{facts.valid_from_ms}.rfc3339());
  return {};
}

Result<void> check_order(const v1::SignRequest& request) {
  if (request.message().size() > kMaxEnvelope)
    return fail(Errc::limit_reached, "key.message_size", "message", std::to_string(request.message().size()),
                std::to_string(kMaxEnvelope));
  const auto parts = read_envelope(as_bytes(request.message()));
  if (!parts) return fail(Errc::invalid_input, "key.not_envelope", "message", {}, {}, parts.error().id);
  const auto mismatch = [](const char* field) { return fail(Errc::invalid_input, "key.envelope_mismatch", field); };
  if (parts->header.taxpayer != request.taxpayer()) return mismatch("taxpayer");
  if (parts->header.purpose != request.purpose()) return mismatch("purpose");
  if (parts->header.request_id != request.request_id()) return mismatch("request_id");
  return {};
}

SignDesk::SignDesk(EventLoop& loop, const Config& config, SignLog& log, Slots slots)
    : loop_(loop), config_(config), log_(log), slots_(std::move(slots)) {}

SignDesk::~SignDesk() = default;

void SignDesk::accept(std::uint64_t owner, const v1::SignRequest& request, Reply reply) {
  auto order = std::make_shared<Order>();
  order->owner = owner;
  order->request = request;
  order->reply = std::move(reply);
  const auto deadline =
      request.deadline_ms() == 0 ? config_.deadlines.request : std::chrono::milliseconds(request.deadline_ms());
  order->timer = loop_.after(deadline, [this, order] { deadline_passed(order); });
  if (waiting_.size() >= kMaxOrders)
    return refuse(order, {Errc::limit_reached, "key.busy", {}, {}, std::to_string(kMaxOrders), {}});
  if (auto good = check_order(request); !good) return refuse(order, good.error());
  order->message_sm3 = sm3(as_bytes(request.message()));
  waiting_.push_back(std::move(order));
  dispatch_later();
}

void SignDesk::forget_owner(std::uint64_t owner) {
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if ((*it)->owner != owner) {
      ++it;
      continue;
    }
    loop_.cancel((*it)->timer);
    it = waiting_.erase(it);
  }
  for (auto& [slot, order] : under_way_) {
    if (order->owner != owner) continue;
    loop_.cancel(order->timer);
    order->reply = nullptr;
  }
}

void SignDesk::slots_changed() { dispatch_later(); }

void SignDesk::slot_removed(ReaderSlot& slot) {
  slot_signed(slot, fail(Errc::device_gone, "key.gone"));
  dispatch_later();
}

void SignDesk::dispatch_later() {
  if (std::exchange(dispatch_pending_, true)) return;
  loop_.defer([this] {
    dispatch_pending_ = false;
    dispatch();
    give_up_hopeless();
  });
}

void SignDesk::dispatch() {
  if (waiting_.empty()) return;
  const std::int64_t now = wall_ms();
  std::vector<std::pair<ReaderSlot*, OrderPtr>> assigned;
  for (ReaderSlot* slot : slots_()) {
    if (slot->state() != SlotState::ready || !slot->key() || !check_validity(slot->key()->facts, now)) continue;
    const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                    [&](const OrderPtr& order) { return is_for(*slot, order->request.taxpayer()); });
    if (found == waiting_.end()) continue;
    OrderPtr order = *found;
    waiting_.erase(found);
    const auto number = log_.begin({.key_serial = slot->key()->serial,
                                    .taxpayer = order->request.taxpayer(),
                                    .purpose = order->request.purpose(),
                                    .request_id = order->request.request_id(),
                                    .message_sm3 = order->message_sm3},
                                   now);
    if (!number) {
      refuse(order, number.error());
      continue;
    }
    order->log_number = *number;
    assigned.emplace_back(slot, std::move(order));
  }
  if (assigned.empty()) return;

  // One sync for all that leave in this round.
  Result<void> synced;
  if (config_.log_sync == LogSync::before_signing) {
    synced = log_.sync();
    if (!synced) {
      for (auto& [slot, order] : assigned) refuse(order, synced.error());
      return;
    }
  }
  for (auto& [slot, order] : assigned) {
    ++order->attempts;
    under_way_[slot] = order;
    // May answer before it returns (its worker just died): the order is in under_way_ already.
    slot->sign(order->request.message());
  }
  if (config_.log_sync == LogSync::before_reply) {
    // The cards are at work meanwhile; their answers are read only after this returns.
    synced = log_.sync();
    if (!synced)
      for (auto& [slot, order] : assigned) order->logged = false;
  }
}

void SignDesk::slot_signed(ReaderSlot& slot, Result<Signature> result) {
  const auto found = under_way_.find(&slot);
  if (found == under_way_.end()) return;
  const OrderPtr order = std::move(found->second);
  under_way_.erase(found);
  // A lost result line loses no order line, and the next order finds out whether the log still works.
  (void)log_.result(order->log_number, result ? std::string_view("signed") : std::string_view(result.error().id),
                    wall_ms());
  dispatch_later();  // the slot may be free for the next
  if (!order->reply) return;
  if (result && order->logged) return deliver(order, slot, *result);
  if (result) return refuse(order, {Errc::retry_later, "key.log_failed", {}, {}, {}, {}});
  order->last = std::move(result.error());
  if (order->attempts >= kMaxAttempts) return refuse(order, order->last);
  // Not answered yet: another key of the taxpayer, or this one in a fresh session, may do it within the deadline.
  // give_up_hopeless() answers at once when there is none.
  waiting_.push_front(order);
}

void SignDesk::deliver(const OrderPtr& order, const ReaderSlot& slot, const Signature& signature) {
  loop_.cancel(order->timer);
  const SlotKey& key = *slot.key();
  ++signed_[key.serial];
  v1::SignReply reply;
  reply.set_request(order->request.request());
  reply.set_signature(signature.data(), signature.size());
  reply.set_certificate(key.certificate.data(), key.certificate.size());
  reply.set_signer_id(config_.signer_id);
  reply.set_key_serial(key.serial);
  reply.set_log_number(order->log_number);
  std::exchange(order->reply, nullptr)(std::move(reply));
}

void SignDesk::refuse(const OrderPtr& order, const Error& error) {
  loop_.cancel(order->timer);
  if (!order->reply) return;
  v1::SignReply reply;
  reply.set_request(order->request.request());
  *reply.mutable_failure() = to_failure(error);
  reply.set_log_number(order->log_number);
  std::exchange(order->reply, nullptr)(std::move(reply));
}

void SignDesk::deadline_passed(const OrderPtr& order) {
  std::erase(waiting_, order);
  // Under way or waiting: either way nothing was handed out, so it may be asked for again.
  refuse(order, order->last.id.empty()
                    ? Error{Errc::retry_later, "key.busy", {}, order->request.taxpayer(), {}, "deadline passed"}
                    : order->last);
}

bool SignDesk::hope_for(const std::string& taxpayer) const {
  const std::int64_t now = wall_ms();
  for (const ReaderSlot* slot : slots_()) {
    const SlotState state = slot->state();
    const bool working = state == SlotState::ready || state == SlotState::signing || state == SlotState::opening ||
                         state == SlotState::logging_in;
    // A reader whose card is not identified yet may hold any key: wait for its name.
    if (working && !slot->key()) return true;
    if (working && is_for(*slot, taxpayer) && check_validity(slot->key()->facts, now)) return true;
  }
  return false;
}

Error SignDesk::why_no_key(const std::string& taxpayer) const {
  const std::int64_t now = wall_ms();
  for (const ReaderSlot* slot : slots_()) {
    if (!is_for(*slot, taxpayer)) continue;
    if (slot->trouble()) return *slot->trouble();
    if (const auto valid = check_validity(slot->key()->facts, now); !valid) return valid.error();
  }
  return {Errc::retry_later, "key.none", {}, taxpayer, {}, {}};
}

void SignDesk::give_up_hopeless() {
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const OrderPtr order = *it;
    const std::string& taxpayer = order->request.taxpayer();
    if (hope_for(taxpayer)) {
      ++it;
      continue;
    }
    it = waiting_.erase(it);
    refuse(order, order->last.id.empty() ? why_no_key(taxpayer) : order->last);
  }
}

std::uint64_t SignDesk::signed_count(const std::string& serial) const {
  const auto found = signed_.find(serial);
  return found == signed_.end() ? 0 : found->second;
}

}  // namespace taxgate::keyd
