#include "drivers/keyd/reader_slot.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <utility>

#include "drivers/keyd/packet.h"
#include "protocol/keyd_frame.h"

namespace taxgate::keyd {
namespace {

using std::chrono::milliseconds;

// A key that vanished mid-command is noticed by the worker first and by pcscd's polling 0.3 s later: the first pauses
// are short, and a card that fails every time costs one worker start every five seconds at most.
constexpr milliseconds kFirstPause{60}, kLongestPause{5000};
// A probe that ends without an answer (reader busy, pcscd restarting) is repeated; one that is still waiting is left
// alone, because every killed client of a silent reader leaves a thread behind in pcscd, whose number of clients is
// bounded.
constexpr milliseconds kFirstProbePause{250}, kLongestProbePause{30000};

bool needs_person(const Error& error) {
  return error.id.starts_with("key.pin_") || error.id == "key.locked" || error.id == "key.no_pin";
}

void kill_process(pid_t pid) {
  if (pid > 0) ::kill(pid, SIGKILL);  // reaped by the host's SIGCHLD
}

}  // namespace

ReaderSlot::ReaderSlot(EventLoop& loop, const Config& config, std::string reader, Way way, Hooks hooks)
    : loop_(loop),
      config_(config),
      reader_(std::move(reader)),
      way_(way),
      hooks_(std::move(hooks)),
      pause_(kFirstPause),
      probe_pause_(kFirstProbePause) {}

ReaderSlot::~ReaderSlot() {
  clear_timer();
  if (disk_timer_) loop_.cancel(*disk_timer_);
  if (state_ == SlotState::ready)
    release_worker();
  else
    drop_worker();
  drop_probe();
}

std::string_view ReaderSlot::state_name() const {
  switch (state_) {
    case SlotState::empty:
      return "gone";
    case SlotState::opening:
    case SlotState::logging_in:
      return "opening";
    case SlotState::ready:
    case SlotState::signing:
      return "ready";
    case SlotState::reading:
      return after_reading_ ? "opening" : "ready";  // after the login; later readings are nobody's business
    case SlotState::hung:
      return "hung";
    case SlotState::trouble:
      break;
  }
  const std::string_view id = trouble_ ? std::string_view(trouble_->id) : std::string_view();
  if (id == "key.pin_wrong") return "pin_wrong";
  if (id == "key.pin_last_try") return "pin_last_try";
  if (id == "key.locked") return "locked";
  if (id == "key.no_pin" || id == "key.pin_file_public") return "no_pin";
  if (id == "key.expired" || id == "key.not_yet_valid") return "expired";
  if (id == "key.duplicate") return "duplicate";
  if (id == "key.leased") return "leased";
  return "foreign";
}

void ReaderSlot::seen(const worker::v1::Reader& reader) {
  const bool swapped = events_ && *events_ != reader.events();
  events_ = reader.events();
  const bool here = reader.card() || reader.mute();
  closed_ = reader.has_trouble();
  if (closed_) {
    card_ = true;
    return set_trouble(from_failure(reader.trouble()));
  }
  if (!here) {
    if (card_) forget_card();
    return;
  }
  if (card_ && !swapped) return;
  if (card_) forget_card();
  card_ = true;
  pause_ = kFirstPause;
  probe_pause_ = kFirstProbePause;
  // A card that is silent at its reset has nothing to say to a worker; its next insertion is an event.
  if (reader.mute()) return set_trouble({Errc::device_gone, "key.mute", {}, reader_, {}, {}});
  start_worker();
}

void ReaderSlot::lost() {
  events_.reset();
  if (card_) forget_card();
}

void ReaderSlot::forget_card() {
  card_ = false;
  clear_timer();
  drop_worker();
  drop_probe();
  finish_sign(fail(Errc::device_gone, "key.gone"));
  trouble_.reset();
  tries_left_ = -1;
  enter(SlotState::empty, "gone");
  if (!lent_) key_.reset();
  pin_.reset();
  disk_.reset();
}

void ReaderSlot::reconsider() {
  // An opening or a login under way may have looked before the change: its refusal must be looked at once more.
  if (state_ == SlotState::opening || state_ == SlotState::logging_in) reconsider_again_ = true;
  // A silent card waits for its next insertion; a start that is due already needs no second one.
  if (state_ == SlotState::trouble && card_ && trouble_->id != "key.mute" && !closed_ && !timer_) start_worker();
}

void ReaderSlot::lend(Error why, SlotKey key) {
  lent_ = std::move(why);
  key_ = std::move(key);
  switch (state_) {
    case SlotState::signing:  // its answer comes within the deadline
    case SlotState::reading:
    case SlotState::logging_in:  // a PIN on its way is waited for: an unanswered attempt is a try nobody knows of
    case SlotState::empty:
    case SlotState::hung:  // the probe is the one process left, and ends when the card answers
      return hooks_.changed(*this, nullptr);
    case SlotState::opening:
    case SlotState::ready:
    case SlotState::trouble:
      return set_trouble(*lent_);
  }
}

void ReaderSlot::take_back() {
  lent_.reset();
  if (!card_) key_.reset();
  if (state_ == SlotState::trouble && trouble_->id == "key.leased" && card_) start_worker();
}

void ReaderSlot::kill_leaving() { kill_process(leaving_); }

void ReaderSlot::start_worker() {
  clear_timer();
  if (lent_) return set_trouble(*lent_);
  if (closed_) return;
  // Whoever held the card holds it until an attempt says otherwise: an order whose time ends meanwhile is told of it.
  if (trouble_ && trouble_->id != "key.reader_busy") trouble_.reset();
  auto child = start_self({"--worker", reader_});  // the name is for ps only
  if (!child) {
    set_trouble(child.error());
    return start_worker_later();
  }
  worker_ = std::move(*child);
  ++generation_;
  reconsider_again_ = false;
  loop_.watch(worker_->channel.get(), POLLIN, [this](short) { channel_ready(); });
  enter(SlotState::opening);
  worker::v1::ToWorker open;
  open.mutable_open()->set_reader(reader_);
  open.mutable_open()->set_application(config_.application);
  open.mutable_open()->set_container(config_.container);
  open.mutable_open()->set_disk_file(config_.disk_file);
  if (way_.kind == Way::Kind::usb_port) open.mutable_open()->set_usb_devices(config_.usb_devices);
  if (way_.kind == Way::Kind::skf_device) {
    open.mutable_open()->set_skf_library(way_.skf->library);
    open.mutable_open()->set_serial(way_.skf->serial);
    open.mutable_open()->set_application(way_.skf->application);
    open.mutable_open()->set_container(way_.skf->container);
  }
  if (reader_ == config_.trace_reader) open.mutable_open()->set_trace_file(config_.trace_file);
  order(std::move(open), config_.deadlines.open);
}

void ReaderSlot::start_worker_later() {
  clear_timer();
  timer_ = loop_.after(pause_, [this] {
    timer_.reset();
    start_worker();
  });
  pause_ = std::min(pause_ * 2, kLongestPause);
}

void ReaderSlot::drop_worker() {
  if (!worker_) return;
  loop_.forget(worker_->channel.get());
  kill_process(worker_->pid);
  worker_.reset();
}

void ReaderSlot::release_worker() {
  // A card in a reader is reset by pcscd when its worker is killed; only who waits for it to be free needs an orderly
  // end.
  if (!worker_ || (way_.kind == Way::Kind::reader && !lent_) || worker_->pid <= 0) return drop_worker();
  loop_.forget(worker_->channel.get());
  if (leaving_ > 0) kill_process(leaving_);
  leaving_ = worker_->pid;
  worker_.reset();  // the end of its channel is its word to go
}

void ReaderSlot::start_probe() {
  std::vector<std::string> arguments{"--probe", reader_};
  if (way_.kind == Way::Kind::usb_port) arguments.push_back(config_.usb_devices);
  if (way_.kind == Way::Kind::skf_device)
    arguments = arguments = {"--probe-skf", reader_, way_.skf->library, std::to_string(config_.deadlines.open.count())};
  auto child = start_self(arguments);
  if (!child) {
    clear_timer();
    timer_ = loop_.after(probe_pause_, [this] {
      timer_.reset();
      start_probe();
    });
    return;
  }
  probe_ = child->pid;
  probe_channel_ = std::move(child->channel);
}

void ReaderSlot::drop_probe() {
  kill_process(std::exchange(probe_, -1));
  probe_channel_.reset();
}

bool ReaderSlot::reaped(pid_t pid, int status) {
  if (pid == probe_) {
    probe_ = -1;
    probe_channel_.reset();
    if (state_ != SlotState::hung) return true;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
      pause_ = kFirstPause;
      start_worker();
      return true;
    }
    clear_timer();
    timer_ = loop_.after(probe_pause_, [this] {
      timer_.reset();
      start_probe();
    });
    probe_pause_ = std::min(probe_pause_ * 2, kLongestProbePause);
    return true;
  }
  if (pid == leaving_) {
    leaving_ = -1;
    hooks_.changed(*this, nullptr);
    return true;
  }
  if (!worker_ || pid != worker_->pid) return false;
  worker_->pid = -1;  // the number may belong to somebody else from now on
  const std::uint64_t generation = generation_;
  channel_ready();  // its last answer may still be there
  if (worker_ && generation == generation_) session_ended(worker_ended(status));
  return true;
}

