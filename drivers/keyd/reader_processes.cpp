// The probe and the two watches: the processes that look at readers and ports without owning a key.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "daemon/core/processes.h"
#include "drivers/gmt0017/card_session.h"
#include "drivers/keyd/packet.h"
#include "drivers/keyd/worker.h"
#include "drivers/pcsc/pcsc_transport.h"
#include "drivers/pcsc/reader_watch.h"
#include "drivers/usb/usb_devices.h"
#include "drivers/usb/usb_transport.h"

namespace taxgate::keyd {
namespace {

// pcscd restarts in well under a second; a missing one is asked for every two.
constexpr std::chrono::milliseconds kFirstSpawnPause{50}, kLongestSpawnPause{2000};

constexpr std::string_view kUsb = "USB ";  // before a port, in a reader's name

/// The error with the programs that may be the rival, as far as /proc shows them to us; unchanged for any other error.
Error with_rivals(Error error, const std::string& device_file) {
  if (error.id != "key.reader_busy") return error;
  auto rivals = device_file.empty() ? proc::users_of_library("libpcsclite.so") : proc::holders_of(device_file);
  std::erase_if(rivals, [](const auto& one) { return one.name == "taxgate-keyd" || one.name == "pcscd"; });
  error.wanted = rivals.empty() ? "?" : proc::text(rivals);
  return error;
}

}  // namespace

Result<std::unique_ptr<ApduTransport>> connect_card(const std::string& reader, const std::string& usb_devices) {
  if (usb_devices.empty()) {
    auto transport = pcsc::connect(reader);
    // Which reader a client of pcscd holds only pcscd knows: named are all that could.
    if (!transport) return std::unexpected(with_rivals(std::move(transport.error()), {}));
    return transport;
  }
  const auto table = usb::DeviceTable::load(usb_devices);
  if (!table) return std::unexpected(table.error());
  const auto device = usb::device_at(reader.substr(std::min(reader.size(), kUsb.size())));
  if (!device) return std::unexpected(device.error());
  const usb::DeviceRow* row = table->find(*device);
  // The host named it a moment ago: another device is in this port by now.
  if (!row || !row->use) return fail(Errc::device_gone, "key.gone", {}, {}, {}, "no tax key at " + reader);
  auto bulk = usb::open_device(*device);
  if (!bulk)
    return std::unexpected(
        with_rivals(std::move(bulk.error()), fmt::format("/dev/bus/usb/{:03}/{:03}", device->bus, device->address)));
  return usb::apdu_over_bulk(std::move(*bulk), row->quirks,
                             [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); });
}

int run_probe(const std::string& reader, const std::string& usb_devices) {
  const auto transport = connect_card(reader, usb_devices);
  if (!transport) return 1;
  gmt0017::CardSession session(**transport);
  return session.device_info() ? 0 : 1;
}

int run_usb_watch(int channel, const std::string& usb_devices) {
  usb::DeviceWatch watch;
  std::string told = "-";  // as sent last; no list is serialised to this
  auto pause = kFirstSpawnPause;
  for (;;) {
    worker::v1::Readers message;
    auto devices = watch.next();
    // Read anew each time: what the operator adds counts from the next device on, without a restart.
    const auto table = usb::DeviceTable::load(usb_devices);
    if (!devices || !table) {
      message.set_trouble(!devices ? devices.error().detail : table.error().id + " " + table.error().left);
    } else {
      message.set_service(true);
      for (const auto& device : *devices) {
        const usb::DeviceRow* row = table->find(device);
        if (!row || !row->use) continue;
        auto* reader = message.add_readers();
        reader->set_name(std::string(kUsb) + device.port);
        reader->set_card(true);
        reader->set_events(device.address);
      }
    }
    // Mice and sticks come and go too.
    if (std::string now = message.SerializeAsString(); now != told) {
      if (!send_packet(channel, message)) return 0;
      told = std::move(now);
    }
    if (devices) {
      pause = kFirstSpawnPause;
      continue;
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, kLongestSpawnPause);
  }
}

int run_reader_watch(int channel) {
  pcsc::ReaderWatch watch;
  auto pause = kFirstSpawnPause;
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
        pause = kFirstSpawnPause;
      }
      std::this_thread::sleep_for(pause);
      pause = std::min(pause * 2, kLongestSpawnPause);
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
