#include "drivers/keyd/host.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/core/service_notify.h"
#include "drivers/keyd/child_process.h"
#include "drivers/keyd/client_port.h"
#include "drivers/keyd/event_loop.h"
#include "drivers/keyd/issuer.h"
#include "drivers/keyd/key_leases.h"
#include "drivers/keyd/key_list.h"
#include "drivers/keyd/packet.h"
#include "drivers/keyd/reader_slot.h"
#include "drivers/keyd/sign_desk.h"
#include "drivers/keyd/wall_clock.h"
#include "drivers/keyd/worker.h"
#include "drivers/skf/skf_key.h"
#include "protocol/keyd_frame.h"
#include "protocol/legal_time.h"

namespace taxgate::keyd {
namespace {

using std::chrono::milliseconds;

// The reader watch only ends when it crashes; not to be restarted in a tight loop.
constexpr milliseconds kWatchPause{500};
// A library that cannot be used is looked at again: it may have been replaced. Also the first pause after a crash.
constexpr milliseconds kLibraryPause{1000}, kLongestLibraryPause{30'000};
// For workers to give USB devices back to the kernel when the host stops: it takes them a few milliseconds, on a
// starved machine seconds. Less than the service has to stop (TimeoutStopSec).
constexpr milliseconds kFarewell{5000}, kFarewellStep{5};

class Host {
 public:
  Host(const Config& config, const LogSink& log, SignLog sign_log, IssuerCheck issuer)
      : config_(config),
        log_(log),
        sign_log_(std::move(sign_log)),
        issuer_(std::move(issuer)),
        desk_(
            loop_, config_, sign_log_, [this] { return slots(); },
            [this](ReaderSlot& slot, const char* what) { tell(slot, what, desk_.resting(slot.key()->serial)); }),
        leases_(
            loop_, [this] { return slots(); }, config.lease_file()),
        keys_(desk_, leases_),
        port_(loop_, config.allowed_uid,
              {.frame = [this](std::uint64_t client, const v1::Frame& frame) { client_frame(client, frame); },
               .closed = [this](std::uint64_t client) { desk_.forget_owner(client); },
               .refused = [this](const Error& error) { report(LogLevel::warning, error, "client refused"); }}) {}

  Result<void> start() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set, signal);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    signals_ = Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    loop_.watch(signals_.get(), POLLIN, [this](short) { signalled(); });
    watch_pin_files();
    if (auto listening = port_.listen(config_.socket); !listening) return listening;
    if (auto lent = leases_.restore()) {
      for (const SlotKey& key : *lent) keys_.remember(key);
    } else {
      report(LogLevel::error, lent.error(), "leases");  // keys are taken up as if none were lent
    }
    watches_.push_back({.way = {Way::Kind::reader, nullptr}});
    if (!config_.usb_devices.empty()) watches_.push_back({.way = {Way::Kind::usb_port, nullptr}});
    for (const SkfLibrary& skf : config_.skf) watches_.push_back({.way = {Way::Kind::skf_device, &skf}});
    for (Watch& watch : watches_) start_watch(watch);
    log_(LogLevel::notice, "keyd.started",
         fmt::format("socket {}, log number {}", config_.socket, sign_log_.last_number()));
    notify_.ready("serves");
    watch_ourselves();
    return {};
  }

  void run() {
    loop_.run();
    for (ReaderSlot* slot : slots()) desk_.slot_removed(*slot);
    slots_.clear();
    if (config_.usb_devices.empty() && config_.skf.empty()) return;
    // The watches own nothing; workers that end by themselves are waited for.
    const auto until = std::chrono::steady_clock::now() + kFarewell;
    for (const Watch& watch : watches_)
      if (watch.pid > 0) ::kill(watch.pid, SIGKILL);
    while (std::chrono::steady_clock::now() < until)
      if (const pid_t pid = ::waitpid(-1, nullptr, WNOHANG); pid < 0)
        return;
      else if (pid == 0)
        std::this_thread::sleep_for(kFarewellStep);
  }

 private:
  /// A process that reports which readers there are, and what it reported last.
  struct Watch {
    Way way;
    pid_t pid = -1;
    Fd channel = {};
    std::optional<bool> service = {};  // does what it asks answer; unknown at first
    milliseconds pause = kLibraryPause;
  };

