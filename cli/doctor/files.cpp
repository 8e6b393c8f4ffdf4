// Files of the configuration: who may read and change them, and is there room.
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cli/doctor/finding.h"

namespace taxgate::doctor {
namespace {

constexpr mode_t kNobodyElseWrites = 0022, kNobodyElse = 0077, kOthers = 0007;
// Below the first a week of submissions may no longer fit beside a checkpoint; below the second SQLite's log and its
// checkpoint may not fit at once, and acceptance stops.
constexpr std::uint64_t kLowSpace = std::uint64_t{1} << 30, kNoSpace = std::uint64_t{100} << 20;
constexpr std::string_view kCredential = "credential:";

std::optional<struct stat> status_of(const std::string& path) {
  struct stat st{};
  if (::stat(path.c_str(), &st) != 0) return std::nullopt;
  return st;
}

std::string octal(mode_t mode) { return fmt::format("{:04o}", mode & 07777); }

/// The fix only takes rights away.
std::function<Result<void>()> without(std::string path, mode_t bits) {
  return [path = std::move(path), bits]() -> Result<void> {
    const auto st = status_of(path);
    if (!st || ::chmod(path.c_str(), st->st_mode & 07777 & ~bits) != 0)
      return fail(Errc::retry_later, "doctor.not_fixed", path, std::strerror(errno));
    return {};
  };
}

void want_mode(const char* id, Severity severity, const std::string& path, mode_t forbidden, Findings& out) {
  const auto st = status_of(path);
  if (!st || (st->st_mode & forbidden) == 0) return;
  out.push_back({severity,
                 {Errc::invalid_input, id, path, octal(st->st_mode), octal(st->st_mode & ~forbidden), {}},
                 without(path, forbidden)});
}

std::vector<std::string> secrets_of(const Scene& scene) {
  std::vector<std::string> all;
  if (scene.config) {
    for (const auto& file : {scene.config->api.token_file, scene.config->api.tls_key}) all.push_back(file);
    for (const auto& taxpayer : scene.config->taxpayers) all.push_back(taxpayer.sm4_key_file);
    for (const auto& hook : scene.config->webhooks) all.push_back(hook.secret_file);
  }
  if (scene.keyd) all.insert(all.end(), scene.keyd->pin_files.begin(), scene.keyd->pin_files.end());
  std::erase(all, "");
  return all;
}

// "secret_NAME" is /etc/taxgate/secrets/NAME, "pin_NAME" /etc/taxgate/pin/NAME: the units' LoadCredential=.
std::optional<std::string> source_of(const Scene& scene, std::string_view credential) {
  for (const std::pair<std::string_view, std::string_view> place :
       {std::pair{"secret_", "/etc/taxgate/secrets/"}, std::pair{"pin_", "/etc/taxgate/pin/"}})
    if (credential.starts_with(place.first))
      return scene.at(place.second) + std::string(credential.substr(place.first.size()));
  return std::nullopt;  // of a unit that somebody changed: not known here
}

}  // namespace

void check_config_mode(const Scene& scene, Findings& out) {
  want_mode("doctor.config_mode", Severity::failing, scene.taxgated_file, kNobodyElseWrites, out);
  want_mode("doctor.config_mode", Severity::failing, scene.keyd_file, kNobodyElseWrites, out);
}

void check_secrets(const Scene& scene, Findings& out) {
  for (const auto& file : secrets_of(scene)) {
    if (file.starts_with(kCredential)) continue;
    if (!status_of(file)) {
      out.push_back(
          {Severity::failing, {Errc::invalid_input, "doctor.secret_missing", file, std::strerror(errno), {}, {}}});
      continue;
    }
    want_mode("doctor.secret_mode", Severity::failing, file, kNobodyElse, out);
  }
}

void check_credentials(const Scene& scene, Findings& out) {
  std::vector<std::string> names;
  for (const auto& file : secrets_of(scene))
    if (file.starts_with(kCredential)) names.push_back(file.substr(kCredential.size()));
  if (scene.keyd) names.insert(names.end(), scene.keyd->credentials.begin(), scene.keyd->credentials.end());
  for (const auto& name : names) {
    const auto source = source_of(scene, name);
    if (!source) continue;
    const auto st = status_of(*source);
    // A directory of root's alone hides its files from others: no finding then.
    if (!st && errno == EACCES) continue;
    if (!st || st->st_size == 0) {
      out.push_back({Severity::failing, {Errc::invalid_input, "doctor.credential_missing", name, *source, {}, {}}});
      continue;
    }
    want_mode("doctor.secret_mode", Severity::failing, *source, kNobodyElse, out);
  }
}

void check_state(const Scene& scene, Findings& out) {
  std::vector<std::string> directories;
  if (scene.config) directories.push_back(scene.config->state_dir);
  if (scene.keyd) directories.push_back(scene.keyd->state_directory);
  for (const auto& directory : directories)
    want_mode("doctor.state_mode", Severity::failing, directory, kNobodyElse, out);
  if (!scene.config) return;
  for (const char* suffix : {"", "-wal", "-shm"})
    want_mode("doctor.state_mode", Severity::failing, scene.config->state_dir + "/taxgate.db" + suffix,
              kNobodyElseWrites | kOthers, out);
}

void check_disk_space(const Scene& scene, Findings& out) {
  std::vector<std::string> directories;
  if (scene.config) directories.push_back(scene.config->state_dir);
  if (scene.keyd) directories.push_back(scene.keyd->state_directory);
  for (const auto& directory : directories) {
    struct statvfs room{};
    if (::statvfs(directory.c_str(), &room) != 0) continue;
    const std::uint64_t free = std::uint64_t{room.f_bavail} * room.f_frsize;
    if (free < kLowSpace || room.f_favail == 0)
      out.push_back({free < kNoSpace || room.f_favail == 0 ? Severity::failing : Severity::attention,
                     {Errc::limit_reached,
                      "doctor.disk_space",
                      directory,
                      fmt::format("{} MiB", free >> 20),
                      fmt::format("{} MiB", kLowSpace >> 20),
                      {}}});
  }
}

}  // namespace taxgate::doctor
