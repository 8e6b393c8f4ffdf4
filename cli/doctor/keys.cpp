// Keys as taxgated shows them, and certificates in files.
#include "cli/doctor/finding.h"
#include "daemon/core/certificate_files.h"
#include "protocol/legal_time.h"

namespace taxgate::doctor {
namespace {

using std::chrono::system_clock;

void add(const std::vector<CertificateFinding>& found, Findings& out) {
  for (const auto& one : found) out.push_back({one.failing ? Severity::failing : Severity::attention, one.error});
}

}  // namespace

void check_daemon(const Scene& scene, Findings& out) {
  if (scene.unreachable)
    out.push_back({Severity::failing,
                   {Errc::retry_later, "doctor.daemon", scene.unreachable->wanted, scene.unreachable->id, {}, {}}});
  else if (scene.keys && !scene.keys->key_host_connected())
    out.push_back({Severity::failing, {Errc::retry_later, "doctor.key_host", "taxgate-keyd", {}, {}, {}}});
}

void check_pin_tries(const Scene& scene, Findings& out) {
  if (!scene.keys) return;
  for (const auto& key : scene.keys->keys()) {
    if (key.state() == "gone") continue;
    // -1 is "unknown", and a fresh key that never showed its counter has 0 without being locked.
    if (key.state() == "locked")
      out.push_back({Severity::failing, {Errc::rejected, "doctor.pin_locked", key.serial(), {}, {}, {}}});
    else if (key.pin_tries_left() == 1 || key.state() == "pin_last_try")
      out.push_back({Severity::failing, {Errc::rejected, "doctor.pin_last_try", key.serial(), {}, {}, {}}});
    else if (key.state() == "pin_wrong")
      out.push_back({Severity::failing,
                     {Errc::rejected, "doctor.pin_wrong", key.serial(), std::to_string(key.pin_tries_left()), {}, {}}});
  }
}

void check_key_certificates(const Scene& scene, Findings& out) {
  if (!scene.keys) return;
  for (const auto& key : scene.keys->keys())
    if (const auto until = LegalTime::parse(key.valid_until()); until && until->is_set() && key.state() != "gone")
      add(judge_expiry(key.serial(), system_clock::time_point(std::chrono::milliseconds(until->ms)), scene.now), out);
}

void check_tax_disks(const Scene& scene, Findings& out) {
  if (!scene.keys) return;
  for (const auto& key : scene.keys->keys()) {
    if (!key.disk().trouble().empty())
      out.push_back({Severity::attention, {Errc::corrupt, "doctor.disk_unread", key.serial(), {}, {}, {}}});
    for (const auto& type : key.disk().types())
      for (const auto& end : type.forecasts())
        if (!end.level().empty())
          // The daemon's finding: its id, its time and what is left, told of this disk and type.
          out.push_back(
              {end.level() == "stopped" ? Severity::failing : Severity::attention,
               {Errc::limit_reached, end.code(), key.serial() + " " + type.type(), end.wanted(), end.left(), {}}});
  }
}

void check_certificate_files(const Scene& scene, Findings& out) {
  if (scene.config) add(judge_certificate_files(certificate_files_of(*scene.config), scene.now), out);
}

}  // namespace taxgate::doctor
