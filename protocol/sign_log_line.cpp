#include "protocol/sign_log_line.h"

#include <array>
#include <charconv>

#include "protocol/sm.h"

namespace taxgate::keyd {
namespace {

constexpr std::size_t kHexDigest = 64;
constexpr std::size_t kOrderFields = 9, kResultFields = 5;

}  // namespace

std::string sign_log_chain(std::string_view previous, std::string_view line_without_chain) {
  return hex(sm3_of({as_bytes(previous), as_bytes(line_without_chain)}));
}

Result<SignLogLine> read_sign_log_line(std::string_view line) {
  const auto damaged = [] { return fail(Errc::corrupt, "key.log_damaged"); };
  std::array<std::string_view, kOrderFields> f;
  std::size_t count = 0;
  for (std::string_view rest = line;; ++count) {
    if (count == f.size()) return damaged();
    const auto tab = rest.find('\t');
    f[count] = rest.substr(0, tab);
    if (tab == std::string_view::npos) break;
    rest.remove_prefix(tab + 1);
  }
  ++count;
  SignLogLine out;
  const auto [end, ec] = std::from_chars(f[0].data(), f[0].data() + f[0].size(), out.number);
  if (ec != std::errc{} || end != f[0].data() + f[0].size() || out.number == 0) return damaged();
  out.at = f[1];
  out.order = f[2] == "order";
  if (count != (out.order ? kOrderFields : kResultFields) || (!out.order && f[2] != "result")) return damaged();
  if (out.order) {
    out.key_serial = f[3];
    out.taxpayer = f[4];
    out.purpose = f[5];
    out.request_id = f[6];
    out.message_sm3 = f[7];
    if (out.message_sm3.size() != kHexDigest) return damaged();
  } else {
    out.outcome = f[3];
  }
  out.chain = f[count - 1];
  if (out.chain.size() != kHexDigest) return damaged();
  return out;
}

}  // namespace taxgate::keyd
