#include "simulator/app/usb_key.h"

#include <signal.h>
#include <sys/signalfd.h>

#include "daemon/core/files.h"
#include "simulator/app/commands.h"
#include "simulator/app/usb_device.h"
#include "simulator/usbredir/usb_redir.h"

namespace taxgate::simulator::app {

int run_usb(const Arguments& arguments) {
  sigset_t stops;
  ::sigemptyset(&stops);
  ::sigaddset(&stops, SIGTERM);
  ::sigaddset(&stops, SIGINT);
  ::sigprocmask(SIG_BLOCK, &stops, nullptr);
  const UniqueFd stop(::signalfd(-1, &stops, SFD_CLOEXEC));

  const auto path = arguments.option("socket");
  if (!path) return complain(Error{Errc::invalid_input, "sim.arguments", "--socket", {}, {}, {}});
  const auto device = UsbDevice::open(arguments);
  if (!device) return complain(device.error());
  auto socket = UsbRedirSocket::listen(*path);
  if (!socket) return complain(socket.error());
  (*socket)->serve(stop.get(), (*device)->usb);
  return 0;
}

}  // namespace taxgate::simulator::app
