#include "daemon/core/service_notify.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include "daemon/core/files.h"

namespace taxgate {
namespace {

/// systemd's end of the socket, with a name in the abstract name space.
class Manager {
 public:
  Manager()
      : name_("@taxgate-notify-" + std::to_string(::getpid())), fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name_.data() + 1, name_.size() - 1);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address),
                     static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size())),
              0);
    ::setenv("NOTIFY_SOCKET", name_.c_str(), 1);
  }
  /// The next datagram; empty when there is none.
  std::string heard() {
    char buffer[512];
    const auto n = ::recv(fd_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    return n < 0 ? "" : std::string(buffer, static_cast<std::size_t>(n));
  }

 private:
  std::string name_;
  UniqueFd fd_;
};

TEST(ServiceNotify, TellsSystemdOneDatagramAMessage) {
  Manager manager;
  const auto notify = ServiceNotify::from_environment();
  EXPECT_TRUE(notify);
  EXPECT_EQ(std::getenv("NOTIFY_SOCKET"), nullptr) << "a child would speak in our name";
  notify.ready("serves");
  EXPECT_EQ(manager.heard(), "READY=1\nSTATUS=serves");
  notify.alive();
  EXPECT_EQ(manager.heard(), "WATCHDOG=1");
  notify.reloading();
  EXPECT_TRUE(manager.heard().starts_with("RELOADING=1\nMONOTONIC_USEC="));
  notify.status("one\nREADY=1");
  EXPECT_EQ(manager.heard(), "STATUS=one READY=1") << "a status line cannot smuggle an assignment";
  notify.stopping("stopping");
  EXPECT_EQ(manager.heard(), "STOPPING=1\nSTATUS=stopping");
}

TEST(ServiceNotify, PingsTwiceWithinTheWatchdogsPatienceAndOnlyInItsOwnProcess) {
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  EXPECT_EQ(ServiceNotify::from_environment().alive_interval(), std::chrono::seconds(15));
  EXPECT_EQ(ServiceNotify::from_environment().alive_interval().count(), 0) << "taken once";
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(ServiceNotify::from_environment().alive_interval().count(), 0) << "of another process";
  ::setenv("WATCHDOG_USEC", "soon", 1);
  ::unsetenv("WATCHDOG_PID");
  EXPECT_EQ(ServiceNotify::from_environment().alive_interval().count(), 0);
}

TEST(ServiceNotify, OutsideSystemdNothingHappens) {
  ::unsetenv("NOTIFY_SOCKET");
  const auto notify = ServiceNotify::from_environment();
  EXPECT_FALSE(notify);
  notify.ready("serves");
}

}  // namespace
}  // namespace taxgate
