#include "protocol/envelope.h"

#include <algorithm>
#include <array>

#include "protocol/text.h"

namespace taxgate {
namespace {

constexpr std::string_view kFirstLine = "TAXGATE-ENVELOPE/1";
// Longest value in use is a submission id with its step (about 50 bytes).
constexpr std::size_t kMaxHeaderValue = 128;

bool is_header_value(std::string_view value) {
  return !value.empty() && value.size() <= kMaxHeaderValue && is_utf8(value) &&
         std::ranges::none_of(value, [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

void append(Bytes& out, std::string_view text) { out.insert(out.end(), text.begin(), text.end()); }

/// Takes "name: value\n" from the front of `text`.
bool take_line(std::string_view& text, std::string_view name, std::string_view& value) {
  if (!text.starts_with(name) || !text.substr(name.size()).starts_with(": ")) return false;
  text.remove_prefix(name.size() + 2);
  const auto end = text.find('\n');
  if (end == std::string_view::npos) return false;
  value = text.substr(0, end);
  text.remove_prefix(end + 1);
  return true;
}

}  // namespace

Result<Bytes> make_envelope(const EnvelopeHeader& header, ByteView body) {
  const std::string digest = hex(sm3(body)), length = std::to_string(body.size());
  const std::array<std::pair<std::string_view, std::string_view>, 6> lines{{{"channel", header.channel},
                                                                            {"taxpayer", header.taxpayer},
                                                                            {"purpose", header.purpose},
                                                                            {"request", header.request_id},
                                                                            {"length", length},
                                                                            {"sm3", digest}}};
  Bytes out;
  std::size_t size = kFirstLine.size() + 2 + body.size();
  for (const auto& [name, value] : lines) {
    if (!is_header_value(value))
      return fail(Errc::invalid_input, "envelope.header", std::string(name), {}, std::to_string(kMaxHeaderValue));
    size += name.size() + value.size() + 3;
  }
  if (size > kMaxEnvelope)
    return fail(Errc::invalid_input, "envelope.size", {}, std::to_string(size), std::to_string(kMaxEnvelope));
  out.reserve(size);
  append(out, kFirstLine);
  out.push_back('\n');
  for (const auto& [name, value] : lines) {
    append(out, name);
    append(out, ": ");
    append(out, value);
    out.push_back('\n');
  }
  out.push_back('\n');
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

Result<EnvelopeParts> read_envelope(ByteView bytes) {
  const auto refuse = [] { return fail(Errc::corrupt, "envelope.format"); };
  if (bytes.size() > kMaxEnvelope) return refuse();
  std::string_view text = as_text(bytes);
  if (!text.starts_with(kFirstLine) || !text.substr(kFirstLine.size()).starts_with('\n')) return refuse();
  text.remove_prefix(kFirstLine.size() + 1);
  std::string_view channel, taxpayer, purpose, request, length, digest;
  if (!take_line(text, "channel", channel) || !take_line(text, "taxpayer", taxpayer) ||
      !take_line(text, "purpose", purpose) || !take_line(text, "request", request) ||
      !take_line(text, "length", length) || !take_line(text, "sm3", digest) || !text.starts_with('\n'))
    return refuse();
  const ByteView body = bytes.last(text.size() - 1);
  EnvelopeParts out{{std::string(channel), std::string(taxpayer), std::string(purpose), std::string(request)}, body};
  // Exactly what make_envelope writes: made again and compared, so that no second spelling of one content exists.
  const auto again = make_envelope(out.header, body);
  if (!again) return refuse();
  if (length == std::to_string(body.size()) && digest != hex(sm3(body))) return fail(Errc::corrupt, "envelope.digest");
  if (!std::ranges::equal(*again, bytes)) return refuse();
  return out;
}

Result<void> verify_envelope(const SignedEnvelope& signed_envelope, std::string_view taxpayer) {
  const auto parts = read_envelope(signed_envelope.bytes);
  if (!parts) return std::unexpected(parts.error());
  const auto certificate = read_certificate(signed_envelope.certificate);
  if (!certificate) return std::unexpected(certificate.error());
  for (const std::string& named : {certificate->taxpayer, parts->header.taxpayer})
    if (named != taxpayer) return fail(Errc::rejected, "envelope.foreign_key", {}, shown(named), shown(taxpayer));
  const Digest e = sm2_e(signed_envelope.signer_id, certificate->key, signed_envelope.bytes);
  const auto good = sm2_verify(certificate->key, e, signed_envelope.signature);
  if (!good) return std::unexpected(good.error());
  if (!*good) return fail(Errc::rejected, "envelope.signature");
  return {};
}

}  // namespace taxgate
