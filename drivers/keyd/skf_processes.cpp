// The watch and the probe of a vendor's SKF library: processes that run foreign code and may be lost.
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "drivers/keyd/packet.h"
#include "drivers/keyd/worker.h"
#include "drivers/skf/skf_key.h"
#include "protocol/keyd_frame.h"

namespace taxgate::keyd {
namespace {

// SKF_WaitForDevEvent would be the way to sleep until something happens; libraries exist that do not have it, return at
// once, or never. A list costs a few milliseconds, a plugged key waits this long at most.
constexpr std::chrono::milliseconds kLook{1000};
/// While it lives the kernel counts: a library that does not come back in time ends with its process.
class Patience {
 public:
  explicit Patience(std::chrono::milliseconds time) {
    // The library may have changed either.
    sigset_t alarm;
    ::sigemptyset(&alarm);
    ::sigaddset(&alarm, SIGALRM);
    ::signal(SIGALRM, SIG_DFL);
    ::sigprocmask(SIG_UNBLOCK, &alarm, nullptr);
    count_to(time);
  }
  ~Patience() { count_to({}); }
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;

 private:
  static void count_to(std::chrono::milliseconds time) {
    itimerval timer{};
    timer.it_value = {.tv_sec = time.count() / 1000, .tv_usec = time.count() % 1000 * 1000};
    ::setitimer(ITIMER_REAL, &timer, nullptr);
  }
};

bool tell(int channel, const worker::v1::Readers& message, std::string& told) {
  std::string now = message.SerializeAsString();
  if (now == told) return true;
  told = std::move(now);
  return send_packet(channel, message);
}

worker::v1::Readers unusable(const std::string& library, const Error& error) {
  worker::v1::Readers message;
  message.set_service(true);
  auto* reader = message.add_readers();
  reader->set_name(skf::reader_prefix(library));
  reader->set_card(true);
  *reader->mutable_trouble() = to_failure(error);
  return message;
}

}  // namespace

int run_skf_watch(int channel, const std::string& path, const std::string& device, std::chrono::milliseconds patience) {
  std::string told = "-";  // as sent last; no list is serialised to this
  auto library = [&] {
    const Patience counting(patience);
    return skf::Library::load(path);
  }();
  if (!library) {
    tell(channel, unusable(path, library.error()), told);
    return kSaidWhy;
  }
  for (;; std::this_thread::sleep_for(kLook)) {
    const auto devices = [&] {
      const Patience counting(patience);
      return (*library)->devices();
    }();
    worker::v1::Readers message;
    message.set_service(true);
    if (!devices) message = unusable(path, devices.error());
    for (const std::string& name : devices ? *devices : std::vector<std::string>{}) {
      if (name.find(device) == std::string::npos) continue;
      auto* reader = message.add_readers();
      reader->set_name(skf::reader_name(path, name));
      reader->set_card(true);
    }
    if (!tell(channel, message, told)) return 0;
  }
}

int run_skf_probe(const std::string& reader, const std::string& library, std::chrono::milliseconds patience) {
  const Patience counting(patience);
  const auto key =
      skf::open_key({.library = library, .reader = reader, .serial = {}, .application = {}, .container = {}});
  if (!key) return 1;
  const auto identity = (*key)->identify();
  return identity || identity.error().code != Errc::device_gone ? 0 : 1;  // a refusal is an answer: the worker says it
}

}  // namespace taxgate::keyd
