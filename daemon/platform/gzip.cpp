#include "daemon/platform/gzip.h"

#include <zlib.h>

#include <array>
#include <limits>

namespace taxgate::platform {

Result<std::string> gunzip(std::string_view bytes, std::size_t max) {
  constexpr int kGzipOnly = 16 + MAX_WBITS;
  if (bytes.size() > std::numeric_limits<uInt>::max())
    return fail(Errc::corrupt, "platform.gzip", {}, {}, {}, "too long");
  z_stream stream{};
  if (inflateInit2(&stream, kGzipOnly) != Z_OK) return fail(Errc::corrupt, "platform.gzip", {}, {}, {}, "memory");
  struct End {
    z_stream* s;
    ~End() { inflateEnd(s); }
  } end{&stream};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib's interface is not const
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out;
  std::array<char, 16 * 1024> chunk;
  int state = Z_OK;
  while (state == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
    stream.avail_out = static_cast<uInt>(chunk.size());
    state = inflate(&stream, Z_NO_FLUSH);
    const std::size_t got = chunk.size() - stream.avail_out;
    if (out.size() + got > max) return fail(Errc::corrupt, "platform.gzip", {}, {}, {}, "content too long");
    out.append(chunk.data(), got);
  }
  if (state != Z_STREAM_END) return fail(Errc::corrupt, "platform.gzip", {}, {}, {}, "cut short or damaged");
  return out;
}

}  // namespace taxgate::platform
