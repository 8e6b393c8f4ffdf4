#include <algorithm>

#include "daemon/events/http_post.h"

namespace taxgate::events {

Result<Url> read_url(std::string_view text, std::string_view field) {
  const auto bad = [&] { return fail(Errc::invalid_input, "events.webhook_url", std::string(field)); };
  constexpr std::size_t kMaxUrl = 2048;
  if (text.size() > kMaxUrl || !std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127; })) return bad();
  Url url;
  if (text.starts_with("https://")) {
    url.tls = true;
    text.remove_prefix(8);
  } else if (text.starts_with("http://")) {
    text.remove_prefix(7);
  } else {
    return bad();
  }
  const auto slash = text.find_first_of("/?");
  std::string_view authority = text.substr(0, slash);
  const std::string_view target = slash == std::string_view::npos ? std::string_view{} : text.substr(slash);
  if (text.find('#') != std::string_view::npos || authority.find('@') != std::string_view::npos) return bad();
  std::string_view port;
  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    if (end == std::string_view::npos) return bad();
    url.host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
  } else {
    const auto colon = authority.find(':');
    url.host = authority.substr(0, colon);
    port = colon == std::string_view::npos ? std::string_view{} : authority.substr(colon);
  }
  if (url.host.empty()) return bad();
  if (!port.empty()) {
    port.remove_prefix(port.front() == ':' ? 1 : port.size());
    if (port.empty() || port.size() > 5 || !std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; }))
      return bad();
    if (const int number = std::stoi(std::string(port)); number == 0 || number > 65535) return bad();
  }
  url.port = port.empty() ? (url.tls ? "443" : "80") : std::string(port);
  url.target = target.starts_with('/') ? std::string(target) : "/" + std::string(target);
  return url;
}

}  // namespace taxgate::events
