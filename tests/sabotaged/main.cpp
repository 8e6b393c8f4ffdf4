// taxgated with one promise broken on purpose, so that the tests can show that they would notice. Never installed.
#include <cstdlib>
#include <string_view>

#include "daemon/app/daemon.h"

namespace {

/// Sends again after silence without asking first.
class BlindResend final : public taxgate::queue::Discipline {
  bool ask_before_resend() const override { return false; }
};
/// Sends first and writes down afterwards that it did.
class NoDurableIntent final : public taxgate::queue::Discipline {
  bool intent_before_send() const override { return false; }
};

}  // namespace

int main(int argc, char** argv) {
  const char* wanted = std::getenv("TAXGATE_SABOTAGE");
  const std::string_view what = wanted == nullptr ? "" : wanted;
  const BlindResend blind;
  const NoDurableIntent hasty;
  if (what == "blind_resend") return taxgate::app::run_daemon(argc, argv, {.discipline = &blind});
  if (what == "no_durable_intent") return taxgate::app::run_daemon(argc, argv, {.discipline = &hasty});
  return 2;
}
