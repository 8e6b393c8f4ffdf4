#include "drivers/skf/abi.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <optional>

#include "protocol/screen_text.h"

namespace taxgate::skf {
namespace {

// DEVINFO: Version 2, Manufacturer 64, Issuer 64, Label 32, SerialNumber 32, HWVersion 2, FirmwareVersion 2, eight
// ULONG, Reserved 64. Everything before the first ULONG is in the same place in every layout.
constexpr std::size_t kManufacturer = 2, kLabel = 130, kSerial = 162, kLongName = 64, kShortName = 32;
constexpr std::size_t kFirstUlong = 198, kUlongs = 8, kReserved = 64;

constexpr std::size_t first_ulong(unsigned ulong, bool packed) {
  return packed ? kFirstUlong : (kFirstUlong + ulong - 1) / ulong * ulong;
}
constexpr Abi layout(unsigned ulong, bool packed) {
  return {ulong, packed, first_ulong(ulong, packed) + kUlongs * ulong + kReserved};
}
constexpr std::array kLayouts{layout(4, true), layout(4, false), layout(8, true), layout(8, false)};
static_assert(kLayouts[0].size == 294 && kLayouts[1].size == 296 && kLayouts[2].size == 326 && kLayouts[3].size == 328);

// What AlgSymCap, AlgAsymCap and AlgHashCap can be: classes and modes of GM/T 0006. Read at a wrong place or width,
// they show bits of their neighbours.
constexpr std::uint64_t kSymmetricBits = 0x0FFFFFFF, kAsymmetricBits = 0x000FFFFF, kHashBits = 0x0000FFFF;
constexpr std::uint64_t kAsymmetricClass = 0x00030000;  // RSA or SM2

constexpr unsigned kSm2KeyBits = 256;
constexpr std::size_t kCoordinate = 64, kSm2Coordinate = 32;  // fields are for 512 bits; values stand at their end

std::uint64_t number(ByteView bytes) {  // little-endian, as ULONG is on every machine we run on
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | bytes[i];
  return value;
}

bool plausible(ByteView info, const Abi& abi) {
  const auto capability = [&](std::size_t i) {
    return number(info.subspan(first_ulong(abi.ulong, abi.packed) + i * abi.ulong, abi.ulong));
  };
  const auto symmetric = capability(0), asymmetric = capability(1), hash = capability(2);
  return (symmetric & ~kSymmetricBits) == 0 && (asymmetric & ~kAsymmetricBits) == 0 && (hash & ~kHashBits) == 0 &&
         (asymmetric == 0 || (asymmetric & kAsymmetricClass) != 0);
}

std::string field(ByteView info, std::size_t at, std::size_t size) {
  const auto bytes = info.subspan(at, size);
  std::string value(as_text(bytes.first(static_cast<std::size_t>(std::ranges::find(bytes, 0) - bytes.begin()))));
  while (value.ends_with(' ')) value.pop_back();
  return on_one_line(value, kLongName);
}

std::optional<std::array<std::uint8_t, kSm2Coordinate>> coordinate(ByteView field_bytes) {
  const auto head = field_bytes.first(kCoordinate - kSm2Coordinate);
  if (std::ranges::any_of(head, [](std::uint8_t byte) { return byte != 0; })) return std::nullopt;
  std::array<std::uint8_t, kSm2Coordinate> value{};
  std::ranges::copy(field_bytes.subspan(kCoordinate - kSm2Coordinate, kSm2Coordinate), value.begin());
  return value;
}

/// X ‖ Y or r ‖ s of two 64-byte fields; nothing when one is not right-aligned.
std::optional<std::array<std::uint8_t, 64>> pair_of(ByteView two_fields) {
  const auto a = coordinate(two_fields.first(kCoordinate)), b = coordinate(two_fields.subspan(kCoordinate));
  if (!a || !b) return std::nullopt;
  std::array<std::uint8_t, 64> both{};
  std::ranges::copy(*a, both.begin());
  std::ranges::copy(*b, both.begin() + kSm2Coordinate);
  return both;
}

}  // namespace

std::string text(const Abi& abi) {
  return fmt::format("ULONG of {} bytes, {}", abi.ulong, abi.packed ? "packed" : "padded");
}

Result<DevInfo> read_dev_info(ByteView first, ByteView second) {
  std::size_t extent = std::min(first.size(), second.size());
  while (extent > 0 && first[extent - 1] == kFirstFill && second[extent - 1] == kSecondFill) --extent;
  std::optional<Abi> found;
  unsigned fits = 0, exact = 0;
  for (const Abi& abi : kLayouts) {
    if (abi.size < extent || extent <= kFirstUlong || !plausible(first, abi)) continue;
    ++fits;
    if (abi.size == extent) ++exact;
    if (!found || abi.size == extent) found = abi;  // a library may leave Reserved as it was
  }
  if (fits != 1 && exact != 1)
    return fail(Errc::rejected, "skf.abi", {}, {}, fmt::format("DEVINFO of {} bytes", extent));
  DevInfo info{.manufacturer = field(first, kManufacturer, kLongName),
               .label = field(first, kLabel, kShortName),
               .serial = field(first, kSerial, kShortName),
               .abi = *found};
  if (info.serial.empty()) return fail(Errc::corrupt, "key.card_format", "serial", {}, {}, "SKF_GetDevInfo");
  return info;
}

Result<PublicKey> read_public_key(ByteView blob, const Abi& abi) {
  const auto wrong = [&](std::string what) { return fail(Errc::rejected, "skf.abi", {}, {}, std::move(what)); };
  if (blob.size() != abi.ulong + 2 * kCoordinate)
    return wrong(fmt::format("{}, but a public key of {} bytes", text(abi), blob.size()));
  const auto bits = number(blob.first(abi.ulong));
  if (bits != kSm2KeyBits)
    return fail(Errc::rejected, "key.no_key_pair", {}, {}, {}, fmt::format("a key of {} bits", bits));
  const auto key = pair_of(blob.subspan(abi.ulong));
  if (!key) return wrong("a public key that is not right-aligned");
  return *key;
}

Result<Signature> read_signature(ByteView blob) {
  const auto pair = blob.size() == kSignatureBlob ? pair_of(blob) : std::nullopt;
  if (!pair) return fail(Errc::corrupt, "key.card_format", "signature", {}, {}, "SKF_ECCSignData");
  return *pair;
}

}  // namespace taxgate::skf
