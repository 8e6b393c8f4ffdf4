#pragma once
// Messages between the host and its own processes: one protobuf message, one SOCK_SEQPACKET datagram.
#include <string>

namespace google::protobuf {
class MessageLite;
}

namespace taxgate::keyd {

/// The largest is a sign order with a 64 KiB message; the socket's default buffer holds it.
inline constexpr std::size_t kMaxPacket = 128 * 1024;

using PacketBuffer = std::string;  // reused between calls; grows to kMaxPacket once

/// Blocking (or EAGAIN on a non-blocking socket). False: the other side is gone, or the packet is not a message.
bool send_packet(int fd, const google::protobuf::MessageLite& message);
bool receive_packet(int fd, google::protobuf::MessageLite& message, PacketBuffer& buffer);

enum class Received : unsigned char { message, nothing, closed };
/// For non-blocking sockets: tells "nothing there" from "closed".
Received try_receive_packet(int fd, google::protobuf::MessageLite& message, PacketBuffer& buffer);

}  // namespace taxgate::keyd
