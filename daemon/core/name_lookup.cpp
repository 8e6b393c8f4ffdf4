#include "daemon/core/name_lookup.h"

#include <netdb.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <charconv>
#include <cstdint>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "daemon/core/lanes.h"

namespace taxgate {

FoundNames system_name_lookup(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list); error != 0)
    return {.addresses = {}, .trouble = ::gai_strerror(error)};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
  FoundNames found;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    char text[NI_MAXHOST];
    if (::getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0)
      found.addresses.emplace_back(text);
  }
  if (found.addresses.empty()) found.trouble = "no address";
  return found;
}

std::vector<boost::asio::ip::tcp::endpoint> endpoints_of(const FoundNames& found, std::string_view port) {
  std::uint16_t number = 0;
  std::from_chars(port.data(), port.data() + port.size(), number);
  std::vector<boost::asio::ip::tcp::endpoint> out;
  boost::system::error_code none;
  for (const std::string& address : found.addresses)
    if (const auto one = boost::asio::ip::make_address(address, none); !none) out.emplace_back(one, number);
  return out;
}

/// Shared with the threads that are left behind; `waiting` never is: what waits dies with its owner.
struct NameLookup::State {
  std::mutex mutex;
  boost::asio::io_context* io = nullptr;  // null: nobody waits any more
  std::size_t under_way = 0;
  AskForName ask;
  std::map<std::uint64_t, std::move_only_function<void(FoundNames)>> waiting;  // thread of io only
  std::uint64_t next = 0;                                                      // thread of io only

  static void finish(const std::shared_ptr<State>& state, std::uint64_t number, FoundNames found) {
    const std::lock_guard lock(state->mutex);
    --state->under_way;
    answer(state, number, std::move(found));
  }
  /// With the lock held: `io` is not gone while it is posted to.
  static void answer(const std::shared_ptr<State>& state, std::uint64_t number, FoundNames found) {
    if (state->io == nullptr) return;
    boost::asio::post(*state->io, [weak = std::weak_ptr(state), number, found = std::move(found)]() mutable {
      const auto alive = weak.lock();
      if (!alive) return;
      auto node = alive->waiting.extract(number);
      if (!node.empty()) node.mapped()(std::move(found));
    });
  }
};

NameLookup::NameLookup(boost::asio::io_context& io, AskForName ask) : state_(std::make_shared<State>()) {
  state_->io = &io;
  state_->ask = std::move(ask);
}

NameLookup::~NameLookup() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->io = nullptr;
  }
  state_->waiting.clear();
}

void NameLookup::start(std::string host, std::move_only_function<void(FoundNames)> done) {
  const std::uint64_t number = ++state_->next;
  state_->waiting.emplace(number, std::move(done));
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->under_way >= kMaxNameLookups)
      return State::answer(state_, number, {.addresses = {}, .trouble = "too many look-ups are under way"});
    ++state_->under_way;
  }
  const auto work = [state = state_, number, host = std::move(host)] {
    name_thread("name look-up");
    State::finish(state, number, state->ask(host));
  };
  try {
    std::thread(work).detach();
  } catch (const std::system_error& problem) {
    State::finish(state_, number, {.addresses = {}, .trouble = problem.what()});
  }
}

}  // namespace taxgate