/// Our own code does not end by itself in mid-session; a vendor's library may take its process down.
Error ReaderSlot::worker_ended(int status) const {
  if (way_.kind != Way::Kind::skf_device) return {Errc::outcome_unknown, "key.interrupted", {}, {}, {}, "worker ended"};
  return {Errc::outcome_unknown, "skf.crashed", {}, way_.skf->library, how_it_ended(status), {}};
}

bool ReaderSlot::order(worker::v1::ToWorker order, Milliseconds deadline) {
  clear_timer();
  order.set_call(++call_);
  if (!send_packet(worker_->channel.get(), order)) {
    // The worker is dead and its end not yet reaped; nothing of the order arrived.
    session_ended({Errc::device_gone, "key.gone", {}, {}, {}, "worker gone"});
    return false;
  }
  timer_ = loop_.after(deadline, [this] {
    timer_.reset();
    deadline_passed();
  });
  return true;
}

void ReaderSlot::channel_ready() {
  worker::v1::FromWorker answer;
  // One answer at most is under way; a second round finds the end of a worker that gave up its session.
  while (worker_) {
    switch (try_receive_packet(worker_->channel.get(), answer, packet_)) {
      case Received::nothing:
        return;
      case Received::closed:
        // How a vendor's library ended its process is known when it is reaped, in a moment.
        if (way_.kind == Way::Kind::skf_device) return loop_.forget(worker_->channel.get());
        return session_ended({Errc::outcome_unknown, "key.interrupted", {}, {}, {}, "worker ended"});
      case Received::message:
        if (answer.call() == call_) answered(answer);
    }
  }
}

