// The probe and the reader watch: the two processes that talk to pcscd without owning a key.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "drivers/gmt0017/card_session.h"
#include "drivers/keyd/packet.h"
#include "drivers/keyd/worker.h"
#include "drivers/pcsc/pcsc_transport.h"
#include "drivers/pcsc/reader_watch.h"

namespace taxgate::keyd {
namespace {

// pcscd restarts in well under a second; a missing one is asked for every two.
constexpr std::chrono::milliseconds kFirstPause{50}, kLongestPause{2000};

}  // namespace

int run_probe(const std::string& reader) {
  const auto transport = pcsc::connect(reader);
  if (!transport) return 1;
  gmt0017::CardSession session(**transport);
  return session.device_info() ? 0 : 1;
}

int run_reader_watch(int channel) {
  pcsc::ReaderWatch watch;
  auto pause = kFirstPause;
  bool told_missing = false;
  for (;;) {
    auto readers = watch.next();
    worker::v1::Readers message;
    if (!readers) {
      if (!told_missing) {
        message.set_service(false);
        message.set_trouble(readers.error().detail);
        if (!send_packet(channel, message)) return 0;
        told_missing = true;
        pause = kFirstPause;
      }
      std::this_thread::sleep_for(pause);
      pause = std::min(pause * 2, kLongestPause);
      continue;
    }
    told_missing = false;
    message.set_service(true);
    for (const auto& facts : *readers) {
      auto* reader = message.add_readers();
      reader->set_name(facts.name);
      reader->set_card(facts.card);
      reader->set_mute(facts.mute);
      reader->set_events(facts.events);
    }
    if (!send_packet(channel, message)) return 0;
  }
}

}  // namespace taxgate::keyd
