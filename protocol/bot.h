#pragma once
// USB Bulk-Only Transport as bytes, and the GM/T 0017 encapsulation that tax keys put into it: builders and readers for
// both ends. Nothing here opens a device or keeps state.
//
// Units   CBW and CSW are little-endian, SCSI and the encapsulation big-endian.
// Errors  every reader is total: hostile bytes give Errc::corrupt bot.format (field names the part), never more.
// Source  USB Mass Storage Class Bulk-Only Transport 1.0; SPC-2 for sense data and INQUIRY; docs/usb.md for the
//         encapsulation and how sure we are of it.
#include <array>
#include <cstdint>
#include <string>

#include "protocol/error.h"
#include "protocol/sm.h"

namespace taxgate::bot {

inline constexpr std::size_t kCommandBlock = 31, kStatusBlock = 13;
inline constexpr std::size_t kMaxCdb = 16;
inline constexpr std::uint8_t kMaxLun = 15;

/// Class requests on the default pipe (BOT 3.1, 3.2). wIndex is the interface number.
inline constexpr std::uint8_t kResetType = 0x21, kResetRequest = 0xFF;
inline constexpr std::uint8_t kGetMaxLunType = 0xA1, kGetMaxLunRequest = 0xFE;

/// CBW: what the host wants.
struct CommandBlock {
  std::uint32_t tag = 0, data_length = 0;
  bool in = false;  // direction of the data phase; means nothing when data_length is 0
  std::uint8_t lun = 0;
  Bytes cdb;  // 1..16 bytes

  friend bool operator==(const CommandBlock&, const CommandBlock&) = default;
};
/// `cdb` of another length is a programming error (asserted).
std::array<std::uint8_t, kCommandBlock> encode(const CommandBlock& block);
/// Exactly 31 bytes, signature, LUN at most 15, CDB of 1 to 16 bytes. Reserved bits of the flags are ignored.
Result<CommandBlock> read_command_block(ByteView bytes);

enum class Status : std::uint8_t { passed = 0, failed = 1, phase_error = 2 };
/// CSW: what became of it.
struct StatusBlock {
  std::uint32_t tag = 0, residue = 0;  // residue: bytes of data_length that did not move
  Status status = Status::passed;

  friend bool operator==(const StatusBlock&, const StatusBlock&) = default;
};
std::array<std::uint8_t, kStatusBlock> encode(const StatusBlock& block);
/// Exactly 13 bytes, signature, status at most 2.
Result<StatusBlock> read_status_block(ByteView bytes);
/// Whether `bytes` are the status block of this very command: what tells a status that came early from data.
bool is_status_of(ByteView bytes, std::uint32_t tag);

// ---- SCSI ---------------------------------------------------------------------------------------------------------

inline constexpr std::uint8_t kTestUnitReady = 0x00, kRequestSense = 0x03, kInquiry = 0x12;
inline constexpr std::uint8_t kVendorCommand = 0xFE, kCardSend = 0x01, kCardReceive = 0x02;
inline constexpr std::size_t kSense = 18, kInquiryData = 36;

/// Why the last command failed. Tax disks put their own codes here: 09 D1 09 is key 9, code D1, qualifier 09.
struct Sense {
  std::uint8_t key = 0, code = 0, qualifier = 0;
  std::string text() const;  // "09D109"
  friend bool operator==(const Sense&, const Sense&) = default;
};
inline constexpr std::uint8_t kSenseNotReady = 2, kSenseMedium = 3, kSenseHardware = 4, kSenseIllegal = 5,
                              kSenseAttention = 6, kSenseVendor = 9;
/// Fixed format, at least 14 bytes.
Result<Sense> read_sense(ByteView bytes);
Bytes encode(const Sense& sense);

struct Inquiry {
  std::string vendor, product, revision;  // at most 8, 16 and 4 printable bytes; padding removed
  friend bool operator==(const Inquiry&, const Inquiry&) = default;
};
Result<Inquiry> read_inquiry(ByteView bytes);  // at least 36 bytes
Bytes encode(const Inquiry& inquiry);          // longer text is cut

// ---- GM/T 0017 over SCSI ------------------------------------------------------------------------------------------

inline constexpr std::uint8_t kCardMark = 0x12;
inline constexpr std::size_t kCardHead = 3;          // mark, length
inline constexpr std::size_t kMaxCardBytes = 65535;  // of one command or answer

/// 12 ‖ length, two bytes ‖ apdu. A longer apdu is a programming error (asserted).
Bytes wrap_apdu(ByteView apdu);
/// The apdu inside, a view into the argument. What follows it is padding and ignored.
/// errors  corrupt bot.format, field "mark" or "length" (fewer bytes than it says)
Result<ByteView> unwrap_apdu(ByteView bytes);

}  // namespace taxgate::bot
