#include "simulator/app/attach.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include <fmt/format.h>

#include "simulator/app/commands.h"
#include "simulator/app/usb_device.h"
#include "simulator/usbip/attachment.h"

namespace taxgate::simulator::app {
namespace {

enum class Event : std::uint8_t { toggle, stop, ended };

/// What a person, a script or the kernel wants next.
class Events {
 public:
  Events() {
    sigset_t all;
    ::sigemptyset(&all);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) ::sigaddset(&all, signal);
    ::sigprocmask(SIG_BLOCK, &all, nullptr);
    signals_.reset(::signalfd(-1, &all, SFD_CLOEXEC));
    ended_.reset(::eventfd(0, EFD_CLOEXEC));
  }
  void ended() { ::eventfd_write(ended_.get(), 1); }  // any thread

  Event next() {
    for (;;) {
      std::array<pollfd, 3> wait{{{signals_.get(), POLLIN, 0}, {ended_.get(), POLLIN, 0}, {input_, POLLIN, 0}}};
      if (::poll(wait.data(), wait.size(), -1) < 0) continue;
      signalfd_siginfo signal{};
      if (wait[0].revents != 0 && ::read(signals_.get(), &signal, sizeof signal) == sizeof signal)
        return signal.ssi_signo == SIGUSR1 ? Event::toggle : Event::stop;
      if (wait[1].revents != 0) return Event::ended;
      if (wait[2].revents != 0 && line_came()) return Event::toggle;
    }
  }

 private:
  /// Several lines typed at once are one wish. The end of the input is none: a service has no terminal.
  bool line_came() {
    std::array<char, 256> typed{};
    const auto got = ::read(input_, typed.data(), typed.size());
    if (got <= 0) {
      input_ = -1;  // poll() passes over it
      return false;
    }
    return std::find(typed.begin(), typed.begin() + got, '\n') != typed.begin() + got;
  }

  UniqueFd signals_, ended_;
  int input_ = STDIN_FILENO;
};

void say(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

}  // namespace

int run_attach(const Arguments& arguments) {
  Events events;  // first: threads that come later must not take its signals
  const auto device = UsbDevice::open(arguments);
  if (!device) return complain(device.error());
  const auto vhci = Vhci::open(arguments.option("sys").value_or("/sys"));
  if (!vhci) return complain(vhci.error());
  const auto plug = [&] {
    auto in = Attachment::plug(*vhci, (*device)->usb, [&events](UsbIpEnd) { events.ended(); });
    if (in) say(fmt::format("{:<10}{}\n{:<10}{}", "attached", (*in)->place().line, "port", (*in)->place().port));
    return in;
  };

  say(fmt::format("{:<10}{}\n{:<10}{} of {}\n{:<10}{}", "channel", "simulator", "key", (*device)->told.serial,
                  (*device)->told.taxpayer, "PIN file", (*device)->key.pin_file));
  auto in = plug();
  if (!in) return complain(in.error());
  say("Enter or SIGUSR1 pulls it and puts it back; Ctrl-C ends.");
  for (;;) {
    switch (events.next()) {
      case Event::stop:
        in->reset();
        say("detached");
        return 0;
      case Event::ended:
        return complain(Error{Errc::device_gone, "sim.vhci_let_go", (*in)->place().port, {}, {}, {}});
      case Event::toggle:
        if (*in) {
          in->reset();
          say("pulled");
        } else if (in = plug(); !in) {
          return complain(in.error());
        }
    }
  }
}

}  // namespace taxgate::simulator::app
