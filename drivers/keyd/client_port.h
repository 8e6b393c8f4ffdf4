#pragma once
// The Unix socket: who may speak, framing, hello, bounded buffers.
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "drivers/keyd/event_loop.h"
#include "drivers/keyd/files.h"
#include "protocol/keyd_frame.h"

namespace taxgate::keyd {

/// taxgated is one client; a few more for the command line and tests. More is a mistake, and each costs a buffer.
inline constexpr std::size_t kMaxClients = 32;
/// A client that reads nothing while answers pile up is cut off: its orders are repeatable.
inline constexpr std::size_t kMaxUnsent = 8 * 1024 * 1024;

class ClientPort {
 public:
  struct Hooks {
    std::function<void(std::uint64_t client, const v1::Frame&)> frame;  // after the hello
    std::function<void(std::uint64_t client)> closed;
    std::function<void(const Error&)> refused;  // for the log: foreign uid, wrong version, broken frame
  };
  ClientPort(EventLoop& loop, uid_t allowed_uid, Hooks hooks);
  ~ClientPort();
  ClientPort(const ClientPort&) = delete;
  ClientPort& operator=(const ClientPort&) = delete;

  /// Binds and listens; a socket file left by a dead host is replaced. errors  invalid_input keyd.socket
  Result<void> listen(const std::string& path);
  /// Nothing happens when the client is gone.
  void send(std::uint64_t client, const v1::Frame& frame);
  void subscribe(std::uint64_t client);
  void send_to_subscribers(const v1::Frame& frame);

 private:
  struct Client {
    Fd fd;
    FrameCutter cutter;
    std::string unsent;
    bool greeted = false, subscribed = false, closing = false;
  };
  void accept_one();
  void readable(std::uint64_t id);
  void flush(std::uint64_t id);
  void handle(std::uint64_t id, const v1::Frame& frame);
  void close_later(std::uint64_t id);
  void close(std::uint64_t id);

  EventLoop& loop_;
  const uid_t allowed_uid_;
  Hooks hooks_;
  std::string path_;
  Fd listener_;
  std::map<std::uint64_t, std::unique_ptr<Client>> clients_;
  std::uint64_t next_ = 1;
};

}  // namespace taxgate::keyd
