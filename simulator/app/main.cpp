// taxgate-sim: virtual keys in real readers and a virtual tax platform. See --help.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "simulator/app/attach.h"
#include "simulator/app/commands.h"
#include "simulator/app/replay.h"
#include "simulator/app/simulator.h"
#include "simulator/app/usb_key.h"
#include "simulator/demo/demo.h"

namespace {

using namespace taxgate;
using namespace taxgate::simulator::app;
using taxgate::simulator::DemoOptions;
using taxgate::simulator::run_demo;

constexpr const char* kHelp =
    R"(taxgate-sim: virtual tax keys and a virtual tax platform. Channel: simulator. Nothing it makes has legal effect.

  taxgate-sim up --dir DIR [--keys N | --scenario FILE] [--port P] [--control-port P] [--die-with-parent]
      runs until SIGTERM or SIGINT; DIR/ready.json appears when everything listens. Needs no root.
  taxgate-sim usb --dir DIR --serial S --taxpayer T [--name N] [--disk NUMBER] --as storage|reader --socket PATH
      one key as a USB device of a virtual machine (QEMU: usb-redir on a socket) until SIGTERM or SIGINT: plugged in
      while it runs. Key, PIN and authority are in DIR as `up` keeps them
  taxgate-sim attach --dir DIR --serial S --taxpayer T [--name N] [--disk NUMBER] --as storage|reader
      one key as a USB device of this machine (root; modprobe vhci_hcd) until SIGTERM or SIGINT; Enter or SIGUSR1 pulls
      it and puts it back. --disk (12 digits) makes the key a tax disk of that device number, as in a scenario
  taxgate-sim key list --dir DIR
  taxgate-sim key show|plug|unplug|clear-faults|reset-counters SERIAL --dir DIR     (plug: --slot N moves it)
  taxgate-sim key fault SERIAL --dir DIR --kind delay|hang|unplug|drop|wrong_signature|pin_locked
      [--ins 74] [--nth N] [--count N] [--delay-ms N] [--direction command|response] [--counting command|link|apdus]
      [--at-byte N] [--replug-ms N]    or   --json '{...}'
  taxgate-sim key pin SERIAL --tries-left N --dir DIR
  taxgate-sim disk show SERIAL --dir DIR                                            (keys with a "disk" in the scenario)
  taxgate-sim disk set SERIAL --type 007 --dir DIR [--lock-date DAY] [--window-start DAY] [--window-end DAY]
      [--upload-deadline DAY] [--offline-since TIME] [--offline-hours N] [--offline-count N] [--offline-count-limit N]
  taxgate-sim disk issue SERIAL --type 007 --count N --amount 100.00 [--red] --dir DIR
  taxgate-sim disk upload|report|clear|buy SERIAL --type 007 --dir DIR [--next DAY] [--code C --count N]
  taxgate-sim clock show | clock advance 72h --dir DIR
  taxgate-sim seed FILE --dir DIR
  taxgate-sim fault FILE | fault clear --dir DIR                                    (of the platform)
  taxgate-sim assert --promises FILE --lost N --doubled N [--junit FILE] --dir DIR   (N+: N or more)

  taxgate-sim demo [--seed N] [--submissions N] [--quiet] [--keep] [--programs DIR] [--taxgated NAME]
      a business day against taxgated and taxgate-keyd with every fault; one JSON line at the end; exit 0 only if
      nothing was lost and nothing doubled

  taxgate-sim replay FILE --dir DIR
      a card as taxgate-keyd recorded it ([trace] in its configuration), in a real reader; prints reader and pcscd socket

  --control PORT may stand for --dir DIR. Exit: 0 done, 1 the assertion does not hold, 2 could not be done.
)";

Result<Scenario> scenario_of(const Arguments& arguments) {
  if (const auto file = arguments.option("scenario")) {
    std::ifstream in(*file, std::ios::binary);
    if (!in) return fail(Errc::retry_later, "sim.state_io", *file);
    return read_scenario(std::string(std::istreambuf_iterator<char>(in), {}));
  }
  const auto keys = arguments.number("keys", 4);
  if (!keys) return std::unexpected(keys.error());
  return ordinary_scenario(static_cast<std::size_t>(*keys));
}

