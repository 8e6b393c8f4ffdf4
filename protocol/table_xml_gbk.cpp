// UTF-8 ⇄ GBK by the C library's iconv.
#include <fmt/format.h>
#include <iconv.h>

#include <cerrno>

#include "protocol/table_xml.h"

namespace taxgate::table {

namespace {

/// One conversion direction. iconv_open loads a module, so each thread keeps its descriptors.
class Converter {
 public:
  Converter(const char* to, const char* from) : handle_(iconv_open(to, from)) {}
  ~Converter() {
    if (valid()) iconv_close(handle_);
  }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;
  bool valid() const { return handle_ != reinterpret_cast<iconv_t>(-1); }

  /// Converts as far as possible; returns how many input bytes were consumed.
  std::size_t run(std::string_view in, std::string& out, std::size_t growth) {
    iconv(handle_, nullptr, nullptr, nullptr, nullptr);
    out.resize(in.size() * growth + 8);
    char* source = const_cast<char*>(in.data());  // iconv's signature; it does not write there
    char* target = out.data();
    std::size_t left = in.size(), room = out.size();
    iconv(handle_, &source, &left, &target, &room);
    out.resize(out.size() - room);
    return in.size() - left;
  }

 private:
  iconv_t handle_;
};

/// "囧 (U+56E7)" for the character at the head of `rest`, or "byte 0xFF".
std::string describe(std::string_view rest) {
  const auto lead = static_cast<unsigned char>(rest[0]);
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  if ((length == 1 && lead >= 0x80) || rest.size() < length) return fmt::format("byte 0x{:02X}", lead);
  std::uint32_t point = length == 1 ? lead : lead & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(rest[i]);
    if ((next & 0xC0) != 0x80) return fmt::format("byte 0x{:02X}", lead);
    point = (point << 6) | (next & 0x3F);
  }
  return fmt::format("{} (U+{:04X})", rest.substr(0, length), point);
}

}  // namespace

Result<Bytes> to_gbk(std::string_view utf8, std::string_view field) {
  thread_local Converter converter("GBK", "UTF-8");
  if (!converter.valid())
    return fail(Errc::invalid_input, "table.gbk", std::string(field), {}, {}, "no GBK in this C library");
  std::string out;
  const std::size_t done = converter.run(utf8, out, 1);
  if (done != utf8.size())
    return fail(Errc::invalid_input, "table.gbk", std::string(field), describe(utf8.substr(done)));
  return Bytes(out.begin(), out.end());
}

Result<std::string> from_gbk(ByteView gbk, std::string_view field) {
  thread_local Converter converter("UTF-8", "GBK");
  if (!converter.valid())
    return fail(Errc::corrupt, "table.gbk_bytes", std::string(field), {}, {}, "no GBK in this C library");
  std::string out;
  const std::size_t done = converter.run(as_text(gbk), out, 3);
  if (done != gbk.size()) {
    return fail(Errc::corrupt, "table.gbk_bytes", std::string(field), fmt::format("byte {}", done));
  }
  return out;
}

}  // namespace taxgate::table
