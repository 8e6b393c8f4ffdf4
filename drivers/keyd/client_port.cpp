#include "drivers/keyd/client_port.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace taxgate::keyd {

ClientPort::ClientPort(EventLoop& loop, uid_t allowed_uid, Hooks hooks)
    : loop_(loop), allowed_uid_(allowed_uid), hooks_(std::move(hooks)) {}

ClientPort::~ClientPort() {
  for (const auto& [id, client] : clients_) loop_.forget(client->fd.get());
  if (listener_) {
    loop_.forget(listener_.get());
    ::unlink(path_.c_str());
  }
}

Result<void> ClientPort::listen(const std::string& path) {
  const auto broken = [&] {
    return fail(Errc::invalid_input, "keyd.socket", "socket", path, {}, std::strerror(errno));
  };
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return broken();
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return broken();
  // The state directory's lock is ours, so no living host owns this file.
  ::unlink(path.c_str());
  // Another uid must be able to connect; who it is, the kernel says at accept.
  const mode_t mode = allowed_uid_ == ::geteuid() ? 0600 : 0666;
  const mode_t before = ::umask(0777 & ~mode);
  const int bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::umask(before);
  if (bound != 0 || ::listen(fd.get(), 16) != 0) return broken();
  path_ = path;
  listener_ = std::move(fd);
  loop_.watch(listener_.get(), POLLIN, [this](short) { accept_one(); });
  return {};
}

void ClientPort::accept_one() {
  Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd) return;
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid != allowed_uid_)
    return hooks_.refused(
        {Errc::rejected, "keyd.foreign_uid", {}, std::to_string(peer.uid), std::to_string(allowed_uid_), {}});
  if (clients_.size() >= kMaxClients)
    return hooks_.refused({Errc::limit_reached, "keyd.clients", {}, {}, std::to_string(kMaxClients), {}});
  const std::uint64_t id = next_++;
  auto client = std::make_unique<Client>();
  client->fd = std::move(fd);
  loop_.watch(client->fd.get(), POLLIN, [this, id](short revents) {
    if (revents & POLLOUT) flush(id);
    if (revents & (POLLIN | POLLHUP | POLLERR)) readable(id);
  });
  clients_.emplace(id, std::move(client));
}

void ClientPort::readable(std::uint64_t id) {
  const auto found = clients_.find(id);
  if (found == clients_.end() || found->second->closing) return;
  char buffer[64 * 1024];
  const ssize_t n = ::recv(found->second->fd.get(), buffer, sizeof buffer, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return close(id);
  found->second->cutter.feed({buffer, static_cast<std::size_t>(n)});
  for (;;) {
    const auto current = clients_.find(id);
    if (current == clients_.end() || current->second->closing) return;
    auto frame = current->second->cutter.next();
    if (!frame) {
      hooks_.refused(frame.error());
      return close(id);
    }
    if (!*frame) return;
    handle(id, **frame);
  }
}

void ClientPort::handle(std::uint64_t id, const v1::Frame& frame) {
  Client& client = *clients_.at(id);
  if (client.greeted) return hooks_.frame(id, frame);
  if (!frame.has_hello() || !versions_overlap(frame.hello().version_min(), frame.hello().version_max())) {
    hooks_.refused({Errc::rejected,
                    "keyd.version",
                    {},
                    frame.has_hello() ? frame.hello().program() : std::string("no hello"),
                    {},
                    {}});
    return close(id);
  }
  client.greeted = true;
  v1::Frame answer;
  answer.mutable_hello()->set_version_min(kVersionMin);
  answer.mutable_hello()->set_version_max(kVersionMax);
  answer.mutable_hello()->set_program("taxgate-keyd 0.1.0");
  send(id, answer);
}

void ClientPort::send(std::uint64_t id, const v1::Frame& frame) {
  const auto found = clients_.find(id);
  if (found == clients_.end() || found->second->closing) return;
  Client& client = *found->second;
  if (!append_frame(frame, client.unsent) || client.unsent.size() > kMaxUnsent) return close_later(id);
  flush(id);
}

void ClientPort::flush(std::uint64_t id) {
  const auto found = clients_.find(id);
  if (found == clients_.end() || found->second->closing) return;
  Client& client = *found->second;
  const ssize_t n = ::send(client.fd.get(), client.unsent.data(), client.unsent.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n < 0 && errno != EAGAIN && errno != EINTR) return close_later(id);
  if (n > 0) client.unsent.erase(0, static_cast<std::size_t>(n));
  loop_.change(client.fd.get(), static_cast<short>(client.unsent.empty() ? POLLIN : POLLIN | POLLOUT));
}

void ClientPort::subscribe(std::uint64_t id) {
  const auto found = clients_.find(id);
  if (found != clients_.end()) found->second->subscribed = true;
}

void ClientPort::send_to_subscribers(const v1::Frame& frame) {
  std::vector<std::uint64_t> ids;
  for (const auto& [id, client] : clients_)
    if (client->subscribed) ids.push_back(id);
  for (const std::uint64_t id : ids) send(id, frame);
}

void ClientPort::close_later(std::uint64_t id) {
  // send() is called from inside the owner's code, which must not meet its own `closed` there.
  clients_.at(id)->closing = true;
  loop_.defer([this, id] { close(id); });
}

void ClientPort::close(std::uint64_t id) {
  const auto found = clients_.find(id);
  if (found == clients_.end()) return;
  loop_.forget(found->second->fd.get());
  clients_.erase(found);
  hooks_.closed(id);
}

}  // namespace taxgate::keyd
