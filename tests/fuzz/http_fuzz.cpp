// One connection's whole conversation without sockets: any bytes, cut anywhere, through the HTTP parser, the routes,
// the body readers and the answers. The same bytes in one piece and byte by byte must have the same meaning.
#include <algorithm>
#include <boost/json.hpp>
#include <cstring>

#include "daemon/api/session.h"
#include "tests/unit/daemon/api/fake_gateway.h"

namespace taxgate::api {
namespace {

struct StillHost final : SessionHost {
  using SessionHost::SessionHost;
  std::int64_t now_ms() const override { return 1; }
  void deadline_set(std::int64_t) override {}
};

class MemorySession final : public Session {
 public:
  explicit MemorySession(std::shared_ptr<SessionHost> host)
      : Session(std::move(host), {.door = Credential::Door::unix_socket, .uid = 0, .certificate_sha256 = {}}) {}

  /// Hands over `input` in pieces of `piece` bytes and returns all that was written.
  std::string converse(std::string_view input, std::size_t piece) {
    begin();
    for (bool moved = true; moved && !closed_;) {
      moved = false;
      if (writing_) {
        writing_ = false;
        moved = true;
        on_written(true);
      } else if (into_ && !input.empty()) {
        const std::size_t n = std::min({piece, size_, input.size()});
        std::memcpy(std::exchange(into_, nullptr), input.data(), n);
        input.remove_prefix(n);
        moved = true;
        on_read(true, n);
      }
    }
    stop();
    return std::move(output_);
  }

 private:
  void start_read(char* into, std::size_t size) override {
    if (into_ || size == 0) __builtin_trap();  // one read at a time, never for nothing
    into_ = into;
    size_ = size;
  }
  void start_write(std::string_view head, std::string_view body) override {
    if (writing_) __builtin_trap();
    writing_ = true;
    output_.append(head).append(body);
  }
  void start_watch() override {}
  void shutdown_send() override {}
  void close() override { closed_ = true; }

  std::string output_;
  char* into_ = nullptr;
  std::size_t size_ = 0;
  bool writing_ = false, closed_ = false;
};

std::string converse(std::string_view input, std::size_t piece) {
  FakeGateway gateway;
  FakeDirectory directory;
  gateway.add_event("submission.issued");
  Settings settings;
  settings.max_body = 512;
  const auto session = std::make_shared<MemorySession>(std::make_shared<StillHost>(settings, gateway, directory));
  std::string output = session->converse(input, piece);
  gateway.event_waiters.clear();  // late replies find a closed session
  gateway.get_waiters.clear();
  return output;
}

/// Statuses of the answers in order, "100" left out (whether it is needed depends on the cut). Traps when an answer is
/// not well-formed.
std::vector<std::string> statuses(std::string_view output) {
  std::vector<std::string> out;
  while (!output.empty()) {
    if (!output.starts_with("HTTP/1.1 ") || output.size() < 12) __builtin_trap();
    std::string status(output.substr(9, 3));
    const auto end = output.find("\r\n\r\n");
    if (end == output.npos) __builtin_trap();
    const std::string_view head = output.substr(0, end + 2);
    output.remove_prefix(end + 4);
    if (status == "100") continue;
    out.push_back(std::move(status));
    const auto at = head.find("Content-Length: ");
    if (at == head.npos) return out;  // a stream: the rest belongs to it
    const auto length = std::stoul(std::string(head.substr(at + 16, head.find('\r', at) - at - 16)));
    if (length > output.size()) __builtin_trap();
    if (head.find("Content-Type: application/json\r\n") != head.npos) {
      boost::system::error_code ec;
      (void)boost::json::parse(boost::json::string_view(output.data(), length), ec);
      if (ec) __builtin_trap();
    }
    output.remove_prefix(length);
  }
  return out;
}

}  // namespace
}  // namespace taxgate::api

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto whole = taxgate::api::statuses(taxgate::api::converse(input, input.size() + 1));
  const auto bytewise = taxgate::api::statuses(taxgate::api::converse(input, 1));
  // A damaged header is seen at once in one piece and only at its end byte by byte, so the last answer may be missing.
  const auto common = std::min(whole.size(), bytewise.size());
  if (!std::equal(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(common), bytewise.begin()))
    __builtin_trap();
  return 0;
}
