#include "daemon/platform/settings.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>

#include "daemon/core/files.h"
#include "daemon/core/limits.h"

namespace taxgate::platform {
namespace {

struct Free {
  void operator()(BIO* b) const { BIO_free(b); }
  void operator()(X509* c) const { X509_free(c); }
};

std::string subject_of(X509* certificate) {
  const std::unique_ptr<BIO, Free> out(BIO_new(BIO_s_mem()));
  if (!out) return {};
  X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string{};
}

Result<std::vector<std::string>> authority_subjects(const std::string& ca_file) {
  auto pem = read_file(ca_file, limits::kSecretFile);
  if (!pem) return fail(Errc::invalid_input, "platform.ca_file", "platform.ca_file", ca_file, {}, pem.error().id);
  const std::unique_ptr<BIO, Free> in(BIO_new_mem_buf(pem->data(), static_cast<int>(pem->size())));
  std::vector<std::string> out;
  while (in) {
    const std::unique_ptr<X509, Free> certificate(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
    if (!certificate) break;
    out.push_back(subject_of(certificate.get()));
  }
  if (out.empty())
    return fail(Errc::invalid_input, "platform.ca_file", "platform.ca_file", ca_file, {}, "no certificate");
  return out;
}

bool says_simulated(const std::string& subject) { return subject.find(kLabOnlyCaSubject) != std::string::npos; }

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Limits limits_from(const Config& config) {
  const auto& p = config.platform;
  return {.connect = milliseconds(p.connect_ms),
          .answer = milliseconds(p.answer_ms),
          .max_concurrent = static_cast<std::size_t>(std::max(1, p.max_concurrent)),
          .calls_per_second = p.calls_per_second,
          .calls_per_day = p.calls_per_day,
          .calls_per_minute = p.calls_per_minute,
          .calls_per_hour = p.calls_per_hour,
          .reserve_percent = config.sync.reserve_percent};
}

PlatformSettings settings_from(const Config& config) {
  PlatformSettings out;
  const auto& p = config.platform;
  out.base_url = p.base_url;
  out.ca_file = p.ca_file;
  out.sandbox = config.channel == Channel::sandbox;
  out.signed_profile = p.profile == "signed";
  out.signature_header = p.signature_header;
  out.ability = p.ability;
  out.access_unit = p.access_unit;
  out.using_unit = p.using_unit;
  out.test_case = p.test_case;
  static_cast<Limits&>(out) = limits_from(config);
  for (const auto& t : config.taxpayers) out.taxpayers.push_back({t.id, t.sm4_key_file});
  return out;
}

Result<Address> read_address(std::string_view base_url) {
  const auto refused = [&](std::string why) {
    return fail(Errc::invalid_input, "platform.url", "platform.base_url", std::string(base_url), "https://host:port",
                std::move(why));
  };
  constexpr std::string_view kScheme = "https://";
  if (!base_url.starts_with(kScheme)) return refused("not https");
  std::string_view rest = base_url.substr(kScheme.size());
  if (rest.find_first_of(" @?#\r\n\t") != std::string_view::npos) return refused("user, query or blank");
  Address out;
  const auto slash = rest.find('/');
  if (slash != std::string_view::npos) {
    out.prefix = rest.substr(slash);
    while (out.prefix.ends_with('/')) out.prefix.pop_back();
    rest = rest.substr(0, slash);
  }
  std::string_view port;
  if (rest.starts_with('[')) {
    const auto end = rest.find(']');
    if (end == std::string_view::npos) return refused("IPv6 address");
    out.host = rest.substr(1, end - 1);
    port = rest.substr(end + 1);
  } else {
    const auto colon = rest.find(':');
    out.host = rest.substr(0, colon);
    port = colon == std::string_view::npos ? std::string_view{} : rest.substr(colon);
  }
  if (out.host.empty()) return refused("no host");
  if (port.empty()) {
    out.port = "443";
    return out;
  }
  port.remove_prefix(1);
  if (!all_digits(port) || port.size() > 5 || std::stoi(std::string(port)) > 65535) return refused("port");
  out.port = port;
  return out;
}

Result<void> check_channel(Channel channel, bool lab, const std::string& ca_file) {
  const bool simulator = channel == Channel::simulator;
  if (lab && !simulator)
    return fail(Errc::invalid_input, "platform.channel_lab", "taxgated.channel", std::string(name(channel)),
                "simulator");
  if (ca_file.empty()) {
    if (!simulator) return {};
    return fail(Errc::invalid_input, "platform.channel_ca", "platform.ca_file", "", std::string(kLabOnlyCaSubject));
  }
  const auto subjects = authority_subjects(ca_file);
  if (!subjects) return std::unexpected(subjects.error());
  for (const std::string& subject : *subjects) {
    if (says_simulated(subject) == simulator) continue;
    return fail(Errc::invalid_input, "platform.channel_ca", "platform.ca_file", subject,
                simulator ? std::string(kLabOnlyCaSubject) : "not " + std::string(kLabOnlyCaSubject),
                std::string(name(channel)));
  }
  return {};
}

}  // namespace taxgate::platform