  std::vector<ReaderSlot*> slots() {
    std::vector<ReaderSlot*> list;
    for (const auto& [name, slot] : slots_) list.push_back(slot.get());
    return list;
  }

  void report(LogLevel level, const Error& error, std::string_view context) {
    log_(level, error.id,
         fmt::format("{}{}{}{}{}{}{}", context, error.wanted.empty() ? "" : ": ", error.wanted,
                     error.left.empty() ? "" : ", left ", error.left, error.detail.empty() ? "" : ": ", error.detail));
  }

  // ---- signals and files ----

  /// systemd's watchdog hears from this loop only while it turns. Without a watchdog there is no timer.
  void watch_ourselves() {
    if (notify_.alive_interval().count() == 0) return;
    notify_.alive();
    loop_.after(notify_.alive_interval(), [this] { watch_ourselves(); });
  }

  void signalled() {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) {
        notify_.stopping("stopping");
        loop_.stop();
      }
      if (info.ssi_signo == SIGHUP) {
        notify_.reloading();
        reconsider();
        notify_.ready("serves; keys in trouble were asked again");
      }
    }
    int status = 0;
    pid_t pid = 0;
    while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
      if (const auto watch = std::ranges::find(watches_, pid, &Watch::pid); watch != watches_.end()) {
        watch_ended(*watch, status);
        continue;
      }
      for (ReaderSlot* slot : slots())
        if (slot->reaped(pid, status)) break;
    }
  }

  void watch_pin_files() {
    pin_events_ = Fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!pin_events_) return;
    std::set<std::string> directories;
    for (const PinRule& rule : config_.pins)
      directories.insert(std::filesystem::path(rule.source.file).parent_path().string());
    for (const std::string& directory : directories)
      ::inotify_add_watch(pin_events_.get(), directory.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ATTRIB);
    loop_.watch(pin_events_.get(), POLLIN, [this](short) {
      char buffer[4096];
      while (::read(pin_events_.get(), buffer, sizeof buffer) > 0) {
      }
      reconsider();
    });
  }

  void reconsider() {
    for (ReaderSlot* slot : slots()) slot->reconsider();
  }

  // ---- readers ----

  void start_watch(Watch& watch) {
    std::vector<std::string> arguments{"--watch-readers"};
    if (watch.way.kind == Way::Kind::usb_port) arguments = {"--watch-usb", config_.usb_devices};
    if (watch.way.skf)
      arguments = {"--watch-skf", watch.way.skf->library, watch.way.skf->device,
                   std::to_string(config_.deadlines.open.count())};
    auto child = start_self(arguments);
    if (!child) {
      report(LogLevel::error, child.error(), arguments.front());
      loop_.after(kWatchPause, [this, &watch] { start_watch(watch); });
      return;
    }
    watch.pid = child->pid;
    watch.channel = std::move(child->channel);
    loop_.watch(watch.channel.get(), POLLIN, [this, &watch](short) { list_changed(watch); });
  }

  void watch_ended(Watch& watch, int status) {
    watch.pid = -1;
    if (watch.channel) list_changed(watch);  // its last word may still be there
    if (watch.channel) loop_.forget(watch.channel.get());
    watch.channel.reset();
    loop_.after(watch.way.skf ? watch.pause : kWatchPause, [this, &watch] { start_watch(watch); });
    if (watch.way.skf) library_ended(watch, status);
  }

  /// A library that cannot be used stands in the key list under its own name. The keys it showed stay: their workers
  /// say when they are gone.
  void library_ended(Watch& watch, int status) {
    watch.pause = std::min(watch.pause * 2, kLongestLibraryPause);
    if (WIFEXITED(status) && WEXITSTATUS(status) == kSaidWhy) return;
    const bool hung = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
    const Error error{
        Errc::retry_later, hung ? "skf.hung" : "skf.crashed", {}, watch.way.skf->library, how_it_ended(status), {}};
    worker::v1::Reader reader;
    reader.set_name(skf::reader_prefix(watch.way.skf->library));
    *reader.mutable_trouble() = to_failure(error);
    slot_of(watch, reader.name()).seen(reader);
  }

  void list_changed(Watch& watch) {
    worker::v1::Readers list;
    for (;;) {
      switch (try_receive_packet(watch.channel.get(), list, packet_)) {
        case Received::nothing:
          return;
        case Received::closed:
          loop_.forget(watch.channel.get());  // SIGCHLD does the rest
          watch.channel.reset();
          return;
        case Received::message:
          apply(watch, list);
      }
    }
  }

  void apply(Watch& watch, const worker::v1::Readers& list) {
    const bool usb = watch.way.kind == Way::Kind::usb_port;
    if (list.service() != watch.service) {
      watch.service = list.service();
      if (watch.way.skf)
        log_(LogLevel::notice, "skf.service", watch.way.skf->library + " is watched");
      else if (list.service())
        log_(LogLevel::notice, usb ? "usb.service" : "pcsc.service", usb ? "USB devices are watched" : "pcscd answers");
      else
        log_(LogLevel::warning, usb ? "usb.no_service" : "pcsc.no_service", list.trouble());
    }
    // A matching file that cannot be read for a moment, while it is edited, takes no key away.
    if (usb && !list.service()) return;
    if (std::ranges::none_of(list.readers(), [](const auto& one) { return one.has_trouble(); }))
      watch.pause = kLibraryPause;
    std::set<std::string> named;
    for (const auto& reader : list.readers()) named.insert(reader.name());
    for (auto it = slots_.begin(); it != slots_.end();) {
      if (it->second->way() != watch.way || named.contains(it->first)) {
        ++it;
        continue;
      }
      it->second->lost();
      desk_.slot_removed(*it->second);
      it = slots_.erase(it);
    }
    for (const auto& reader : list.readers()) slot_of(watch, reader.name()).seen(reader);
  }

  ReaderSlot& slot_of(const Watch& watch, const std::string& name) {
    auto& slot = slots_[name];
    if (slot) return *slot;
    slot = std::make_unique<ReaderSlot>(
        loop_, config_, name, watch.way,
        ReaderSlot::Hooks{.admit = [this](ReaderSlot& one) { return admit(one); },
                          .changed = [this](ReaderSlot& one, const char* what) { slot_changed(one, what); },
                          .signed_ = [this](ReaderSlot& one,
                                            Result<Signature> result) { desk_.slot_signed(one, std::move(result)); }});
    leases_.slot_added(*slot);
    return *slot;
  }

  /// May this key be used, and what opens it? All that is checked before a PIN is thought of.
  Result<PinSource> admit(ReaderSlot& slot) {
    const SlotKey& key = *slot.key();
    for (ReaderSlot* other : slots()) {
      // A silent reader does not keep its key's name, nor does a lent one: the key may have been moved to this reader.
      if (other == &slot || !other->key() || other->key()->serial != key.serial || other->lent() ||
          other->state() == SlotState::hung)
        continue;
      if (other->trouble() && other->trouble()->id == "key.duplicate") continue;
      return fail(Errc::rejected, "key.duplicate", {}, key.serial, other->reader());
    }
    if (auto lent = leases_.trouble_of(key.serial)) return std::unexpected(std::move(*lent));
    if (key.facts.taxpayer.empty()) return fail(Errc::rejected, "key.foreign", {}, key.facts.subject);
    if (auto valid = check_validity(key.facts, wall_ms()); !valid) return std::unexpected(valid.error());
    if (auto chained = issuer_.check(key.certificate); !chained) return std::unexpected(chained.error());
    const PinSource* pin = config_.pin_for(key.serial, key.facts.taxpayer);
    if (!pin)
      return fail(Errc::rejected, "key.no_pin", {}, key.serial, {}, "no [[pin]] names this key or its taxpayer");
    return *pin;
  }

  void slot_changed(ReaderSlot& slot, const char* what) {
    desk_.slots_changed();
    leases_.slot_changed(slot);
    if (!what) return;
    const std::string_view event(what);
    tell(slot, what, slot.trouble());
    // A duplicate waits for its twin to go; asked after this change is complete.
    if (event == "gone" || event == "quarantined")
      loop_.defer([this] {
        for (ReaderSlot* one : slots())
          if (one->trouble() && one->trouble()->id == "key.duplicate") one->reconsider();
      });
  }

  /// To log and subscribers.
  void tell(ReaderSlot& slot, const char* what, const std::optional<Error>& trouble) {
    const std::string_view event(what);
    if (slot.key() && keys_.remember(slot))
      log_(LogLevel::notice, "key.certificate_changed",
           fmt::format("{} has another certificate than before", slot.key()->serial));
    const std::string name =
        fmt::format("{} in {}", slot.key() ? slot.key()->serial : std::string("card"), slot.reader());
    if (trouble)
      report(LogLevel::warning, *trouble, fmt::format("{} {}", name, event));
    else
      log_(LogLevel::info, fmt::format("key.{}", event), name);
    v1::Frame frame;
    frame.mutable_key_event()->set_what(what);
    keys_.describe(slot, *frame.mutable_key_event()->mutable_key());
    port_.send_to_subscribers(frame);
  }

  // ---- clients ----

  void client_frame(std::uint64_t client, const v1::Frame& frame) {
    switch (frame.body_case()) {
      case v1::Frame::kSign:
        return desk_.accept(client, frame.sign(), [this, client](v1::SignReply reply) {
          v1::Frame out;
          *out.mutable_signed_() = std::move(reply);
          port_.send(client, out);
        });
      case v1::Frame::kListKeys: {
        v1::Frame out;
        out.mutable_keys()->set_request(frame.list_keys().request());
        keys_.list(slots(), *out.mutable_keys());
        return port_.send(client, out);
      }
      case v1::Frame::kLease:
        return lease(client, frame.lease());
      case v1::Frame::kLog: {
        v1::Frame out;
        auto& reply = *out.mutable_log_lines();
        reply.set_request(frame.log().request());
        if (auto piece = sign_log_.read(frame.log().offset())) {
          reply.set_lines(std::move(piece->lines));
          reply.set_size(piece->size);
        } else {
          *reply.mutable_failure() = to_failure(piece.error());
        }
        return port_.send(client, out);
      }
      case v1::Frame::kSubscribe:
        return port_.subscribe(client);
      default:
        return;  // a newer client's frame within the agreed version: nothing is owed
    }
  }

  void lease(std::uint64_t client, const v1::LeaseRequest& request) {
    leases_.request(request, [this, client, request](Result<void> done) {
      v1::Frame out;
      out.mutable_leased()->set_request(request.request());
      if (!done) *out.mutable_leased()->mutable_failure() = to_failure(done.error());
      v1::ListKeysReply keys;
      keys_.list(slots(), keys);
      for (const auto& key : keys.keys())
        if (key.serial() == request.serial()) *out.mutable_leased()->mutable_key() = key;
      log_(done ? LogLevel::notice : LogLevel::warning, done ? "key.lease" : done.error().id,
           fmt::format("{} {} by {}: {}", request.serial(), request.seconds() > 0 ? "lent" : "taken back",
                       request.holder(), request.reason()));
      port_.send(client, out);
    });
  }

  const Config& config_;
  const LogSink& log_;
  SignLog sign_log_;
  IssuerCheck issuer_;
  EventLoop loop_;
  SignDesk desk_;
  KeyLeases leases_;
  KeyList keys_;
  ClientPort port_;
  const ServiceNotify notify_ = ServiceNotify::from_environment();
  Fd signals_, pin_events_;
  std::list<Watch> watches_;  // callbacks refer to them
  std::map<std::string, std::unique_ptr<ReaderSlot>> slots_;
  std::string packet_;
};

}  // namespace

