#include "simulator/app/usb_key.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include <fmt/format.h>

#include "simulator/app/commands.h"
#include "simulator/app/key_file.h"
#include "simulator/device/card_target.h"
#include "simulator/device/ccid_function.h"
#include "simulator/usbredir/usb_redir.h"

namespace taxgate::simulator::app {
namespace {

Result<ScenarioKey> told_key(const Arguments& arguments) {
  ScenarioKey told;
  told.serial = arguments.option("serial").value_or("");
  told.taxpayer = arguments.option("taxpayer").value_or("");
  told.name = arguments.option("name").value_or(told.taxpayer);
  for (const auto& [name, value] : {std::pair{"--serial", &told.serial}, std::pair{"--taxpayer", &told.taxpayer}})
    if (value->empty()) return fail(Errc::invalid_input, "sim.arguments", name);
  return told;
}

Result<OpenedKey> key_in(const std::string& directory, const ScenarioKey& told) {
  std::error_code failed;
  for (const char* sub : {"", "/keys", "/pins"}) {
    std::filesystem::create_directories(directory + sub, failed);
    if (failed) return fail(Errc::retry_later, "sim.state_io", directory + sub, {}, {}, failed.message());
  }
  const auto now =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  const auto authority = KeyAuthority::open_or_create(directory, "key-ca", "key CA", now);
  if (!authority) return std::unexpected(authority.error());
  return open_key(directory, told, *authority, now);
}

}  // namespace

int run_usb(const Arguments& arguments) {
  sigset_t stops;
  ::sigemptyset(&stops);
  ::sigaddset(&stops, SIGTERM);
  ::sigaddset(&stops, SIGINT);
  ::sigprocmask(SIG_BLOCK, &stops, nullptr);
  const int stop = ::signalfd(-1, &stops, SFD_CLOEXEC);

  const std::string as = arguments.option("as").value_or("");
  for (const char* needed : {"dir", "socket"})
    if (!arguments.has(needed))
      return complain(Error{Errc::invalid_input, "sim.arguments", fmt::format("--{}", needed), {}, {}, {}});
  if (as != "storage" && as != "reader")
    return complain(Error{Errc::invalid_input, "sim.arguments", "--as", as, {}, {}});
  const auto told = told_key(arguments);
  if (!told) return complain(told.error());
  const auto directory = std::filesystem::absolute(*arguments.option("dir")).lexically_normal().string();
  auto key = key_in(directory, *told);
  if (!key) return complain(key.error());

  CardTarget target(*key->device);
  BotFunction storage(target);
  CcidFunction reader(*key->device);
  UsbIdentity identity;
  identity.serial = told->serial;
  if (as == "reader") {
    identity.kind = UsbKind::card_reader;
    identity.product = kSimulatorReaderProduct;
    identity.product_name = kSimulatorReader;
  }
  VirtualUsb device(identity, as == "reader" ? static_cast<UsbFunction&>(reader) : storage);
  auto socket = UsbRedirSocket::listen(*arguments.option("socket"));
  if (!socket) return complain(socket.error());
  (*socket)->serve(stop, device);
  ::close(stop);
  return 0;
}

}  // namespace taxgate::simulator::app
