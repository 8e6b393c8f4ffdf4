#include "simulator/app/replay.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "protocol/card_trace.h"
#include "simulator/app/commands.h"
#include "simulator/device/replay_card.h"
#include "simulator/vpcd/private_pcscd.h"
#include "simulator/vpcd/vpcd_card.h"

namespace taxgate::simulator::app {
namespace {

sigset_t stop_signals() {
  sigset_t stops;
  ::sigemptyset(&stops);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&stops, signal);
  return stops;
}

}  // namespace

void block_stop_signals() {
  const sigset_t stops = stop_signals();
  ::sigprocmask(SIG_BLOCK, &stops, nullptr);
}

void wait_for_stop() {
  const sigset_t stops = stop_signals();
  int received = 0;
  ::sigwait(&stops, &received);
}

int run_replay(const Arguments& arguments) {
  const auto bad = [](std::string what) {
    return complain(Error{Errc::invalid_input, "sim.arguments", std::move(what), {}, {}, {}});
  };
  if (arguments.has("die-with-parent")) ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  block_stop_signals();
  const std::string file = arguments.word(1);
  const auto given = arguments.option("dir");
  if (file.empty()) return bad("FILE");
  if (!given) return bad("--dir");
  std::ifstream in(file, std::ios::binary);
  if (!in) return complain(Error{Errc::retry_later, "sim.state_io", file, {}, {}, {}});
  auto entries = card_trace::read(std::string(std::istreambuf_iterator<char>(in), {}));
  if (!entries) return complain(entries.error());
  const std::string directory = std::filesystem::absolute(*given).lexically_normal().string();
  std::error_code ignored;  // pcscd says it where it matters
  std::filesystem::create_directories(directory + "/pcsc", ignored);
  const auto pcscd = PrivatePcscd::start({.directory = directory + "/pcsc", .readers = 1});
  if (!pcscd) return complain(pcscd.error());
  ReplayCard recorded(std::move(*entries));
  VpcdCard card(recorded, "127.0.0.1", (*pcscd)->slots().at(0).port);
  card.plug();
  fmt::print("{{\"reader\":\"{}\",\"pcsc_socket\":\"{}\"}}\n", (*pcscd)->slots().at(0).reader, (*pcscd)->socket());
  std::fflush(stdout);
  wait_for_stop();
  card.unplug();
  fmt::print(stderr, "commands the trace had no answer for: {}\n", recorded.unknown());
  return 0;
}

}  // namespace taxgate::simulator::app