Result<void> run_host(const Config& config, const LogSink& log) {
  const auto no_directory = [&](int error) {
    return fail(Errc::invalid_input, "keyd.state_directory", "state_directory", config.state_directory, {},
                std::strerror(error));
  };
  if (const int error = make_private_directory(config.state_directory); error != 0) return no_directory(error);
  if (const int error = make_private_directory(config.ledger_directory()); error != 0) return no_directory(error);
  const Fd lock(::open(config.lock_file().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return no_directory(errno);
  // A child that the last host had begun and not yet exec'ed holds its descriptor, and so the lock, a moment longer.
  constexpr std::chrono::milliseconds kPatience{2'000}, kPause{10};
  for (const auto until = std::chrono::steady_clock::now() + kPatience; ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0;
       std::this_thread::sleep_for(kPause))
    if (std::chrono::steady_clock::now() >= until)
      return fail(Errc::rejected, "keyd.running", {}, config.state_directory);
  auto sign_log = SignLog::open(config.log_file());
  if (!sign_log) return std::unexpected(sign_log.error());
  auto issuer = IssuerCheck::load(config.issuer_ca);
  if (!issuer) return std::unexpected(issuer.error());
  Host host(config, log, std::move(*sign_log), std::move(*issuer));
  if (auto started = host.start(); !started) return started;
  host.run();
  return {};
}

}  // namespace taxgate::keyd
