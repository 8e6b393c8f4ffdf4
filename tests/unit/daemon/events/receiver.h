#pragma once
// A webhook receiver on a real socket: remembers each POST and answers as it is told. One connection at a time.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/json.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace taxgate::events {

struct Received {
  std::string target, body;
  std::map<std::string, std::string> headers;
  std::vector<std::string> ids() const {
    std::vector<std::string> out;
    const auto value = boost::json::parse(body);  // outlives the loop
    for (const auto& e : value.at("events").as_array()) out.emplace_back(e.at("id").as_string());
    return out;
  }
};

class Receiver {
 public:
  /// What to answer to the n-th request (from 0); 0: close without an answer; -1: never answer.
  using Status = std::function<int(std::size_t n)>;
  explicit Receiver(
      Status status = [](std::size_t) { return 204; }, SSL_CTX* tls = nullptr)
      : status_(std::move(status)), tls_(tls) {
    ::signal(SIGPIPE, SIG_IGN);  // a sender that hung up; OpenSSL cannot ask for less
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    ::listen(listener_, 16);
    socklen_t size = sizeof(address);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Receiver() {
    stopping_ = true;
    thread_.join();
    ::close(listener_);
    for (const int fd : silent_) ::close(fd);
  }

  std::string url(const std::string& path = "/hook") const {
    return (tls_ ? "https" : "http") + std::string("://127.0.0.1:") + std::to_string(port_) + path;
  }

  std::vector<Received> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  /// All events in the order of arrival, requests that were refused included.
  std::vector<std::string> all_ids() {
    std::vector<std::string> out;
    for (const auto& r : requests())
      for (auto& id : r.ids()) out.push_back(id);
    return out;
  }
  bool wait_for(const std::function<bool()>& f) {
    for (int i = 0; i < 3000; ++i) {
      if (f()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  bool wait_requests(std::size_t n) {
    return wait_for([&] { return requests().size() >= n; });
  }
  bool wait_events(std::size_t n) {
    return wait_for([&] { return all_ids().size() >= n; });
  }

 private:
  void run() {
    while (!stopping_) {
      pollfd p{.fd = listener_, .events = POLLIN, .revents = 0};
      if (::poll(&p, 1, 20) != 1) continue;
      const int fd = ::accept(listener_, nullptr, nullptr);
      SSL* ssl = nullptr;
      if (tls_) {
        ssl = SSL_new(tls_);
        SSL_set_fd(ssl, fd);
        if (SSL_accept(ssl) != 1) {
          SSL_free(ssl);
          ::close(fd);
          continue;
        }
      }
      serve(fd, ssl);
      if (ssl) SSL_free(ssl);
    }
  }

  void serve(int fd, SSL* ssl) {
    std::string bytes;
    char buffer[16384];
    std::size_t end = std::string::npos, length = 0;
    while (end == std::string::npos || bytes.size() < end + 4 + length) {
      const auto n =
          ssl ? SSL_read(ssl, buffer, sizeof(buffer)) : static_cast<int>(::recv(fd, buffer, sizeof(buffer), 0));
      if (n <= 0) {
        ::close(fd);
        return;
      }
      bytes.append(buffer, static_cast<std::size_t>(n));
      if (end != std::string::npos) continue;
      end = bytes.find("\r\n\r\n");
      if (end != std::string::npos) length = std::stoul(bytes.substr(bytes.find("Content-Length: ") + 16));
    }
    Received r;
    r.target = bytes.substr(5, bytes.find(' ', 5) - 5);
    r.body = bytes.substr(end + 4);
    for (std::size_t line = bytes.find("\r\n") + 2; line < end; line = bytes.find("\r\n", line) + 2) {
      const auto colon = bytes.find(": ", line);
      r.headers[bytes.substr(line, colon - line)] = bytes.substr(colon + 2, bytes.find("\r\n", line) - colon - 2);
    }
    std::size_t n;
    {
      const std::lock_guard lock(mutex_);
      n = requests_.size();
      requests_.push_back(std::move(r));
    }
    const int status = status_(n);
    if (status > 0) {
      const std::string answer = "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: 0\r\n\r\n";
      if (ssl)
        SSL_write(ssl, answer.data(), static_cast<int>(answer.size()));
      else
        (void)::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    }
    if (status < 0)
      silent_.push_back(fd);
    else
      ::close(fd);
  }

  Status status_;
  SSL_CTX* tls_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::vector<Received> requests_;
  std::vector<int> silent_;
  std::thread thread_;
};

}  // namespace taxgate::events
