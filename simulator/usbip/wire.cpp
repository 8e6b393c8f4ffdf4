#include "simulator/usbip/wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace taxgate::simulator::usbip {
namespace {

constexpr std::uint32_t kSubmit = 1, kUnlink = 2, kSubmitAnswer = 3, kUnlinkAnswer = 4;
constexpr std::uint32_t kIn = 1, kMaxEndpoint = 15;
constexpr std::uint32_t kNoPackets = 0xFFFF'FFFF;  // how some hosts say "not isochronous"; Linux says 0
constexpr std::size_t kCommandAt = 0, kSequenceAt = 4, kDirectionAt = 12, kEndpointAt = 16, kVictimAt = 20,
                      kStatusAt = 20, kLengthAt = 24, kPacketsAt = 32, kSetupAt = 40;

std::uint32_t number_at(ByteView bytes, std::size_t at) {
  return static_cast<std::uint32_t>(bytes[at]) << 24 | static_cast<std::uint32_t>(bytes[at + 1]) << 16 |
         static_cast<std::uint32_t>(bytes[at + 2]) << 8 | bytes[at + 3];
}
void put(Bytes& bytes, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

std::unexpected<Error> nonsense(const char* field, std::uint32_t value) {
  return fail(Errc::corrupt, "sim.usbip_format", field, fmt::to_string(value));
}

/// How much data follows the header.
Result<std::uint32_t> data_after(ByteView header) {
  const std::uint32_t command = number_at(header, kCommandAt);
  if (command == kUnlink) return 0U;
  if (command != kSubmit) return nonsense("command", command);
  if (const auto direction = number_at(header, kDirectionAt); direction > kIn) return nonsense("direction", direction);
  if (const auto endpoint = number_at(header, kEndpointAt); endpoint > kMaxEndpoint)
    return nonsense("endpoint", endpoint);
  // The device has no isochronous pipe: the packet list that would follow cannot come from a host that read that.
  if (const auto packets = number_at(header, kPacketsAt); packets != 0 && packets != kNoPackets)
    return nonsense("packets", packets);
  if (number_at(header, kDirectionAt) == kIn) return 0U;
  const std::uint32_t length = number_at(header, kLengthAt);
  if (length > kMaxOut) return nonsense("length", length);
  return length;
}

Request request_of(Bytes message) {
  const std::uint32_t sequence = number_at(message, kSequenceAt);
  if (number_at(message, kCommandAt) == kUnlink) return Unlink{sequence, number_at(message, kVictimAt)};
  Submit out;
  out.sequence = sequence;
  out.in = number_at(message, kDirectionAt) == kIn;
  out.endpoint = static_cast<std::uint8_t>(number_at(message, kEndpointAt));
  if (out.in && out.endpoint != 0) out.endpoint |= 0x80;
  out.length = number_at(message, kLengthAt);
  std::copy_n(message.begin() + kSetupAt, out.setup.size(), out.setup.begin());
  message.erase(message.begin(), message.begin() + kHeader);
  out.data = std::move(message);
  return out;
}

Bytes answer_head(std::uint32_t command, std::uint32_t sequence, Status status) {
  Bytes out(kHeader, 0);  // device, direction and endpoint are 0 in answers
  put(out, kCommandAt, command);
  put(out, kSequenceAt, sequence);
  put(out, kStatusAt, static_cast<std::uint32_t>(status));
  return out;
}

}  // namespace

std::size_t Reader::wanted() const { return taken_.size() < kHeader ? kHeader : kHeader + data_; }

Result<std::optional<Request>> Reader::next(ByteView& bytes) {
  for (;;) {
    const std::size_t now = std::min(bytes.size(), wanted() - taken_.size());
    taken_.insert(taken_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(now));
    bytes = bytes.subspan(now);
    if (taken_.size() < wanted()) return std::optional<Request>();
    if (data_ == 0) {
      const auto data = data_after(taken_);
      if (!data) return std::unexpected(data.error());
      data_ = *data;
      if (data_ != 0) continue;
    }
    data_ = 0;
    return request_of(std::exchange(taken_, {}));
  }
}

Bytes submit_answer(std::uint32_t sequence, Status status, std::uint32_t moved, ByteView data) {
  Bytes out = answer_head(kSubmitAnswer, sequence, status);
  put(out, kLengthAt, moved);
  out.insert(out.end(), data.begin(), data.end());
  return out;
}

Bytes unlink_answer(std::uint32_t sequence, Status status) { return answer_head(kUnlinkAnswer, sequence, status); }

}  // namespace taxgate::simulator::usbip
