#include "tests/unit/daemon/platform/tls_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <stdexcept>

namespace taxgate::platform_test {
namespace {

void set_name(X509_NAME* name, const std::string& common_name) {
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(common_name.c_str()), -1,
                             -1, 0);
}

X509* certificate(EVP_PKEY* key, const std::string& common_name, X509* issuer, EVP_PKEY* issuer_key,
                  const std::string& alternative) {
  static std::atomic<long> serial{1};
  X509* out = X509_new();
  X509_set_version(out, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(out), serial++);
  X509_gmtime_adj(X509_getm_notBefore(out), -3600);
  X509_gmtime_adj(X509_getm_notAfter(out), 24 * 3600);
  X509_set_pubkey(out, key);
  set_name(X509_get_subject_name(out), common_name);
  X509_set_issuer_name(out, X509_get_subject_name(issuer == nullptr ? out : issuer));
  const auto extend = [&](int nid, const std::string& value) {
    X509_EXTENSION* e = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
    X509_add_ext(out, e, -1);
    X509_EXTENSION_free(e);
  };
  extend(NID_basic_constraints, issuer == nullptr ? "critical,CA:TRUE" : "CA:FALSE");
  if (!alternative.empty()) extend(NID_subject_alt_name, alternative);
  X509_sign(out, issuer_key, EVP_sha256());
  return out;
}

}  // namespace

Authority::Authority(const std::string& common_name) : key_(EVP_EC_gen("P-256")) {
  certificate_ = certificate(key_, common_name, nullptr, key_, {});
  std::string pattern = (std::filesystem::temp_directory_path() / "taxgate-tls-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
  directory_ = pattern;
  pem_file_ = directory_ + "/ca.pem";
  FILE* file = std::fopen(pem_file_.c_str(), "w");
  PEM_write_X509(file, certificate_);
  std::fclose(file);
}

Authority::~Authority() {
  X509_free(certificate_);
  EVP_PKEY_free(key_);
  std::filesystem::remove_all(directory_);
}

SSL_CTX* Authority::server(const std::string& host) const {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  in_addr ignored{};
  const bool literal = inet_pton(AF_INET, host.c_str(), &ignored) == 1;
  X509* leaf = certificate(key, host, certificate_, key_, (literal ? "IP:" : "DNS:") + host);
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  SSL_CTX_use_certificate(context, leaf);
  SSL_CTX_use_PrivateKey(context, key);
  X509_free(leaf);
  EVP_PKEY_free(key);
  return context;
}

bool Peer::read(Request& into) {
  std::string text;
  const auto head_end = [&] { return text.find("\r\n\r\n"); };
  while (head_end() == std::string::npos) {
    const std::string some = read_some(4096);
    if (some.empty()) return false;
    text += some;
  }
  into = {};
  const std::string head = text.substr(0, head_end());
  std::string body = text.substr(head_end() + 4);
  std::size_t at = head.find("\r\n");
  into.line = head.substr(0, at);
  while (at != std::string::npos) {
    const std::size_t end = head.find("\r\n", at + 2);
    const std::string line = head.substr(at + 2, end == std::string::npos ? end : end - at - 2);
    const std::size_t colon = line.find(':');
    std::string name = line.substr(0, colon);
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    std::string value = colon == std::string::npos ? "" : line.substr(colon + 1);
    value.erase(0, value.find_first_not_of(' ') == std::string::npos ? value.size() : value.find_first_not_of(' '));
    into.headers[name] = value;
    at = end;
  }
  const std::size_t size = into.headers.contains("content-length") ? std::stoul(into.headers["content-length"]) : 0;
  while (body.size() < size) {
    const std::string some = read_some(std::min<std::size_t>(size - body.size(), 64 * 1024));
    if (some.empty()) return false;
    body += some;
  }
  into.body = body;
  return true;
}

std::string Peer::read_some(std::size_t bytes) {
  std::string out(bytes, '\0');
  const auto got =
      ssl_ != nullptr ? SSL_read(ssl_, out.data(), static_cast<int>(bytes)) : ::recv(fd_, out.data(), bytes, 0);
  out.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return out;
}

void Peer::write(const std::string& bytes) {
  if (ssl_ != nullptr)
    SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
  else
    (void)::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

void Peer::close() {
  if (ssl_ != nullptr) SSL_shutdown(ssl_);
  ::shutdown(fd_, SHUT_WR);
}

void Peer::reset() {
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void Peer::wait_for_end() {
  while (!stopping_) {
    pollfd p{fd_, POLLIN, 0};
    if (::poll(&p, 1, 20) > 0 && read_some(4096).empty()) return;
  }
}

std::string http(int status, const std::string& body, const std::string& more_headers) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         more_headers + "\r\n" + body;
}

TlsServer::TlsServer(SSL_CTX* context, Script script) : context_(context), script_(std::move(script)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 64) != 0)
    throw std::runtime_error("listen");
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

TlsServer::~TlsServer() {
  stopping_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  {
    const std::scoped_lock lock(mutex_);
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& t : threads_) t.join();
  if (context_ != nullptr) SSL_CTX_free(context_);
}

void TlsServer::accept_all() {
  while (!stopping_) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    const int one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    const std::scoped_lock lock(mutex_);
    open_.push_back(fd);
    threads_.emplace_back([this, fd, number = connections_++] { serve(fd, number); });
  }
}

void TlsServer::serve(int fd, int number) {
  SSL* ssl = nullptr;
  bool ready = true;
  if (context_ != nullptr) {
    ssl = SSL_new(context_);
    SSL_set_fd(ssl, fd);
    ready = SSL_accept(ssl) == 1;
  }
  if (ready) {
    Peer peer(fd, ssl, stopping_);
    peer.number = number;
    script_(peer);
  }
  if (ssl != nullptr) SSL_free(ssl);
  const std::scoped_lock lock(mutex_);
  std::erase(open_, fd);
  ::close(fd);
  closed_.notify_all();
}

bool TlsServer::all_closed() {
  std::unique_lock lock(mutex_);
  return closed_.wait_for(lock, std::chrono::seconds(20), [this] { return open_.empty(); });
}

}  // namespace taxgate::platform_test
