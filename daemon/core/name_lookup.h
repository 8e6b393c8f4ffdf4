#pragma once
// Host names to addresses. getaddrinfo() can take half a minute and cannot be interrupted, and Asio's resolver has one
// thread for all names and waits for it when its io_context ends. Here each look-up has a thread of its own, which is
// left behind when nobody waits for its answer any more: a name server that is silent delays no other name, and no
// shutdown.
//
// Thread: construct, start() and destroy on the thread of `io`, or while nobody runs it. Destroy before `io`.
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace boost::asio {
class io_context;
namespace ip {
class tcp;
template <class Protocol>
class basic_endpoint;
}  // namespace ip
}  // namespace boost::asio

namespace taxgate {

/// Threads that wait for a name server at a time: one for each receiver at most, and there are some dozens of them.
inline constexpr std::size_t kMaxNameLookups = 32;

struct FoundNames {
  std::vector<std::string> addresses;  // numeric, in the order to try them
  std::string trouble;                 // why there are none: one line
};
/// Where to connect to, in that order. port  decimal; what is no address is left out
std::vector<boost::asio::ip::basic_endpoint<boost::asio::ip::tcp>> endpoints_of(const FoundNames& found,
                                                                                std::string_view port);

/// Blocks. Any thread, several at a time, also after everything else is gone: it owns what it uses.
using AskForName = std::function<FoundNames(const std::string& host)>;
FoundNames system_name_lookup(const std::string& host);

class NameLookup {
 public:
  explicit NameLookup(boost::asio::io_context& io, AskForName ask = system_name_lookup);
  ~NameLookup();
  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;

  /// `done` is called once, never from inside; not after the destructor. Its deadline is the caller's business.
  void start(std::string host, std::move_only_function<void(FoundNames)> done);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace taxgate