void ReaderSlot::answered(const worker::v1::FromWorker& answer) {
  clear_timer();
  if (answer.pin_tries_left() >= 0) tries_left_ = answer.pin_tries_left();
  if (answer.has_failure()) {
    Error error = from_failure(answer.failure());
    if (answer.session_lost()) return session_ended(std::move(error));
    if (state_ == SlotState::reading && error.id != "key.reset") return disk_unread(error);
    if (error.id == "key.disk_refused" && state_ == SlotState::signing) {
      // The session is as good as before; what the disk holds now says why.
      disk_due_ = true;
      rest_or_read();
      return finish_sign(std::unexpected(std::move(error)));
    }
    // A refusal while signing is cured by a fresh session or not at all; a refused login needs a person.
    if (error.id == "key.reset" || (state_ == SlotState::signing && !needs_person(error)))
      return session_ended(std::move(error));
    const Error told = error;
    set_trouble(std::move(error));
    return finish_sign(std::unexpected(told));
  }
  if (answer.has_identity()) {
    trouble_.reset();
    return identified(answer);
  }
  if (answer.has_logged_in()) {
    pause_ = kFirstPause;
    disk_due_ = !config_.disk_file.empty();
    return rest_or_read("ready");
  }
  if (answer.has_disk_seen()) return disk_seen(answer.disk_seen());
  if (answer.has_signed_() && state_ == SlotState::signing) {
    const std::string& bytes = answer.signed_().signature();
    Signature signature{};
    if (bytes.size() != signature.size())
      return session_ended({Errc::corrupt, "key.card_format", {}, {}, {}, "signature size"});
    std::copy(bytes.begin(), bytes.end(), signature.begin());
    if (disk_) disk_was_used();
    rest_or_read();
    finish_sign(signature);
  }
}

