// Callers of the API, and the check of a configuration file.
#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <filesystem>

#include "cli/commands.h"
#include "cli/digest.h"
#include "cli/render.h"
#include "daemon/core/files.h"
#include "daemon/core/random.h"
#include "protocol/sm.h"

namespace taxgate::cli {
namespace {

constexpr std::size_t kTokenBytes = 32;  // 256 bits: nobody guesses it

Result<std::string> certificate_sha256(const std::string& path) {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), &std::fclose);
  if (!file) return fail(Errc::invalid_input, "file.missing", "--certificate", path);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(PEM_read_X509(file.get(), nullptr, nullptr, nullptr),
                                                                &X509_free);
  unsigned char* der = nullptr;
  const int size = certificate ? i2d_X509(certificate.get(), &der) : -1;
  if (size <= 0) return fail(Errc::invalid_input, "cli.certificate", "--certificate", path);
  std::string digest = sha256_hex({der, static_cast<std::size_t>(size)});
  OPENSSL_free(der);
  return digest;
}

Exit show_callers(Session& session, const Answer<api::v1::CallerList>& callers) {
  if (!callers) return session.report(callers.error());
  if (!session.json(*callers)) {
    session.answer(callers_text(session.screen(), *callers));
  }
  return Exit::ok;
}

Result<api::v1::CallerInfo> caller_of(const Given& given, std::string& token) {
  api::v1::CallerInfo caller;
  caller.set_name(given.positionals[0]);
  for (const auto& role : given.values("--role")) caller.add_roles(role);
  for (const auto& taxpayer : given.values("--taxpayer")) caller.add_taxpayers(taxpayer);
  if (given.has("--uid")) {
    const std::string text = given.value("--uid");
    std::int64_t uid = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), uid);
    if (error != std::errc{} || end != text.data() + text.size() || uid < 0)
      return fail(Errc::invalid_input, "cli.number", "--uid", text);
    caller.set_uid(uid);
  }
  if (given.has("--certificate")) {
    auto digest = certificate_sha256(given.value("--certificate"));
    if (!digest) return std::unexpected(digest.error());
    caller.set_certificate_sha256(*digest);
  }
  if (given.has("--new-token")) {
    std::array<std::uint8_t, kTokenBytes> bytes{};
    SystemRandom().fill(bytes);
    token = hex(bytes);
    caller.set_token_sha256(sha256_hex({reinterpret_cast<const std::uint8_t*>(token.data()), token.size()}));
  }
  if (!caller.has_uid() && caller.certificate_sha256().empty() && caller.token_sha256().empty())
    return fail(Errc::invalid_input, "cli.missing_argument", "caller add", "--uid | --new-token | --certificate");
  return caller;
}

// Beside this program, where the package and the build put it; otherwise by PATH.
std::string taxgated_program(const Given& given) {
  if (given.has("--taxgated")) return given.value("--taxgated");
  std::error_code ignored;
  const auto here = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / "taxgated";
  return std::filesystem::exists(here, ignored) ? here.string() : "taxgated";
}

}  // namespace

Exit run_caller_add(Session& session) {
  std::string token;
  const auto caller = caller_of(session.given(), token);
  if (!caller) return session.report(failed(caller.error()));
  const std::string path = session.given().value("--new-token");
  if (!token.empty()) {
    // Before the daemon knows it: a token that cannot be kept is not handed out, and no file of somebody's is replaced.
    if (std::filesystem::exists(path))
      return session.report(failed({Errc::invalid_input, "cli.file_exists", "--new-token", path, {}, {}}));
    if (auto written = write_file_atomic(path, token + "\n"); !written) return session.report(failed(written.error()));
  }
  const auto callers = session.post<api::v1::CallerList>("/v1/callers", *caller);
  if (!callers && !token.empty()) std::remove(path.c_str());
  return show_callers(session, callers);
}

Exit run_caller_list(Session& session) {
  return show_callers(session, session.get<api::v1::CallerList>("/v1/callers"));
}

Exit run_caller_remove(Session& session) {
  return show_callers(
      session, session.ask<api::v1::CallerList>({.method = "DELETE",
                                                 .target = "/v1/callers/" + encoded(session.given().positionals[0]),
                                                 .body = {},
                                                 .content_type = {},
                                                 .idempotency_key = {}}));
}

Exit run_config_check(Session& session) {
  const std::string program = taxgated_program(session.given());
  const std::string file = session.given().positionals[0];
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    execlp(program.c_str(), program.c_str(), "--check-config", file.c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) == 127)
    return session.report(failed({Errc::retry_later, "cli.no_taxgated", "--taxgated", program, {}, {}}));
  return WEXITSTATUS(status) == 0 ? Exit::ok : Exit::refused;
}

}  // namespace taxgate::cli
