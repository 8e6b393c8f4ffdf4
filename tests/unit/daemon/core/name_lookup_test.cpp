#include "daemon/core/name_lookup.h"

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <latch>
#include <optional>

namespace taxgate {
namespace {

using std::chrono::seconds;

/// Answers "quick" at once and any other name when it is released, as a silent name server would.
class SilentServer {
 public:
  AskForName ask() {
    return [gate = gate_](const std::string& host) -> FoundNames {
      if (host != "quick") gate->wait();
      return {.addresses = {"192.0.2.1"}, .trouble = {}};
    };
  }
  ~SilentServer() { gate_->count_down(); }

 private:
  std::shared_ptr<std::latch> gate_ = std::make_shared<std::latch>(1);
};

bool run_until(boost::asio::io_context& io, const std::function<bool()>& so) {
  const auto work = boost::asio::make_work_guard(io);
  for (const auto until = std::chrono::steady_clock::now() + seconds(20);
       !so() && std::chrono::steady_clock::now() < until;) {
    io.restart();
    io.run_one_for(std::chrono::milliseconds(20));
  }
  return so();
}

TEST(NameLookup, FindsAddressesAndSaysWhyThereAreNone) {
  boost::asio::io_context io;
  NameLookup names(io);
  std::optional<FoundNames> literal, local, none;
  names.start("127.0.0.1", [&](FoundNames found) { literal = std::move(found); });
  names.start("localhost", [&](FoundNames found) { local = std::move(found); });
  names.start(std::string(300, 'x'), [&](FoundNames found) { none = std::move(found); });
  EXPECT_FALSE(literal) << "answered from inside";
  ASSERT_TRUE(run_until(io, [&] { return literal && local && none; }));
  EXPECT_EQ(literal->addresses, std::vector<std::string>{"127.0.0.1"});
  EXPECT_FALSE(local->addresses.empty());
  EXPECT_TRUE(none->addresses.empty());
  EXPECT_FALSE(none->trouble.empty());
}

TEST(NameLookup, ANameServerThatIsSilentDelaysNoOtherNameAndNoEnd) {
  SilentServer server;
  std::optional<FoundNames> quick;
  bool slow = false;
  {
    boost::asio::io_context io;
    NameLookup names(io, server.ask());
    for (int i = 0; i < 5; ++i) names.start("silent", [&](FoundNames) { slow = true; });
    names.start("quick", [&](FoundNames found) { quick = std::move(found); });
    ASSERT_TRUE(run_until(io, [&] { return quick.has_value(); }));
    EXPECT_EQ(quick->addresses, std::vector<std::string>{"192.0.2.1"});
  }  // would wait here for ever
  EXPECT_FALSE(slow);
}

TEST(NameLookup, HasNoMoreThanItsBoundUnderWay) {
  SilentServer server;
  boost::asio::io_context io;
  NameLookup names(io, server.ask());
  std::optional<FoundNames> refused;
  for (std::size_t i = 0; i < kMaxNameLookups; ++i) names.start("silent", [](FoundNames) {});
  names.start("quick", [&](FoundNames found) { refused = std::move(found); });
  ASSERT_TRUE(run_until(io, [&] { return refused.has_value(); }));
  EXPECT_TRUE(refused->addresses.empty());
  EXPECT_NE(refused->trouble.find("look-ups"), std::string::npos);
}

TEST(NameLookup, SaysWhereToConnectInItsOrder) {
  const auto places = endpoints_of({.addresses = {"192.0.2.1", "no address", "2001:db8::1"}, .trouble = {}}, "8443");
  ASSERT_EQ(places.size(), 2U);
  EXPECT_EQ(places[0].address().to_string(), "192.0.2.1");
  EXPECT_EQ(places[1].address().to_string(), "2001:db8::1");
  EXPECT_EQ(places[1].port(), 8443);
}

}  // namespace
}  // namespace taxgate