Result<std::uint16_t> port_of(const Arguments& arguments, const std::string& name) {
  const auto port = arguments.number(name, 0);
  if (!port) return std::unexpected(port.error());
  if (*port > 65535) return fail(Errc::invalid_input, "sim.arguments", "--" + name, fmt::to_string(*port));
  return static_cast<std::uint16_t>(*port);
}

int run_up(const Arguments& arguments) {
  if (arguments.has("die-with-parent")) ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  block_stop_signals();
  const auto directory = arguments.option("dir");
  if (!directory) return complain(Error{Errc::invalid_input, "sim.arguments", "--dir", {}, {}, {}});
  auto scenario = scenario_of(arguments);
  if (!scenario) return complain(scenario.error());
  const auto port = port_of(arguments, "port"), control_port = port_of(arguments, "control-port");
  if (!port || !control_port) return complain((port ? control_port : port).error());
  auto simulator = Simulator::start(
      {std::filesystem::absolute(*directory).lexically_normal().string(), std::move(*scenario), *port, *control_port});
  if (!simulator) return complain(simulator.error());
  fmt::print("{}", (*simulator)->ready_json());
  std::fflush(stdout);
  wait_for_stop();
  return 0;
}

int run_the_demo(const Arguments& arguments) {
  DemoOptions options;
  const auto seed = arguments.number("seed", options.seed);
  const auto submissions = arguments.number("submissions", static_cast<std::uint64_t>(options.submissions));
  if (!seed || !submissions) return complain((seed ? submissions : seed).error());
  options.seed = *seed;
  options.submissions = static_cast<int>(*submissions);
  options.json_only = arguments.has("quiet");
  options.keep = arguments.has("keep");
  std::error_code unknown;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", unknown);
  options.programs = arguments.option("programs").value_or(self.parent_path().string());
  options.taxgated = arguments.option("taxgated").value_or(options.taxgated);
  return run_demo(options);
}

int run(int argc, char** argv) {
  const auto arguments = Arguments::parse(argc, argv, {"dir",           "keys",
                                                       "scenario",      "port",
                                                       "control-port",  "control",
                                                       "slot",          "kind",
                                                       "ins",           "nth",
                                                       "count",         "delay-ms",
                                                       "direction",     "counting",
                                                       "at-byte",       "replug-ms",
                                                       "json",          "tries-left",
                                                       "promises",      "lost",
                                                       "doubled",       "junit",
                                                       "seed",          "submissions",
                                                       "programs",      "taxgated",
                                                       "serial",        "taxpayer",
                                                       "name",          "as",
                                                       "socket",        "disk",
                                                       "sys",           "type",
                                                       "lock-date",     "window-start",
                                                       "window-end",    "upload-deadline",
                                                       "offline-since", "offline-hours",
                                                       "offline-count", "offline-count-limit",
                                                       "next",          "amount",
                                                       "code"},
                                          {"die-with-parent", "help", "keep", "quiet", "red"});
  if (!arguments) return complain(arguments.error());
  const std::string command = arguments->word(0);
  if (arguments->has("help") || command.empty()) {
    fmt::print("{}", kHelp);
    return arguments->has("help") ? 0 : 2;
  }
  if (command == "up") return run_up(*arguments);
  if (command == "usb") return run_usb(*arguments);
  if (command == "attach") return run_attach(*arguments);
  if (command == "replay") return run_replay(*arguments);
  if (command == "demo") return run_the_demo(*arguments);
  if (command == "key") return run_key(*arguments);
  if (command == "disk") return run_disk(*arguments);
  if (command == "clock") return run_clock(*arguments);
  if (command == "seed") return run_seed(*arguments);
  if (command == "fault") return run_fault(*arguments);
  if (command == "assert") return run_assert(*arguments);
  return complain(Error{Errc::invalid_input, "sim.arguments", command, {}, {}, {}});
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& failure) {
    fmt::print(stderr, "taxgate-sim: {}\n", failure.what());
    return 2;
  }
}
