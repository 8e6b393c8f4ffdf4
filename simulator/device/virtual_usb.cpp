#include "simulator/device/virtual_usb.h"

#include <algorithm>
#include <utility>

namespace taxgate::simulator {

VirtualUsb::VirtualUsb(UsbIdentity identity, UsbFunction& function)
    : identity_(std::move(identity)), function_(function) {}

void VirtualUsb::plug(Hooks hooks) {
  const std::lock_guard lock(mutex_);
  if (hooks_) return;
  hooks_ = std::make_shared<Hooks>(std::move(hooks));
  moved_ = {};
  in_halted_ = out_halted_ = false;
  function_.power(true);
}

void VirtualUsb::unplug() {
  Fired fired;
  std::shared_ptr<Hooks> hooks;
  {
    const std::lock_guard lock(mutex_);
    if (!hooks_) return;
    hooks = std::exchange(hooks_, nullptr);
    drop_all(UsbEnd::gone, fired);
    function_.power(false);
  }
  tell(std::move(fired), hooks);
}

bool VirtualUsb::plugged() const {
  const std::lock_guard lock(mutex_);
  return hooks_ != nullptr;
}

void VirtualUsb::tell(Fired fired, const std::shared_ptr<Hooks>& hooks) {
  for (auto& completion : fired.done) hooks->complete(std::move(completion));
  if (fired.pulled && hooks->pulled) hooks->pulled(fired.pulled->replug_ms);
}

bool VirtualUsb::submit(UsbRequest request) {
  Fired fired;
  std::shared_ptr<Hooks> hooks;
  {
    const std::lock_guard lock(mutex_);
    if (!hooks_) return false;
    hooks = hooks_;
    ++counters_.transfers;
    under_way_.push_back(std::move(request));
    advance(fired);
  }
  tell(std::move(fired), hooks);
  return true;
}

bool VirtualUsb::cancel(std::uint64_t id) {
  Fired fired;
  std::shared_ptr<Hooks> hooks;
  {
    const std::lock_guard lock(mutex_);
    const auto at = std::ranges::find(under_way_, id, &UsbRequest::id);
    if (at == under_way_.end()) return false;
    under_way_.erase(at);
    fired.done.push_back({id, UsbEnd::cancelled, {}, 0});
    hooks = hooks_;
  }
  tell(std::move(fired), hooks);
  return true;
}

void VirtualUsb::cancel_all() {
  Fired fired;
  std::shared_ptr<Hooks> hooks;
  {
    const std::lock_guard lock(mutex_);
    if (!hooks_) return;
    hooks = hooks_;
    drop_all(UsbEnd::cancelled, fired);
  }
  tell(std::move(fired), hooks);
}

bool VirtualUsb::clear_halt(std::uint8_t endpoint) {
  Fired fired;
  std::shared_ptr<Hooks> hooks;
  {
    const std::lock_guard lock(mutex_);
    if (!hooks_) return false;
    hooks = hooks_;
    ++counters_.halts_cleared;
    (endpoint == kBulkIn ? in_halted_ : out_halted_) = false;
    function_.halt_cleared(endpoint);
    advance(fired);
  }
  tell(std::move(fired), hooks);
  return true;
}

bool VirtualUsb::reset() {
  Fired fired;
  std::shared_ptr<Hooks> hooks;
  {
    const std::lock_guard lock(mutex_);
    if (!hooks_) return false;
    hooks = hooks_;
    ++counters_.bus_resets;
    drop_all(UsbEnd::cancelled, fired);
    in_halted_ = out_halted_ = false;
    function_.bus_reset();
  }
  tell(std::move(fired), hooks);
  return true;
}

void VirtualUsb::set_pull(std::optional<Pull> pull) {
  const std::lock_guard lock(mutex_);
  pull_ = pull;
}
bool VirtualUsb::pull_pending() const {
  const std::lock_guard lock(mutex_);
  return pull_.has_value();
}
VirtualUsb::Bytes64 VirtualUsb::moved() const {
  const std::lock_guard lock(mutex_);
  return moved_;
}
VirtualUsb::Counters VirtualUsb::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

void VirtualUsb::drop_all(UsbEnd end, Fired& fired) {
  for (const auto& request : under_way_) fired.done.push_back({request.id, end, {}, 0});
  under_way_.clear();
}

void VirtualUsb::advance(Fired& fired) {
  // One transfer may set another free: again until nothing moves.
  for (bool moved = true; moved && hooks_;) {
    moved = false;
    for (auto it = under_way_.begin(); it != under_way_.end() && hooks_;) {
      if (advance_one(*it, fired)) {
        it = under_way_.erase(it);
        moved = true;
      } else {
        ++it;
      }
    }
  }
  if (!fired.pulled) return;
  hooks_ = nullptr;
  drop_all(UsbEnd::gone, fired);
  function_.power(false);
}

bool VirtualUsb::advance_one(UsbRequest& request, Fired& fired) {
  if (fired.pulled) return false;  // what is left ends as gone
  if (request.endpoint == 0) {
    UsbCompletion completion{request.id, UsbEnd::ok, {}, 0};
    if (!function_.control(request.setup, completion.data)) completion.end = UsbEnd::stalled;
    completion.data.resize(std::min(completion.data.size(), request.length));
    completion.moved = completion.data.size();
    fired.done.push_back(std::move(completion));
    return true;
  }
  bool done = false;
  if (request.endpoint == kBulkIn)
    move_in(request, fired, done);
  else
    move_out(request, fired, done);
  return done;
}

void VirtualUsb::move_out(UsbRequest& request, Fired& fired, bool& done) {
  done = true;
  if (out_halted_) return fired.done.push_back({request.id, UsbEnd::stalled, {}, 0});
  if (pull_ && pull_->direction == Direction::to_device && pull_->at_byte < moved_.to_device + request.data.size()) {
    const auto passes = static_cast<std::size_t>(pull_->at_byte - std::min(pull_->at_byte, moved_.to_device));
    fired.pulled = std::exchange(pull_, std::nullopt);
    return fired.done.push_back({request.id, UsbEnd::gone, {}, passes});
  }
  switch (function_.out(request.data)) {
    case UsbFunction::Take::wait:
      done = false;
      return;
    case UsbFunction::Take::stall:
      out_halted_ = true;
      return fired.done.push_back({request.id, UsbEnd::stalled, {}, 0});
    case UsbFunction::Take::taken:
      moved_.to_device += request.data.size();
      return fired.done.push_back({request.id, UsbEnd::ok, {}, request.data.size()});
  }
}

void VirtualUsb::move_in(UsbRequest& request, Fired& fired, bool& done) {
  done = true;
  if (in_halted_) return fired.done.push_back({request.id, UsbEnd::stalled, {}, 0});
  auto packet = function_.in(request.length);
  if (!packet) {
    done = false;
    return;
  }
  if (packet->stall) {
    in_halted_ = true;
    return fired.done.push_back({request.id, UsbEnd::stalled, {}, 0});
  }
  // A packet longer than what the host has room for: hardware would report an overflow and lose the rest.
  const std::size_t size = std::min(packet->bytes.size(), request.length);
  packet->bytes.resize(size);
  if (pull_ && pull_->direction == Direction::from_device && pull_->at_byte < moved_.from_device + size) {
    packet->bytes.resize(static_cast<std::size_t>(pull_->at_byte - std::min(pull_->at_byte, moved_.from_device)));
    fired.pulled = std::exchange(pull_, std::nullopt);
    const std::size_t passes = packet->bytes.size();
    return fired.done.push_back({request.id, UsbEnd::gone, std::move(packet->bytes), passes});
  }
  moved_.from_device += size;
  fired.done.push_back({request.id, UsbEnd::ok, std::move(packet->bytes), size});
}

}  // namespace taxgate::simulator
