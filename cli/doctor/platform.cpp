// Is the tax platform reached, and does its clock agree with ours? One HEAD request of "/", which asks for nothing that
// a call budget counts.
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>

#include "cli/doctor/finding.h"
#include "daemon/core/files.h"
#include "protocol/http_date.h"

namespace taxgate::doctor {
namespace {

constexpr int kConnectMs = 5'000;  // as platform.timeouts.connect_ms by default
constexpr timeval kAnswer{10, 0};
constexpr std::size_t kMaxHead = 16 * 1024;

struct Host {
  std::string name, port;
};

std::optional<Host> host_of(std::string_view url) {
  if (!url.starts_with("https://")) return std::nullopt;
  url.remove_prefix(8);
  url = url.substr(0, url.find('/'));
  Host host{std::string(url), "443"};
  const auto colon = url.rfind(':');
  if (colon != std::string_view::npos && url.find(']', colon) == std::string_view::npos)
    host = {std::string(url.substr(0, colon)), std::string(url.substr(colon + 1))};
  if (host.name.size() > 2 && host.name.front() == '[') host.name = host.name.substr(1, host.name.size() - 2);
  return host;
}

std::expected<UniqueFd, std::string> connect_to(const Host& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (const int error = ::getaddrinfo(host.name.c_str(), host.port.c_str(), &hints, &list); error != 0)
    return std::unexpected(std::string(::gai_strerror(error)));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
  std::string why = "no address";
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    UniqueFd fd(::socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) continue;
    int error = ::connect(fd.get(), one->ai_addr, one->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
      pollfd wait{fd.get(), POLLOUT, 0};
      socklen_t size = sizeof error;
      if (::poll(&wait, 1, kConnectMs) <= 0)
        error = ETIMEDOUT;
      else if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        error = errno;
    }
    if (error != 0) {
      why = std::strerror(error);
      continue;
    }
    const int flags = ::fcntl(fd.get(), F_GETFL);
    ::fcntl(fd.get(), F_SETFL, flags & ~O_NONBLOCK);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kAnswer, sizeof kAnswer);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kAnswer, sizeof kAnswer);
    return fd;
  }
  return std::unexpected(why);
}

std::string tls_trouble(const SSL* tls) {
  if (const long verified = SSL_get_verify_result(tls); verified != X509_V_OK)
    return X509_verify_cert_error_string(verified);
  const unsigned long code = ERR_get_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "no answer" : reason;
}

/// The head of the answer, or why there is none.
std::expected<std::string, std::string> head_of(const Host& host, const std::string& ca_file) {
  auto fd = connect_to(host);
  if (!fd) return std::unexpected(fd.error());
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  if (!context) return std::unexpected("TLS");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  const bool trusts = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context.get()) == 1
                                      : SSL_CTX_load_verify_locations(context.get(), ca_file.c_str(), nullptr) == 1;
  if (!trusts) return std::unexpected(ca_file);
  const std::unique_ptr<SSL, decltype(&SSL_free)> tls(SSL_new(context.get()), &SSL_free);
  X509_VERIFY_PARAM* rules = SSL_get0_param(tls.get());
  if (X509_VERIFY_PARAM_set1_ip_asc(rules, host.name.c_str()) != 1) {
    ERR_clear_error();
    SSL_set_tlsext_host_name(tls.get(), host.name.c_str());
    X509_VERIFY_PARAM_set1_host(rules, host.name.c_str(), 0);
  }
  SSL_set_fd(tls.get(), fd->get());
  if (SSL_connect(tls.get()) != 1) return std::unexpected(tls_trouble(tls.get()));
  const std::string request = fmt::format("HEAD / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", host.name);
  if (SSL_write(tls.get(), request.data(), static_cast<int>(request.size())) <= 0)
    return std::unexpected(tls_trouble(tls.get()));
  std::string head;
  char buffer[2048];
  while (head.size() < kMaxHead && head.find("\r\n\r\n") == std::string::npos) {
    const int n = SSL_read(tls.get(), buffer, sizeof buffer);
    if (n <= 0) break;
    head.append(buffer, static_cast<std::size_t>(n));
  }
  ERR_clear_error();
  if (!head.starts_with("HTTP/")) return std::unexpected("no HTTP answer");
  return head;
}

LegalTime date_in(std::string_view head) {
  std::size_t at = 0;
  while ((at = head.find("\r\n", at)) != std::string_view::npos) {
    at += 2;
    const std::string line(head.substr(at, head.find("\r\n", at) - at));
    if (::strncasecmp(line.c_str(), "date: ", 6) == 0) return read_http_date(line.substr(6));
  }
  return {};
}

}  // namespace

void check_platform(const Scene& scene, Findings& out) {
  if (!scene.config) return;
  const std::string& url = scene.config->platform.base_url;
  const auto host = host_of(url);
  if (!host) return;
  const auto head = head_of(*host, scene.config->platform.ca_file);
  if (!head) {
    out.push_back({Severity::failing, {Errc::retry_later, "doctor.platform", url, head.error(), {}, {}}});
    return;
  }
  const LegalTime theirs = date_in(*head);
  if (!theirs.is_set()) {
    out.push_back({Severity::note, {Errc::retry_later, "doctor.platform_date", url, {}, {}, {}}});
    return;
  }
  const auto ours = std::chrono::system_clock::now().time_since_epoch();
  const std::int64_t offset = (std::chrono::duration_cast<std::chrono::milliseconds>(ours).count() - theirs.ms) / 1000;
  if (std::abs(offset) > kClockToleratedS)
    out.push_back({Severity::failing,
                   {Errc::rejected,
                    "doctor.clock",
                    url,
                    fmt::format("{:+} s", offset),
                    fmt::format("{} s", kClockToleratedS),
                    {}}});
}

}  // namespace taxgate::doctor
