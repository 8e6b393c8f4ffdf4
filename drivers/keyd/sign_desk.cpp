#include "drivers/keyd/sign_desk.h"
#include "drivers/keyd/wall_clock.h"

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

/// Signs now, or will when its order or its opening is done.
bool works(const ReaderSlot& slot) {
  const SlotState state = slot.state();
  return state == SlotState::ready || state == SlotState::signing || state == SlotState::reading ||
         state == SlotState::opening || state == SlotState::logging_in;
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

SignDesk::SignDesk(EventLoop& loop, const Config& config, SignLog& log, Slots slots, Told told)
    : loop_(loop), config_(config), log_(log), slots_(std::move(slots)), told_(std::move(told)) {}

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
    if (rests(*slot)) continue;
    const auto found = std::find_if(waiting_.begin(), waiting_.end(), [&](const OrderPtr& order) {
      return fits(*slot, *order) && !better_elsewhere(*slot, *order);
    });
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
    order->serial = slot->key()->serial;
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
  if (result)
    rest_.signed_(order->serial);
  else
    failed(slot, order->serial, result.error());
  if (!order->reply) return;
  if (result && order->logged) return deliver(order, slot, *result);
  if (result) return refuse(order, {Errc::retry_later, "key.log_failed", {}, {}, {}, {}});
  order->last = std::move(result.error());
  order->failed_on.push_back(order->serial);
  if (order->attempts >= kMaxAttempts) return refuse(order, order->last);
  // A tax disk that will not is not asked again; another key of the taxpayer may.
  if (order->last.id == "key.disk_refused" && !better_elsewhere(slot, *order)) return refuse(order, order->last);
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
  refuse(order, order->last.id.empty() ? why_late(*order) : order->last);
}

bool SignDesk::fits(const ReaderSlot& slot, const Order& order) {
  if (!slot.key() || slot.key()->facts.taxpayer != order.request.taxpayer()) return false;
  const auto& only = order.request.serials();
  return only.empty() || std::find(only.begin(), only.end(), slot.key()->serial) != only.end();
}

bool SignDesk::rests(const ReaderSlot& slot) const {
  return rest_.until(slot.key()->serial, EventLoop::Clock::now()).has_value();
}

bool SignDesk::better_elsewhere(const ReaderSlot& slot, const Order& order) const {
  const auto failed_on = [&](const ReaderSlot& one) {
    return std::find(order.failed_on.begin(), order.failed_on.end(), one.key()->serial) != order.failed_on.end();
  };
  if (order.failed_on.empty() || !failed_on(slot)) return false;
  const std::int64_t now = wall_ms();
  for (const ReaderSlot* other : slots_())
    if (other != &slot && works(*other) && fits(*other, order) && !failed_on(*other) && !rests(*other) &&
        check_validity(other->key()->facts, now))
      return true;
  return false;
}

bool SignDesk::hope_for(const Order& order) const {
  const std::int64_t now = wall_ms();
  for (const ReaderSlot* slot : slots_()) {
    if (!works(*slot)) continue;
    // A reader whose card is not identified yet may hold any key: wait for its name.
    if (!slot->key()) return true;
    if (!fits(*slot, order) || !check_validity(slot->key()->facts, now)) continue;
    const auto until = rest_.until(slot->key()->serial, EventLoop::Clock::now());
    if (!until || *until < order.timer.first) return true;
  }
  return false;
}

Error SignDesk::why_no_key(const Order& order) const {
  const std::int64_t now = wall_ms();
  for (const ReaderSlot* slot : slots_()) {
    if (!fits(*slot, order)) continue;
    if (slot->trouble()) return *slot->trouble();
    if (const auto valid = check_validity(slot->key()->facts, now); !valid) return valid.error();
    if (auto trouble = resting(slot->key()->serial)) return *trouble;
  }
  if (order.request.serials().empty()) return {Errc::retry_later, "key.none", {}, order.request.taxpayer(), {}, {}};
  std::string wanted;
  for (const auto& serial : order.request.serials()) wanted += (wanted.empty() ? "" : ", ") + serial;
  return {Errc::retry_later, "key.device_absent", {}, wanted, {}, {}};
}

Error SignDesk::why_late(const Order& order) const {
  // A reader that another program holds says so while it is tried again and again.
  for (const ReaderSlot* slot : slots_())
    if (slot->trouble() && slot->trouble()->id == "key.reader_busy" && (!slot->key() || fits(*slot, order)))
      return *slot->trouble();
  return {Errc::retry_later, "key.busy", {}, order.request.taxpayer(), {}, "deadline passed"};
}

void SignDesk::failed(const ReaderSlot& slot, const std::string& serial, const Error& error) {
  if (!rest_.failed(serial, error, EventLoop::Clock::now())) return;
  const auto tell = [this, serial](const char* what) {
    for (ReaderSlot* one : slots_())
      if (one->key() && one->key()->serial == serial && one->state() != SlotState::empty) return told_(*one, what);
  };
  if (slot.state() == SlotState::ready) loop_.defer([tell] { tell("failed"); });
  const auto until = rest_.until(serial, EventLoop::Clock::now());
  if (!until) return;
  loop_.at(*until, [this, tell, serial] {
    if (!resting(serial)) tell("ready");
    dispatch_later();
  });
}

std::optional<Error> SignDesk::resting(const std::string& serial) const {
  return rest_.trouble(serial, EventLoop::Clock::now());
}

void SignDesk::give_up_hopeless() {
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const OrderPtr order = *it;
    if (hope_for(*order)) {
      ++it;
      continue;
    }
    it = waiting_.erase(it);
    refuse(order, order->last.id.empty() ? why_no_key(*order) : order->last);
  }
}

std::uint64_t SignDesk::signed_count(const std::string& serial) const {
  const auto found = signed_.find(serial);
  return found == signed_.end() ? 0 : found->second;
}

}  // namespace taxgate::keyd
