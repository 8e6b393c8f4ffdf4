#include "daemon/sync/night_summary.h"

namespace taxgate::sync {

std::string_view name(NightState state) {
  switch (state) {
    case NightState::running:
      return "running";
    case NightState::paused:
      return "paused";
    case NightState::waiting_approval:
      return "waiting_approval";
    case NightState::right:
      return "right";
    case NightState::attention:
      return "attention";
    case NightState::incomplete:
      return "incomplete";
    case NightState::failed:
      break;
  }
  return "failed";
}

std::string detail_of(const Error& e) {
  std::string out = e.field;
  if (!e.wanted.empty()) out += (out.empty() ? "" : " ") + e.wanted;
  if (!e.left.empty()) out += " / " + e.left;
  if (!e.detail.empty()) out += (out.empty() ? "" : ": ") + e.detail;
  return out;
}

int exit_code(NightState state) {
  switch (state) {
    case NightState::right:
      return 0;
    case NightState::attention:
    case NightState::waiting_approval:
      return 1;
    case NightState::running:
    case NightState::paused:
    case NightState::incomplete:
      return 2;
    case NightState::failed:
      break;
  }
  return 3;
}

}  // namespace taxgate::sync