void ReaderSlot::identified(const worker::v1::FromWorker& answer) {
  const auto& identity = answer.identity();
  SlotKey key;
  key.serial = identity.serial();
  key.certificate.assign(identity.certificate().begin(), identity.certificate().end());
  auto facts = read_certificate(key.certificate);
  if (!facts) return set_trouble(facts.error());
  key.facts = std::move(*facts);
  const bool same = key_ && key_->serial == key.serial && key_->facts.sha256 == key.facts.sha256;
  key_ = std::move(key);
  if (!same) hooks_.changed(*this, "appeared");
  auto pin = hooks_.admit(*this);
  if (!pin) return set_trouble(pin.error());
  pin_ = std::move(*pin);
  log_in();
}

void ReaderSlot::log_in() {
  enter(SlotState::logging_in);
  worker::v1::ToWorker login;
  login.mutable_login()->set_pin_file(pin_->file);
  login.mutable_login()->set_pin_identity(pin_->identity_name);
  login.mutable_login()->set_ledger_dir(config_.ledger_directory());
  order(std::move(login), config_.deadlines.login);
}

void ReaderSlot::sign(std::string_view message) {
  enter(SlotState::signing);
  sign_open_ = true;
  worker::v1::ToWorker order_to_sign;
  auto* sign = order_to_sign.mutable_sign();
  sign->set_message(message.data(), message.size());
  sign->set_signer_id(config_.signer_id);
  sign->set_verify(config_.verify_signatures);
  order(std::move(order_to_sign), config_.deadlines.sign);
}

void ReaderSlot::deadline_passed() {
  drop_worker();
  trouble_ = Error{Errc::retry_later, "key.hung", {}, reader_, {}, {}};
  enter(SlotState::hung, "quarantined");
  // Another key may sign it; this one may have signed as well, which harms nobody: the signature never left the card.
  finish_sign(fail(Errc::retry_later, "key.hung", {}, reader_));
  start_probe();
}

void ReaderSlot::session_ended(Error why) {
  drop_worker();
  const bool wanted = card_;
  const bool news = reported_trouble_ != why.id;
  reported_trouble_ = why.id;
  trouble_ = why;
  enter(SlotState::opening, news ? "failed" : nullptr);
  finish_sign(std::unexpected(std::move(why)));
  if (wanted) start_worker_later();
}

void ReaderSlot::set_trouble(Error error) {
  // The reader is given free: a person may have to enter the PIN with the key's own program, and a card that is no tax
  // key is not ours to hold.
  clear_timer();
  release_worker();
  // Known trouble again (a PIN file touched, another key gone) is no news.
  const bool news = reported_trouble_ != error.id;
  reported_trouble_ = error.id;
  const bool leased = error.id == "key.leased";
  trouble_ = std::move(error);
  enter(SlotState::trouble, !news ? nullptr : leased ? "leased" : "failed");
  if (!std::exchange(reconsider_again_, false)) return;
  timer_ = loop_.after(milliseconds(0), [this] {
    timer_.reset();
    reconsider();
  });
}

void ReaderSlot::enter(SlotState state, const char* what) {
  state_ = state;
  if (state == SlotState::ready || state == SlotState::empty) {
    trouble_.reset();
    reported_trouble_.clear();
  }
  hooks_.changed(*this, what);
}

void ReaderSlot::finish_sign(Result<Signature> result) {
  if (std::exchange(sign_open_, false)) hooks_.signed_(*this, std::move(result));
}

void ReaderSlot::clear_timer() {
  if (timer_) loop_.cancel(*timer_);
  timer_.reset();
}

}  // namespace taxgate::keyd
