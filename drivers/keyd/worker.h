#pragma once
// The process that owns one reader's key. It may block for ever: the host kills it then.
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "drivers/gmt0017/apdu_transport.h"
#include "drivers/gmt0017/key_device.h"
#include "drivers/keyd/guarded_login.h"
#include "protocol/keyd_worker.pb.h"

namespace taxgate::keyd {

using OpenKey = std::function<Result<std::unique_ptr<KeyDevice>>(const worker::v1::Open&)>;

/// Turns one order into one answer; all state of a worker. Open comes first, Login before Sign and
/// ReadDisk.
class Worker {
 public:
  explicit Worker(OpenKey open) : open_(std::move(open)) {}
  worker::v1::FromWorker handle(const worker::v1::ToWorker& order);

 private:
  Result<void> open(const worker::v1::Open& order, worker::v1::FromWorker& answer);
  Result<void> login(worker::v1::FromWorker& answer);
  Result<void> sign(const worker::v1::Sign& order, worker::v1::FromWorker& answer);
  Result<void> read_disk(worker::v1::FromWorker& answer);

  OpenKey open_;
  std::unique_ptr<KeyDevice> key_;
  std::string serial_;
  PinSource pin_;
  std::string ledger_directory_;
};

/// Serves orders from the SOCK_SEQPACKET socket until it closes or the key session is lost. returns the exit code
int run_worker(int channel, OpenKey open);
/// Connects to the reader and asks the card who it is, to learn whether it answers at all. returns 0 when it does
/// usb_devices  path of the USB matching file when `reader` is a USB port; empty: a PC/SC reader
int run_probe(const std::string& reader, const std::string& usb_devices);
/// The same for a device of an SKF library. Killed by the kernel (SIGALRM) when the library does not answer in time:
/// unlike a silent card behind pcscd, a device whose client was killed is free again.
int run_skf_probe(const std::string& reader, const std::string& library, std::chrono::milliseconds patience);
/// Reports the reader list on the socket whenever it changes.
int run_reader_watch(int channel);
/// The same for the USB devices that the matching file takes for tax keys. Opens none of them.
int run_usb_watch(int channel, const std::string& usb_devices);
inline constexpr int kSaidWhy = 86;  // an exit code that a crashing library is not likely to choose
/// Lists the library's devices whose names contain `device` and reports them whenever the list changes; a library that
/// cannot be used is reported as such, then the process ends with kSaidWhy. Killed by the kernel (SIGALRM) when a call
/// takes too long.
int run_skf_watch(int channel, const std::string& library, const std::string& device,
                  std::chrono::milliseconds patience);
/// The way to the card in a reader or, when `usb_devices` is not empty, at a USB port. errors: of the driver
Result<std::unique_ptr<ApduTransport>> connect_card(const std::string& reader, const std::string& usb_devices);

}  // namespace taxgate::keyd
