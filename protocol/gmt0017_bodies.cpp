// Command builders and body layouts of protocol/gmt0017.h.
#include <algorithm>
#include <cassert>

#include <fmt/format.h>

#include "protocol/gmt0017.h"

namespace taxgate::gmt0017 {
namespace {

constexpr std::uint8_t kSignDigest = 0x02;  // ECCSignData P1: the data is e already
constexpr std::size_t kFileName = 32;
constexpr std::size_t kMaxNames = 1024;  // bounds what a hostile card makes us allocate

std::unexpected<Error> bad_body(std::string_view part, std::size_t size) {
  return fail(Errc::corrupt, "apdu.format", std::string(part), fmt::format("{} bytes", size));
}

/// Appends big-endian fields.
class Writer {
 public:
  Writer& u8(std::uint32_t v) {
    out_.push_back(static_cast<std::uint8_t>(v));
    return *this;
  }
  Writer& u16(std::uint32_t v) { return u8(v >> 8).u8(v); }
  Writer& u32(std::uint32_t v) { return u16(v >> 16).u16(v); }
  Writer& raw(ByteView v) {
    out_.insert(out_.end(), v.begin(), v.end());
    return *this;
  }
  Writer& text(std::string_view v) { return raw(as_bytes(v)); }
  Writer& padded(std::string_view v, std::size_t width) {
    v = v.substr(0, width);
    text(v);
    out_.insert(out_.end(), width - v.size(), 0);
    return *this;
  }
  Bytes take() { return std::move(out_); }

 private:
  Bytes out_;
};

/// Takes big-endian fields off the front; once short, it stays short and yields zeros.
class Reader {
 public:
  explicit Reader(ByteView data) : rest_(data) {}
  std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t u32() { return number(4); }
  ByteView raw(std::size_t n) {
    if (n > rest_.size()) {
      short_ = true;
      rest_ = {};
      return {};
    }
    const auto out = rest_.first(n);
    rest_ = rest_.subspan(n);
    return out;
  }
  std::string padded(std::size_t width) {
    std::string_view v = as_text(raw(width));
    v = v.substr(0, v.find('\0'));
    while (!v.empty() && v.back() == ' ') v.remove_suffix(1);
    return std::string(v);
  }
  ByteView rest() const { return rest_; }
  bool ended() const { return !short_ && rest_.empty(); }
  bool is_short() const { return short_; }

