#include "protocol/keyd_frame.h"

#include <array>
#include <utility>

#include "protocol/text.h"

namespace taxgate::keyd {
namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kLongestFailureText = 512;  // bytes of one part; ours are sentences

constexpr std::array<std::pair<Errc, std::string_view>, 7> kErrcNames{{
    {Errc::invalid_input, "invalid_input"},
    {Errc::retry_later, "retry_later"},
    {Errc::outcome_unknown, "outcome_unknown"},
    {Errc::device_gone, "device_gone"},
    {Errc::rejected, "rejected"},
    {Errc::corrupt, "corrupt"},
    {Errc::limit_reached, "limit_reached"},
}};

}  // namespace

bool versions_overlap(std::uint32_t min, std::uint32_t max) {
  return min <= max && min <= kVersionMax && max >= kVersionMin;
}

Result<void> append_frame(const v1::Frame& frame, std::string& out) {
  const std::size_t size = frame.ByteSizeLong();
  if (size > kMaxFrame)
    return fail(Errc::limit_reached, "keyd.frame_size", {}, std::to_string(size), std::to_string(kMaxFrame));
  const std::size_t at = out.size();
  out.resize(at + kLengthBytes + size);
  for (std::size_t i = 0; i < kLengthBytes; ++i) out[at + i] = static_cast<char>((size >> (24 - 8 * i)) & 0xff);
  frame.SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(out.data()) + at + kLengthBytes);
  return {};
}

Result<std::optional<v1::Frame>> FrameCutter::next() {
  const std::size_t have = buffer_.size() - start_;
  if (have < kLengthBytes) return std::optional<v1::Frame>{};
  std::size_t size = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) size = size << 8 | static_cast<std::uint8_t>(buffer_[start_ + i]);
  if (size > kMaxFrame)
    return fail(Errc::limit_reached, "keyd.frame_size", {}, std::to_string(size), std::to_string(kMaxFrame));
  if (have < kLengthBytes + size) {
    // Drop what is consumed only when a frame is incomplete: a burst of small frames is not moved once per frame.
    buffer_.erase(0, start_);
    start_ = 0;
    return std::optional<v1::Frame>{};
  }
  v1::Frame frame;
  if (!frame.ParseFromArray(buffer_.data() + start_ + kLengthBytes, static_cast<int>(size)))
    return fail(Errc::corrupt, "keyd.frame");
  start_ += kLengthBytes + size;
  if (start_ == buffer_.size()) {
    buffer_.clear();
    start_ = 0;
  }
  return std::optional<v1::Frame>{std::move(frame)};
}

std::string_view errc_name(Errc code) {
  for (const auto& [value, name] : kErrcNames)
    if (value == code) return name;
  return "retry_later";
}

v1::Failure to_failure(const Error& error) {
  v1::Failure failure;
  // Devices and other processes have names of any bytes; a frame with text that is no UTF-8 is refused as a whole.
  const auto text = [](const std::string& any) { return shown(any, kLongestFailureText); };
  failure.set_errc(std::string(errc_name(error.code)));
  failure.set_id(error.id);
  failure.set_field(text(error.field));
  failure.set_wanted(text(error.wanted));
  failure.set_left(text(error.left));
  failure.set_detail(text(error.detail));
  return failure;
}

Error from_failure(const v1::Failure& failure) {
  Errc code = Errc::retry_later;
  for (const auto& [value, name] : kErrcNames)
    if (name == failure.errc()) code = value;
  return {code, failure.id(), failure.field(), failure.wanted(), failure.left(), failure.detail()};
}

}  // namespace taxgate::keyd
