#include "daemon/core/certificate_files.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <memory>
#include <optional>

#include "protocol/legal_time.h"

namespace taxgate {
namespace {

// A bureau needs days to renew a certificate.
constexpr std::chrono::hours kExpiresSoon{30 * 24};

std::optional<std::chrono::system_clock::time_point> end_of(const X509* certificate) {
  std::tm civil{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &civil) != 1) return std::nullopt;
  return std::chrono::system_clock::from_time_t(::timegm(&civil));
}

void judge_file(const std::string& path, std::chrono::system_clock::time_point now,
                std::vector<CertificateFinding>& out) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), &std::fclose);
  int read = 0;
  while (file) {
    const std::unique_ptr<X509, decltype(&X509_free)> one(PEM_read_X509(file.get(), nullptr, nullptr, nullptr),
                                                          &X509_free);
    if (!one) break;
    ++read;
    if (const auto until = end_of(one.get()))
      for (auto& finding : judge_expiry(path, *until, now)) out.push_back(std::move(finding));
  }
  ERR_clear_error();
  if (read == 0) out.push_back({true, {Errc::invalid_input, "doctor.certificate_file", path, {}, {}, {}}});
}

}  // namespace

std::vector<CertificateFinding> judge_expiry(const std::string& whose, std::chrono::system_clock::time_point until,
                                             std::chrono::system_clock::time_point now) {
  const LegalTime end{std::chrono::duration_cast<std::chrono::milliseconds>(until.time_since_epoch()).count()};
  if (until <= now) return {{true, {Errc::rejected, "doctor.certificate_expired", whose, end.platform_text(), {}, {}}}};
  if (until - now >= kExpiresSoon) return {};
  return {{false,
           {Errc::rejected,
            "doctor.certificate_expires",
            whose,
            end.platform_text(),
            std::to_string(std::chrono::duration_cast<std::chrono::hours>(until - now).count() / 24),
            {}}}};
}

std::vector<CertificateFinding> judge_certificate_files(const std::vector<std::string>& files,
                                                        std::chrono::system_clock::time_point now) {
  std::vector<CertificateFinding> out;
  for (const std::string& file : files) judge_file(file, now, out);
  return out;
}

std::vector<std::string> certificate_files_of(const Config& config) {
  std::vector<std::string> files{config.platform.ca_file};
  if (config.api.tls_port) files.insert(files.end(), {config.api.tls_certificate, config.api.tls_client_ca});
  std::erase(files, "");
  return files;
}

}  // namespace taxgate