 private:
  std::uint32_t number(std::size_t n) {
    std::uint32_t v = 0;
    for (auto byte : raw(n)) v = v << 8 | byte;
    return v;
  }
  ByteView rest_;
  bool short_ = false;
};

Bytes command(Ins ins, std::uint8_t p1, std::uint8_t p2, Bytes data, std::optional<std::uint32_t> le = {}) {
  return encode({kClaPlain, static_cast<std::uint8_t>(ins), p1, p2, std::move(data), le});
}
Bytes in_application(Ins ins, AppId app, std::string_view name = {}, std::optional<std::uint32_t> le = {}) {
  return command(ins, 0, 0, Writer().u16(app).text(name).take(), le);
}
Bytes in_container(Ins ins, KeyUse use, AppId app, ContainerId container) {
  return command(ins, static_cast<std::uint8_t>(use), 0, Writer().u16(app).u16(container).take(), 65536);
}

}  // namespace

Bytes get_dev_info() { return command(Ins::get_dev_info, 0, 0, {}, 65536); }
Bytes set_label(std::string_view label) { return command(Ins::set_label, 0, 0, Writer().text(label).take()); }
Bytes gen_random(std::uint32_t count) { return command(Ins::gen_random, 0, 0, {}, count); }
Bytes enum_application() { return command(Ins::enum_application, 0, 0, {}, 65536); }
Bytes open_application(std::string_view name) {
  return command(Ins::open_application, 0, 0, Writer().text(name).take(), 65536);
}
Bytes close_application(AppId app) { return in_application(Ins::close_application, app); }
Bytes get_pin_info(AppId app, PinType type) {
  return command(Ins::get_pin_info, 0, static_cast<std::uint8_t>(type), Writer().u16(app).take(), 65536);
}
Bytes verify_pin(AppId app, PinType type, const std::array<std::uint8_t, 16>& cipher) {
  return command(Ins::verify_pin, 0, static_cast<std::uint8_t>(type), Writer().u16(app).raw(cipher).take());
}
Bytes change_pin(AppId app, PinType type, const std::array<std::uint8_t, 16>& proof,
                 const std::array<std::uint8_t, 16>& fresh) {
  return command(Ins::change_pin, 0, static_cast<std::uint8_t>(type), Writer().u16(app).raw(proof).raw(fresh).take());
}
Bytes unblock_pin(AppId app, const std::array<std::uint8_t, 16>& admin_proof,
                  const std::array<std::uint8_t, 16>& fresh) {
  return command(Ins::unblock_pin, 0, 0, Writer().u16(app).raw(admin_proof).raw(fresh).take());
}
Bytes clear_secure_state(AppId app) { return in_application(Ins::clear_secure_state, app); }
Bytes enum_container(AppId app) { return in_application(Ins::enum_container, app, {}, 65536); }
Bytes open_container(AppId app, std::string_view name) { return in_application(Ins::open_container, app, name, 65536); }
Bytes close_container(AppId app, ContainerId container) {
  return command(Ins::close_container, 0, 0, Writer().u16(app).u16(container).take());
}
Bytes get_container_info(AppId app, std::string_view name) {
  return in_application(Ins::get_container_info, app, name, 65536);
}
Bytes export_certificate(AppId app, ContainerId container, KeyUse use) {
  return in_container(Ins::export_certificate, use, app, container);
}
Bytes export_public_key(AppId app, ContainerId container, KeyUse use) {
  return in_container(Ins::export_public_key, use, app, container);
}
Bytes ecc_sign_data(AppId app, ContainerId container, const Digest& digest) {
  return command(Ins::ecc_sign_data, kSignDigest, 0, Writer().u16(app).u16(container).raw(digest).take(), 65536);
}
Bytes enum_file(AppId app) { return in_application(Ins::enum_file, app, {}, 65536); }
Bytes create_file(AppId app, const FileInfo& file) {
  return command(Ins::create_file, 0, 0, Writer().u16(app).raw(encode_file_info(file)).take());
}
Bytes delete_file(AppId app, std::string_view name) { return in_application(Ins::delete_file, app, name); }
Bytes get_file_info(AppId app, std::string_view name) { return in_application(Ins::get_file_info, app, name, 65536); }

namespace {
Bytes file_range(AppId app, std::string_view name, std::uint32_t offset, std::uint32_t count, ByteView data) {
  return Writer()
      .u16(app)
      .u32(offset)
      .u32(count)
      .u16(static_cast<std::uint32_t>(name.size()))
      .text(name)
      .raw(data)
      .take();
}
}  // namespace
Bytes read_file(AppId app, std::string_view name, std::uint32_t offset, std::uint32_t count) {
  return command(Ins::read_file, 0, 0, file_range(app, name, offset, count, {}), count);
}
Bytes write_file(AppId app, std::string_view name, std::uint32_t offset, ByteView data) {
  return command(Ins::write_file, 0, 0, file_range(app, name, offset, static_cast<std::uint32_t>(data.size()), data));
}

Result<DevInfo> read_dev_info(ByteView data) {
  if (data.size() != kDevInfo) return bad_body("dev_info", data.size());
  Reader in(data);
  DevInfo out;
  out.struct_version = in.u16();
  out.spec_version = in.u16();
  out.manufacturer = in.padded(64);
  out.issuer = in.padded(64);
  out.label = in.padded(32);
  out.serial = in.padded(32);
  out.hardware = in.u16();
  out.firmware = in.u16();
  out.symmetric = in.u32();
  out.asymmetric = in.u32();
  out.hash = in.u32();
  out.auth_algorithm = in.u32();
  out.total_space = in.u32();
  out.free_space = in.u32();
  out.max_apdu = in.u16();
  out.user_auth = in.u16();
  out.device_type = in.u16();
  out.max_containers = in.u8();
  out.max_certificates = in.u8();
  out.max_files = in.u16();
  return out;  // 54 reserved bytes follow
}

Bytes encode_dev_info(const DevInfo& i) {
  Writer out;
  out.u16(i.struct_version).u16(i.spec_version);
  out.padded(i.manufacturer, 64).padded(i.issuer, 64).padded(i.label, 32).padded(i.serial, 32);
  out.u16(i.hardware).u16(i.firmware).u32(i.symmetric).u32(i.asymmetric).u32(i.hash).u32(i.auth_algorithm);
  out.u32(i.total_space).u32(i.free_space).u16(i.max_apdu).u16(i.user_auth).u16(i.device_type);
  out.u8(i.max_containers).u8(i.max_certificates).u16(i.max_files).padded({}, 54);
  return out.take();
}

Result<Application> read_application(ByteView data) {
  Reader in(data);
  Application out{in.u32(), in.u8(), in.u8(), in.u16(), in.u16()};
  if (!in.ended()) return bad_body("application", data.size());
  return out;
}
Bytes encode_application(const Application& a) {
  return Writer().u32(a.rights).u8(a.max_containers).u8(a.max_certificates).u16(a.max_files).u16(a.id).take();
}

Result<PinInfo> read_pin_info(ByteView data) {
  Reader in(data);
  PinInfo out{in.u8(), in.u8(), in.u8() != 0};
  if (!in.ended() || out.tries_left > out.max_tries) return bad_body("pin_info", data.size());
  return out;
}
Bytes encode_pin_info(const PinInfo& i) {
  return Writer().u8(i.max_tries).u8(i.tries_left).u8(i.initial ? 1 : 0).take();
}

Result<ContainerInfo> read_container_info(ByteView data) {
  Reader in(data);
  ContainerInfo out{in.u8(), in.u32(), in.u32(), in.u8() != 0, in.u8() != 0, in.u8() != 0, in.u8() != 0};
  if (!in.ended()) return bad_body("container_info", data.size());
  return out;
}
Bytes encode_container_info(const ContainerInfo& i) {
  return Writer()
      .u8(i.type)
      .u32(i.sign_bits)
      .u32(i.encryption_bits)
      .u8(i.sign_key)
      .u8(i.encryption_key)
      .u8(i.sign_certificate)
      .u8(i.encryption_certificate)
      .take();
}

Result<FileInfo> read_file_info(ByteView data) {
  Reader in(data);
  FileInfo out{in.padded(kFileName), in.u32(), in.u32(), in.u32()};
  if (!in.ended() || out.name.empty()) return bad_body("file_info", data.size());
  return out;
}
Bytes encode_file_info(const FileInfo& f) {
  return Writer().padded(f.name, kFileName).u32(f.size).u32(f.read_rights).u32(f.write_rights).take();
}

Result<std::vector<std::string>> read_names(ByteView data) {
  std::vector<std::string> out;
  std::string_view text = as_text(data);
  while (!text.empty() && text.front() != '\0') {
    const auto end = text.find('\0');
    if (end == std::string_view::npos || out.size() == kMaxNames) return bad_body("names", data.size());
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  // The closing NUL; some cards leave it out, and an empty list may come as one or two NULs or as nothing.
  if (text.size() > 2 || text.find_first_not_of('\0') != std::string_view::npos) return bad_body("names", data.size());
  return out;
}
Bytes encode_names(std::span<const std::string> names) {
  Writer out;
  for (const auto& name : names) out.text(name).u8(0);
  return out.u8(0).take();
}

Result<ContainerId> read_container_id(ByteView data) {
  Reader in(data);
  const ContainerId out = in.u16();
  if (!in.ended()) return bad_body("container_id", data.size());
  return out;
}

Result<Bytes> read_certificate_der(ByteView data) {
  Reader in(data);
  const std::uint32_t length = in.u32();
  const ByteView der = in.raw(length);
  if (!in.ended() || der.empty()) return bad_body("certificate", data.size());
  return Bytes(der.begin(), der.end());
}
Bytes encode_certificate_der(ByteView der) {
  return Writer().u32(static_cast<std::uint32_t>(der.size())).raw(der).take();
}

namespace {
Result<std::array<std::uint8_t, 64>> read_pair(ByteView data, std::string_view part) {
  Reader in(data);
  const auto bits = in.u32();
  const auto pair = in.raw(64);
  if (!in.ended() || bits != kSm2Bits) return bad_body(part, data.size());
  std::array<std::uint8_t, 64> out;
  std::ranges::copy(pair, out.begin());
  return out;
}
}  // namespace
Result<PublicKey> read_public_key(ByteView data) { return read_pair(data, "public_key"); }
Bytes encode_public_key(const PublicKey& key) { return Writer().u32(kSm2Bits).raw(key).take(); }
Result<Signature> read_signature(ByteView data) { return read_pair(data, "signature"); }
Bytes encode_signature(const Signature& signature) { return Writer().u32(kSm2Bits).raw(signature).take(); }

Result<InApplication> read_in_application(ByteView data) {
  Reader in(data);
  const AppId app = in.u16();
  if (in.is_short()) return bad_body("app_id", data.size());
  return InApplication{app, in.rest()};
}
Result<InContainer> read_in_container(ByteView data) {
  Reader in(data);
  const AppId app = in.u16();
  const ContainerId container = in.u16();
  if (in.is_short()) return bad_body("container_id", data.size());
  return InContainer{app, container, in.rest()};
}
Result<FileRange> read_file_range(ByteView data) {
  Reader in(data);
  FileRange out;
  out.app = in.u16();
  out.offset = in.u32();
  out.count = in.u32();
  out.name = std::string(as_text(in.raw(in.u16())));
  if (in.is_short() || out.name.empty()) return bad_body("file_range", data.size());
  out.data = in.rest();
  return out;
}

}  // namespace taxgate::gmt0017
