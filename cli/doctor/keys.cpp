// Keys as taxgated shows them, and certificates in files.
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdio>
#include <ctime>
#include <memory>

#include "cli/doctor/finding.h"
#include "protocol/legal_time.h"

namespace taxgate::doctor {
namespace {

// A bureau needs days to renew a certificate.
constexpr std::chrono::hours kExpiresSoon{30 * 24};

using std::chrono::system_clock;

void judge_expiry(const std::string& whose, system_clock::time_point until, system_clock::time_point now,
                  Findings& out) {
  const LegalTime end{std::chrono::duration_cast<std::chrono::milliseconds>(until.time_since_epoch()).count()};
  if (until <= now)
    out.push_back(
        {Severity::failing, {Errc::rejected, "doctor.certificate_expired", whose, end.platform_text(), {}, {}}});
  else if (until - now < kExpiresSoon)
    out.push_back({Severity::attention,
                   {Errc::rejected,
                    "doctor.certificate_expires",
                    whose,
                    end.platform_text(),
                    std::to_string(std::chrono::duration_cast<std::chrono::hours>(until - now).count() / 24),
                    {}}});
}

std::optional<system_clock::time_point> when(const ASN1_TIME* time) {
  std::tm civil{};
  if (ASN1_TIME_to_tm(time, &civil) != 1) return std::nullopt;
  return system_clock::from_time_t(::timegm(&civil));
}

void check_file(const std::string& path, system_clock::time_point now, Findings& out) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), &std::fclose);
  int read = 0;
  while (file) {
    const std::unique_ptr<X509, decltype(&X509_free)> one(PEM_read_X509(file.get(), nullptr, nullptr, nullptr),
                                                          &X509_free);
    if (!one) break;
    ++read;
    if (const auto until = when(X509_get0_notAfter(one.get()))) judge_expiry(path, *until, now, out);
  }
  ERR_clear_error();
  if (read == 0) out.push_back({Severity::failing, {Errc::invalid_input, "doctor.certificate_file", path, {}, {}, {}}});
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
      judge_expiry(key.serial(), system_clock::time_point(std::chrono::milliseconds(until->ms)), scene.now, out);
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
  std::vector<std::string> files;
  if (scene.config) {
    files = {scene.config->api.tls_certificate, scene.config->api.tls_client_ca, scene.config->platform.ca_file};
    if (!scene.config->api.tls_port) files.resize(0), files.push_back(scene.config->platform.ca_file);
  }
  for (const auto& file : files)
    if (!file.empty()) check_file(file, scene.now, out);
}

}  // namespace taxgate::doctor
