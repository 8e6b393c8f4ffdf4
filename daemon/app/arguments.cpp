#include "daemon/app/arguments.h"

#include <charconv>
#include <cstring>
#include <string_view>

namespace taxgate::app {

const char* const kUsage =
    "taxgated - the tax-device gateway\n"
    "\n"
    "  taxgated --config FILE                 run in the foreground\n"
    "  taxgated --check-config FILE           read the configuration, say what is wrong, start nothing\n"
    "  taxgated --config FILE --lab CLOCK     laboratory: legal time follows the simulator's clock file;\n"
    "                                         only the simulator's certificate authority is accepted\n"
    "  taxgated --version | --help\n"
    "\n"
    "Signals: SIGTERM stops, SIGHUP reads the configuration again (an invalid file changes nothing).\n"
    "Exit codes: 0 stopped as asked, 1 could not go on, 2 usage, 78 configuration refused.\n";

Result<Arguments> read_arguments(int argc, char** argv) {
  Arguments out;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    const auto value = [&]() -> Result<std::string> {
      if (i + 1 >= argc) return fail(Errc::invalid_input, "app.usage", std::string(arg));
      return std::string(argv[++i]);
    };
    if (arg == "--version") {
      out.version = true;
    } else if (arg == "--help" || arg == "-h") {
      out.help = true;
    } else if (arg == "--config" || arg == "--check-config" || arg == "--lab" || arg == "--lab-kill-at") {
      auto v = value();
      if (!v) return std::unexpected(v.error());
      if (arg == "--lab") {
        out.lab_clock = *v;
      } else if (arg == "--lab-kill-at") {
        const auto* end = v->data() + v->size();
        if (std::from_chars(v->data(), end, out.lab_kill_at).ptr != end || out.lab_kill_at < 1)
          return fail(Errc::invalid_input, "app.usage", std::string(arg), *v);
      } else {
        out.config = *v;
        out.check_only = arg == "--check-config";
      }
    } else {
      return fail(Errc::invalid_input, "app.usage", std::string(arg));
    }
  }
  if (out.config.empty() && !out.version && !out.help) return fail(Errc::invalid_input, "app.usage", "--config");
  if (out.lab_kill_at != 0 && out.lab_clock.empty()) return fail(Errc::invalid_input, "app.usage", "--lab-kill-at");
  return out;
}

}  // namespace taxgate::app
