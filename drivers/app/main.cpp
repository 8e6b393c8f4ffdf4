// taxgate-keyd: the key host, and (by hidden first arguments) the processes it starts of itself.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/core/library_file.h"
#include "drivers/gmt0017/gmt0017_key.h"
#include "drivers/gmt0017/recording_transport.h"
#include "drivers/keyd/child_process.h"
#include "drivers/keyd/config.h"
#include "drivers/keyd/host.h"
#include "drivers/keyd/worker.h"
#include "drivers/skf/skf_key.h"
#include "drivers/usb/device_table.h"
#include "protocol/messages.h"
#include "protocol/quiet_protobuf.h"

namespace {

using namespace taxgate;

constexpr std::string_view kUsage =
    "taxgate-keyd --config FILE           run the key host\n"
    "taxgate-keyd --config FILE --check   read the configuration and say whether it is good\n"
    "taxgate-keyd --help | --version\n";

Result<std::unique_ptr<KeyDevice>> open_card(const keyd::worker::v1::Open& order) {
  if (!order.skf_library().empty())
    return skf::open_key({.library = order.skf_library(),
                          .reader = order.reader(),
                          .serial = order.serial(),
                          .application = order.application(),
                          .container = order.container()});
  auto transport = keyd::connect_card(order.reader(), order.usb_devices());
  if (!transport) return std::unexpected(transport.error());
  if (!order.trace_file().empty()) *transport = gmt0017::record(std::move(*transport), order.trace_file());
  return gmt0017::make_key(std::move(*transport), {order.application(), order.container(), order.disk_file()});
}

/// A number the host itself wrote.
std::chrono::milliseconds milliseconds(const char* text) { return std::chrono::milliseconds(std::atoll(text)); }

/// journald reads the priority from "<n>"; one write per line, so that lines of several processes do not mix.
void log_line(keyd::LogLevel level, std::string_view id, std::string_view text) {
  std::string line = fmt::format("<{}>[{}] {}", static_cast<int>(level), id, text);
  for (char& c : line)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  line += '\n';
  (void)!::write(STDERR_FILENO, line.data(), line.size());
}

int say(const Error& error) {
  log_line(keyd::LogLevel::error, error.id,
           fmt::format("{} {}{}{}", message_text(error, Language::english), remedy_text(error, Language::english),
                       error.left.empty() ? "" : " at ", error.left));
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  keyd::protect_memory();
  quiet_protobuf();
  const std::string_view mode = argc > 1 ? argv[1] : "";
  static constexpr std::array<std::string_view, 6> kOwnModes{"--worker",        "--probe",     "--probe-skf",
                                                             "--watch-readers", "--watch-usb", "--watch-skf"};
  if (std::ranges::find(kOwnModes, mode) != kOwnModes.end()) {
    if (!keyd::die_with_parent(::getppid())) return 1;
    if (mode == "--worker") return keyd::run_worker(keyd::kChannelFd, open_card);
    if (mode == "--probe") return argc > 2 ? keyd::run_probe(argv[2], argc > 3 ? argv[3] : "") : 2;
    if (mode == "--probe-skf") return argc > 4 ? keyd::run_skf_probe(argv[2], argv[3], milliseconds(argv[4])) : 2;
    if (mode == "--watch-skf")
      return argc > 4 ? keyd::run_skf_watch(keyd::kChannelFd, argv[2], argv[3], milliseconds(argv[4])) : 2;
    if (mode == "--watch-usb") return argc > 2 ? keyd::run_usb_watch(keyd::kChannelFd, argv[2]) : 2;
    return keyd::run_reader_watch(keyd::kChannelFd);
  }
  if (mode == "--help" || mode == "--version") {
    fmt::print("{}", mode == "--help" ? kUsage : "taxgate-keyd 0.1.0\n");
    return 0;
  }
  if (mode != "--config" || argc < 3 || argc > 4 || (argc == 4 && std::string_view(argv[3]) != "--check")) {
    fmt::print(stderr, "{}", kUsage);
    return 2;
  }
  const char* credentials = std::getenv("CREDENTIALS_DIRECTORY");
  const auto config = keyd::load_config(argv[2], credentials ? credentials : "");
  if (!config) return say(config.error());
  if (argc == 4) {
    if (!config->usb_devices.empty())
      if (const auto table = usb::DeviceTable::load(config->usb_devices); !table) return say(table.error());
    for (const auto& skf : config->skf)
      if (const auto file = check_library_file(skf.library); !file) return say(file.error());
    fmt::print("{}: good; {} PIN rules\n", argv[2], config->pins.size());
    return 0;
  }
  if (auto done = keyd::run_host(*config, log_line); !done) return say(done.error());
  return 0;
}
