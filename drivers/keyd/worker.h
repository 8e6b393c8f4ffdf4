#pragma once
// The process that owns one reader's key. It may block for ever: the host kills it then.
#include <functional>
#include <memory>
#include <string>

#include "drivers/gmt0017/key_device.h"
#include "drivers/keyd/guarded_login.h"
#include "protocol/keyd_worker.pb.h"

namespace taxgate::keyd {

using OpenKey = std::function<Result<std::unique_ptr<KeyDevice>>(const worker::v1::Open&)>;

/// Turns one order into one answer; all state of a worker. Open comes first, Login before Sign.
class Worker {
 public:
  explicit Worker(OpenKey open) : open_(std::move(open)) {}
  worker::v1::FromWorker handle(const worker::v1::ToWorker& order);

 private:
  Result<void> open(const worker::v1::Open& order, worker::v1::FromWorker& answer);
  Result<void> login(worker::v1::FromWorker& answer);
  Result<void> sign(const worker::v1::Sign& order, worker::v1::FromWorker& answer);

  OpenKey open_;
  std::unique_ptr<KeyDevice> key_;
  std::string serial_;
  PinSource pin_;
  std::string ledger_directory_;
};

/// Serves orders from the SOCK_SEQPACKET socket until it closes or the key session is lost. returns the exit code
int run_worker(int channel, OpenKey open);
/// Connects to the reader and asks the card who it is, to learn whether it answers at all. returns 0 when it does
int run_probe(const std::string& reader);
/// Reports the reader list on the socket whenever it changes.
int run_reader_watch(int channel);

}  // namespace taxgate::keyd
