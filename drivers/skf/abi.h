#pragma once
// How a vendor's library lays out the structures of GM/T 0016, found out by looking at what it writes.
//
// The standard says ULONG is 32 bits and structures are packed; libraries exist with ULONG = unsigned long (64 bits on
// LP64) and with the compiler's own padding. Plain numbers cross the border safely either way: they are passed as 64
// bits with a zero upper half, on little-endian machines. Only DEVINFO and ECCPUBLICKEYBLOB differ. Pure functions.
// Source  GM/T 0016-2012, 6.4; sizes of fielded libraries.
#include <cstddef>
#include <cstdint>
#include <string>

#include "protocol/error.h"
#include "protocol/sm.h"

namespace taxgate::skf {

struct Abi {
  unsigned ulong = 4;    // bytes of a ULONG
  bool packed = true;    // no padding
  std::size_t size = 0;  // of DEVINFO
  friend bool operator==(const Abi&, const Abi&) = default;
};
std::string text(const Abi& abi);  // "ULONG of 4 bytes, packed", for the log

/// Room for DEVINFO in any layout, many times over: a library that writes more is a wrong one, and is seen to be.
inline constexpr std::size_t kDevInfoRoom = 4096;

struct DevInfo {
  std::string manufacturer, label, serial;  // padding removed, made fit for one line; at most 64, 32, 32 bytes
  Abi abi;
};

/// first, second   two buffers of kDevInfoRoom bytes, filled with `kFirstFill` and `kSecondFill` before the library
///                 wrote the same device's DEVINFO into each: what has both fills still was not written
/// errors  rejected skf.abi (left: what was seen): no layout fits, or more than one; corrupt key.card_format: no serial
inline constexpr std::uint8_t kFirstFill = 0xA5, kSecondFill = 0x5A;
Result<DevInfo> read_dev_info(ByteView first, ByteView second);

/// The key of an ECCPUBLICKEYBLOB. `blob` is as long as the library said. errors  rejected skf.abi: not this layout's
/// length, or the coordinates are not right-aligned; rejected key.no_key_pair: not 256 bits
Result<PublicKey> read_public_key(ByteView blob, const Abi& abi);

inline constexpr std::size_t kSignatureBlob = 128;  // r[64], s[64]: no ULONG, the same everywhere
/// errors  corrupt key.card_format: r or s not right-aligned
Result<Signature> read_signature(ByteView blob);

}  // namespace taxgate::skf
