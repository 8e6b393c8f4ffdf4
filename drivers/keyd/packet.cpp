#include "drivers/keyd/packet.h"

#include <google/protobuf/message_lite.h>
#include <sys/socket.h>

#include <cerrno>

namespace taxgate::keyd {

bool send_packet(int fd, const google::protobuf::MessageLite& message) {
  std::string bytes;
  if (!message.SerializeToString(&bytes) || bytes.size() > kMaxPacket) return false;
  for (;;) {
    if (::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) >= 0) return true;
    if (errno != EINTR) return false;
  }
}

Received try_receive_packet(int fd, google::protobuf::MessageLite& message, PacketBuffer& buffer) {
  buffer.resize(kMaxPacket);
  ssize_t n = 0;
  do {
    n = ::recv(fd, buffer.data(), buffer.size(), 0);
  } while (n < 0 && errno == EINTR);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Received::nothing;
  // Our own executable never sends an empty message, so 0 is the end.
  if (n <= 0 || !message.ParseFromArray(buffer.data(), static_cast<int>(n))) return Received::closed;
  return Received::message;
}

bool receive_packet(int fd, google::protobuf::MessageLite& message, PacketBuffer& buffer) {
  return try_receive_packet(fd, message, buffer) == Received::message;
}

}  // namespace taxgate::keyd
