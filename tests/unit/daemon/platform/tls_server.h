#pragma once
// A small real TLS server for the platform client's tests: blocking sockets and OpenSSL, one thread a connection, and a
// script that decides what each connection does. It shares no code with the client under test.
#include <openssl/ssl.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace taxgate::platform_test {

/// A certification authority of its own, with PEM files in a directory of its own.
class Authority {
 public:
  explicit Authority(const std::string& common_name);
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;
  const std::string& pem_file() const { return pem_file_; }
  const std::string& directory() const { return directory_; }
  /// A server context with a certificate for this host name or IP address.
  SSL_CTX* server(const std::string& host) const;

 private:
  EVP_PKEY* key_;
  X509* certificate_;
  std::string directory_, pem_file_;
};

struct Request {
  std::string line;                            // "POST /… HTTP/1.1"
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

/// One accepted connection, seen by the script.
class Peer {
 public:
  Peer(int fd, SSL* ssl, const std::atomic<bool>& stopping) : fd_(fd), ssl_(ssl), stopping_(stopping) {}
  int number = 0;                            // of the connection, from 0
  bool read(Request& into);                  // false: the client went away
  std::string read_some(std::size_t bytes);  // at most; "" when the client went away
  void write(const std::string& bytes);
  void close();         // TLS close and FIN
  void reset();         // RST
  void wait_for_end();  // until the client leaves or the server stops
  int fd() const { return fd_; }

 private:
  int fd_;
  SSL* ssl_;
  const std::atomic<bool>& stopping_;
};

std::string http(int status, const std::string& body, const std::string& more_headers = {});

class TlsServer {
 public:
  using Script = std::function<void(Peer&)>;
  /// `context` null: the script gets the bare TCP connection (Peer::fd) and no TLS.
  TlsServer(SSL_CTX* context, Script script);
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;
  int port() const { return port_; }
  std::string url(const std::string& host = "127.0.0.1") const {
    return "https://" + host + ":" + std::to_string(port_);
  }
  int connections() const { return connections_; }
  /// Waits until every connection accepted so far has been closed on this side; false after twenty seconds.
  bool all_closed();

 private:
  void accept_all();
  void serve(int fd, int number);

  SSL_CTX* context_;
  Script script_;
  int listener_ = -1, port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> connections_{0};
  std::mutex mutex_;
  std::condition_variable closed_;
  std::vector<std::thread> threads_;
  std::vector<int> open_;
  std::thread acceptor_;
};

}  // namespace taxgate::platform_test
