#include "protocol/bot.h"

#include <fmt/core.h>

#include <algorithm>
#include <cassert>

namespace taxgate::bot {
namespace {

constexpr std::uint32_t kCommandSignature = 0x43425355, kStatusSignature = 0x53425355;  // "USBC", "USBS"
constexpr std::uint8_t kDirectionIn = 0x80;

std::unexpected<Error> malformed(const char* field, std::size_t found) {
  return fail(Errc::corrupt, "bot.format", field, std::to_string(found));
}

std::uint32_t read32(ByteView at) {
  return static_cast<std::uint32_t>(at[0]) | static_cast<std::uint32_t>(at[1]) << 8 |
         static_cast<std::uint32_t>(at[2]) << 16 | static_cast<std::uint32_t>(at[3]) << 24;
}
void write32(std::uint8_t* at, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

/// Fixed-width ASCII; anything else than printable characters becomes a blank, and blanks at either end go.
std::string text_of(ByteView bytes) {
  std::string text;
  for (const std::uint8_t c : bytes) text += c > 0x20 && c < 0x7F ? static_cast<char>(c) : ' ';
  const auto first = text.find_first_not_of(' ');
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}
void put_text(Bytes& out, const std::string& text, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) out.push_back(i < text.size() ? static_cast<std::uint8_t>(text[i]) : ' ');
}

}  // namespace

std::array<std::uint8_t, kCommandBlock> encode(const CommandBlock& block) {
  assert(!block.cdb.empty() && block.cdb.size() <= kMaxCdb && block.lun <= kMaxLun);
  std::array<std::uint8_t, kCommandBlock> out{};
  write32(out.data(), kCommandSignature);
  write32(out.data() + 4, block.tag);
  write32(out.data() + 8, block.data_length);
  out[12] = block.in ? kDirectionIn : 0;
  out[13] = block.lun;
  out[14] = static_cast<std::uint8_t>(block.cdb.size());
  std::ranges::copy(block.cdb, out.begin() + 15);
  return out;
}

Result<CommandBlock> read_command_block(ByteView bytes) {
  if (bytes.size() != kCommandBlock) return malformed("CBW length", bytes.size());
  if (read32(bytes) != kCommandSignature) return malformed("CBW signature", bytes[0]);
  const std::size_t length = bytes[14] & 0x1F;  // the upper bits are reserved
  if (length == 0 || length > kMaxCdb) return malformed("CDB length", length);
  if ((bytes[13] & 0x0F) != bytes[13]) return malformed("LUN", bytes[13]);
  CommandBlock block;
  block.tag = read32(bytes.subspan(4));
  block.data_length = read32(bytes.subspan(8));
  block.in = (bytes[12] & kDirectionIn) != 0;
  block.lun = bytes[13];
  block.cdb.assign(bytes.begin() + 15, bytes.begin() + 15 + static_cast<std::ptrdiff_t>(length));
  return block;
}

std::array<std::uint8_t, kStatusBlock> encode(const StatusBlock& block) {
  std::array<std::uint8_t, kStatusBlock> out{};
  write32(out.data(), kStatusSignature);
  write32(out.data() + 4, block.tag);
  write32(out.data() + 8, block.residue);
  out[12] = static_cast<std::uint8_t>(block.status);
  return out;
}

Result<StatusBlock> read_status_block(ByteView bytes) {
  if (bytes.size() != kStatusBlock) return malformed("CSW length", bytes.size());
  if (read32(bytes) != kStatusSignature) return malformed("CSW signature", bytes[0]);
  if (bytes[12] > static_cast<std::uint8_t>(Status::phase_error)) return malformed("CSW status", bytes[12]);
  return StatusBlock{read32(bytes.subspan(4)), read32(bytes.subspan(8)), static_cast<Status>(bytes[12])};
}

bool is_status_of(ByteView bytes, std::uint32_t tag) {
  const auto block = read_status_block(bytes);
  return block && block->tag == tag;
}

std::string Sense::text() const { return fmt::format("{:02X}{:02X}{:02X}", key, code, qualifier); }

Result<Sense> read_sense(ByteView bytes) {
  if (bytes.size() < 14) return malformed("sense length", bytes.size());
  const unsigned format = bytes[0] & 0x7FU;
  if (format != 0x70 && format != 0x71) return malformed("sense format", format);
  return Sense{static_cast<std::uint8_t>(bytes[2] & 0x0F), bytes[12], bytes[13]};
}

Bytes encode(const Sense& sense) {
  Bytes out(kSense, 0);
  out[0] = 0x70;
  out[2] = sense.key & 0x0F;
  out[7] = kSense - 8;  // bytes that follow
  out[12] = sense.code;
  out[13] = sense.qualifier;
  return out;
}

Result<Inquiry> read_inquiry(ByteView bytes) {
  if (bytes.size() < kInquiryData) return malformed("INQUIRY length", bytes.size());
  return Inquiry{text_of(bytes.subspan(8, 8)), text_of(bytes.subspan(16, 16)), text_of(bytes.subspan(32, 4))};
}

Bytes encode(const Inquiry& inquiry) {
  Bytes out{0x00, 0x80, 0x02, 0x02, kInquiryData - 5, 0x00, 0x00, 0x00};  // direct access, removable, SPC-2 answers
  put_text(out, inquiry.vendor, 8);
  put_text(out, inquiry.product, 16);
  put_text(out, inquiry.revision, 4);
  return out;
}

Bytes wrap_apdu(ByteView apdu) {
  assert(apdu.size() <= kMaxCardBytes);
  Bytes out{kCardMark, static_cast<std::uint8_t>(apdu.size() >> 8), static_cast<std::uint8_t>(apdu.size())};
  out.insert(out.end(), apdu.begin(), apdu.end());
  return out;
}

Result<ByteView> unwrap_apdu(ByteView bytes) {
  if (bytes.size() < kCardHead) return malformed("length", bytes.size());
  if (bytes[0] != kCardMark) return malformed("mark", bytes[0]);
  const std::size_t length = static_cast<std::size_t>(bytes[1] << 8 | bytes[2]);
  if (bytes.size() - kCardHead < length) return malformed("length", bytes.size());
  return bytes.subspan(kCardHead, length);
}

}  // namespace taxgate::bot
