#pragma once
// Framing of the taxgated–keyd conversation (protocol/keyd.proto): a 4-byte big-endian length, then one Frame.
// Both ends use it, so that a frame has one encoder and one decoder. Pure; not thread-safe per object.
#include <optional>
#include <string>
#include <string_view>

#include "protocol/error.h"
#include "protocol/keyd.pb.h"
#include "protocol/sm.h"

namespace taxgate::keyd {

/// One frame at most: a 64 KiB message, its certificate and names fit with room to spare; more is a foreign speaker.
inline constexpr std::size_t kMaxFrame = 128 * 1024;

/// Versions of the conversation this code speaks. Raised when a frame changes meaning, never when a field is added.
inline constexpr std::uint32_t kVersionMin = 1;
inline constexpr std::uint32_t kVersionMax = 3;
/// From this version on a host heeds SignRequest.serials and LeaseRequest.
inline constexpr std::uint32_t kVersionLease = 2;
/// From this version on a host answers LogRequest.
inline constexpr std::uint32_t kVersionLog = 3;

/// True when [min, max] of the other side overlaps ours.
bool versions_overlap(std::uint32_t min, std::uint32_t max);

/// Appends the frame to `out`. errors  limit_reached keyd.frame_size (nothing is appended)
Result<void> append_frame(const v1::Frame& frame, std::string& out);

/// Cuts a byte stream into frames. Total on hostile bytes.
class FrameCutter {
 public:
  void feed(std::string_view bytes) { buffer_.append(bytes); }
  /// The next whole frame, or nothing yet. After an error the stream is unusable: close it.
  /// errors  corrupt keyd.frame (not a Frame), limit_reached keyd.frame_size
  Result<std::optional<v1::Frame>> next();

 private:
  std::string buffer_;
  std::size_t start_ = 0;
};

/// Errors as they cross the wire. An unknown class name reads as retry_later, the harmless one.
v1::Failure to_failure(const Error& error);
Error from_failure(const v1::Failure& failure);
std::string_view errc_name(Errc code);

}  // namespace taxgate::keyd
