#pragma once
// What waits to be signed, and by which key: checks an order, writes the log, gives it to a ready key, answers in time.
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "drivers/keyd/config.h"
#include "drivers/keyd/event_loop.h"
#include "drivers/keyd/key_rest.h"
#include "drivers/keyd/reader_slot.h"
#include "drivers/keyd/sign_log.h"
#include "protocol/keyd.pb.h"

namespace taxgate::keyd {

/// Orders that may wait at once; a client that has more outstanding is told to slow down.
inline constexpr std::size_t kMaxOrders = 1024;

/// Nothing, or why the certificate must not be used at this moment. errors  rejected key.expired, key.not_yet_valid
Result<void> check_validity(const CertificateFacts& facts, std::int64_t now_ms);

/// Checks what can be checked without a key: sizes, and that the message is the envelope the order says it is.
/// errors  invalid_input key.not_envelope, key.envelope_mismatch (field); limit_reached key.message_size
Result<void> check_order(const v1::SignRequest& request);

class SignDesk {
 public:
  using Reply = std::function<void(v1::SignReply)>;
  using Slots = std::function<std::vector<ReaderSlot*>()>;
  /// A key that fails time after time rests ("failed"), and may sign again ("ready"). Of a key that is here.
  using Told = std::function<void(ReaderSlot&, const char* what)>;

  /// `slots`: all slots of the moment, in a fixed order.
  SignDesk(EventLoop& loop, const Config& config, SignLog& log, Slots slots, Told told);
  ~SignDesk();
  SignDesk(const SignDesk&) = delete;
  SignDesk& operator=(const SignDesk&) = delete;

  /// Answers by `reply` exactly once, by the deadline at the latest. `owner`: whom to forget the order with.
  void accept(std::uint64_t owner, const v1::SignRequest& request, Reply reply);
  /// The client went away: its waiting orders are dropped, a signature under way is finished and logged but not sent.
  void forget_owner(std::uint64_t owner);

  /// A slot changed its state: orders may move, or have nothing left to wait for.
  void slots_changed();
  /// Answer of a slot to the order it was given.
  void slot_signed(ReaderSlot& slot, Result<Signature> result);
  /// The slot is about to be destroyed.
  void slot_removed(ReaderSlot& slot);

  std::uint64_t signed_count(const std::string& serial) const;
  /// Why this key is given no order for a while.
  std::optional<Error> resting(const std::string& serial) const;

 private:
  struct Order {
    std::uint64_t owner = 0;
    v1::SignRequest request;
    Reply reply;               // empty after the answer
    EventLoop::TimerId timer;  // of its deadline
    Digest message_sm3{};
    int attempts = 0;
    std::string serial;                  // of the key it was given to last
    std::vector<std::string> failed_on;  // serials; another key goes first
    std::uint64_t log_number = 0;
    Error last;          // of the last attempt; id empty: none
    bool logged = true;  // the order's log row is durable
  };
  using OrderPtr = std::shared_ptr<Order>;

  void dispatch();
  void dispatch_later();
  void give_up_hopeless();
  void refuse(const OrderPtr& order, const Error& error);
  void deadline_passed(const OrderPtr& order);
  static bool fits(const ReaderSlot& slot, const Order& order);
  bool rests(const ReaderSlot& slot) const;
  bool better_elsewhere(const ReaderSlot& slot, const Order& order) const;
  Error why_no_key(const Order& order) const;
  Error why_late(const Order& order) const;
  bool hope_for(const Order& order) const;
  void failed(const ReaderSlot& slot, const std::string& serial, const Error& error);
  void deliver(const OrderPtr& order, const ReaderSlot& slot, const Signature& signature);

  EventLoop& loop_;
  const Config& config_;
  SignLog& log_;
  Slots slots_;
  Told told_;
  KeyRest rest_;
  std::list<OrderPtr> waiting_;  // oldest first
  std::map<const ReaderSlot*, OrderPtr> under_way_;
  std::map<std::string, std::uint64_t> signed_;
  bool dispatch_pending_ = false;
};

}  // namespace taxgate::keyd
