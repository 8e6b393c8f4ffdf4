#include "cli/files/zip.h"

#include <zlib.h>

#include <algorithm>
#include <cstdint>

#include "cli/files/table.h"

namespace taxgate::files {
namespace {

constexpr std::uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50;
constexpr std::size_t kLocalSize = 30, kCentralSize = 46, kEndSize = 22;
constexpr std::size_t kMaxComment = 65535;
constexpr std::uint16_t kVersion = 20, kDeflated = 8, kUtf8Name = 1U << 11U, kEncrypted = 1;
constexpr std::uint16_t kFirstDay = 33;  // 1980-01-01

/// Little-endian; 0 beyond the end, which no signature is.
std::uint32_t number(std::string_view bytes, std::size_t at, std::size_t size) {
  if (at > bytes.size() || bytes.size() - at < size) return 0;
  std::uint32_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = (value << 8U) | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

void put(std::string& out, std::uint32_t value, int size) {
  for (int i = 0; i < size; ++i) out += static_cast<char>((value >> (8U * static_cast<unsigned>(i))) & 0xFFU);
}

std::uint32_t crc_of(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

std::optional<std::string> inflated(std::string_view packed, std::size_t size) {
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return std::nullopt;
  // Grown as it comes: the size is the file's own word.
  std::string out;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  int result = Z_OK;
  while (result == Z_OK && out.size() <= size) {
    constexpr std::size_t kStep = 256U << 10U;
    const std::size_t before = out.size();
    out.resize(before + std::min(kStep, size + 1 - before));
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    stream.avail_out = static_cast<uInt>(out.size() - before);
    result = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  if (result != Z_STREAM_END || out.size() != size) return std::nullopt;
  return out;
}

std::string deflated(std::string_view bytes) {
  z_stream stream{};
  deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, static_cast<uLong>(bytes.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);  // one call: the bound is enough for all of it
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

std::optional<std::size_t> find_end(std::string_view archive) {
  if (archive.size() < kEndSize) return std::nullopt;
  const std::size_t first = archive.size() - std::min(archive.size(), kEndSize + kMaxComment);
  for (std::size_t at = archive.size() - kEndSize + 1; at-- > first;)
    if (number(archive, at, 4) == kEnd) return at;
  return std::nullopt;
}

}  // namespace

std::optional<std::string> unzip(std::string_view archive, std::string_view name) {
  const auto end = find_end(archive);
  if (!end) return std::nullopt;
  const std::size_t entries = number(archive, *end + 10, 2);
  std::size_t at = number(archive, *end + 16, 4);
  for (std::size_t i = 0; i < entries; ++i) {
    if (number(archive, at, 4) != kCentral) return std::nullopt;
    const std::size_t name_size = number(archive, at + 28, 2);
    const std::size_t next = at + kCentralSize + name_size + number(archive, at + 30, 2) + number(archive, at + 32, 2);
    if (next > archive.size()) return std::nullopt;
    if (archive.substr(at + kCentralSize, name_size) != name) {
      at = next;
      continue;
    }
    const std::uint32_t method = number(archive, at + 10, 2), crc = number(archive, at + 16, 4);
    const std::size_t packed = number(archive, at + 20, 4), size = number(archive, at + 24, 4);
    const std::size_t local = number(archive, at + 42, 4);
    if ((number(archive, at + 8, 2) & kEncrypted) != 0 || size > kMaxPart || number(archive, local, 4) != kLocal)
      return std::nullopt;
    const std::size_t data = local + kLocalSize + number(archive, local + 26, 2) + number(archive, local + 28, 2);
    if (data > archive.size() || archive.size() - data < packed) return std::nullopt;
    const std::string_view bytes = archive.substr(data, packed);
    std::optional<std::string> out;
    if (method == 0 && packed == size) out = std::string(bytes);
    if (method == kDeflated) out = inflated(bytes, size);
    if (!out || crc_of(*out) != crc) return std::nullopt;
    return out;
  }
  return std::nullopt;
}

std::string zip(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string out, directory;
  for (const auto& [name, bytes] : members) {
    const std::string packed = deflated(bytes);
    std::string head;  // from "version needed" to the length of the extra field, equal in both headers
    put(head, kVersion, 2);
    put(head, kUtf8Name, 2);
    put(head, kDeflated, 2);
    put(head, 0, 2);
    put(head, kFirstDay, 2);
    put(head, crc_of(bytes), 4);
    put(head, static_cast<std::uint32_t>(packed.size()), 4);
    put(head, static_cast<std::uint32_t>(bytes.size()), 4);
    put(head, static_cast<std::uint32_t>(name.size()), 2);
    put(head, 0, 2);
    put(directory, kCentral, 4);
    put(directory, kVersion, 2);
    directory += head;
    directory.append(2 + 2 + 2 + 4, '\0');  // no comment, first disk, no attributes
    put(directory, static_cast<std::uint32_t>(out.size()), 4);
    directory += name;
    put(out, kLocal, 4);
    out.append(head).append(name).append(packed);
  }
  const auto start = static_cast<std::uint32_t>(out.size());
  out += directory;
  put(out, kEnd, 4);
  put(out, 0, 4);
  put(out, static_cast<std::uint32_t>(members.size()), 2);
  put(out, static_cast<std::uint32_t>(members.size()), 2);
  put(out, static_cast<std::uint32_t>(directory.size()), 4);
  put(out, start, 4);
  put(out, 0, 2);
  return out;
}

}  // namespace taxgate::files
