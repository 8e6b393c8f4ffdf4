#include "drivers/keyd/config.h"

#include <fmt/core.h>
#include <pwd.h>
#include <unistd.h>

#include <toml++/toml.h>
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <optional>

#include "drivers/keyd/files.h"
#include "drivers/usb/table_reader.h"

namespace taxgate::keyd {
namespace {

using usb::TableReader;

// An hour: longer deadlines are a mistake in the unit, not a wish.
constexpr std::int64_t kMaxDeadlineMs = 3'600'000;
// A forecast older than a day is none.
constexpr std::int64_t kMaxDiskEveryS = 86'400;

PinRule read_pin_rule(const toml::table& table, const std::string& prefix, const std::string& file,
                      const std::string& credentials, std::optional<Error>& error) {
  TableReader reader(table, prefix, file, error);
  PinRule rule;
  rule.serial = reader.text("serial");
  rule.taxpayer = reader.text("taxpayer");
  rule.source.file = reader.text("file");
  const std::string credential = reader.text("credential");
  reader.finish();
  if (rule.serial.empty() == rule.taxpayer.empty())
    reader.report("keyd.config_value", "serial", table, "serial or taxpayer, one of them");
  if (rule.source.file.empty() == credential.empty())
    reader.report("keyd.config_value", "file", table, "file or credential, one of them");
  if (!rule.source.file.empty() && rule.source.file.front() != '/')
    reader.report("keyd.config_value", "file", table, "an absolute path");
  if (!credential.empty()) {
    if (credentials.empty())
      reader.report("keyd.config_value", "credential", table, "LoadCredential= in the unit of the service");
    if (credential.find('/') != std::string::npos)
      reader.report("keyd.config_value", "credential", table, "a name without '/'");
    rule.source.file = credentials + "/" + credential;
    rule.source.identity_name = "credential:" + credential;
  }
  return rule;
}

SkfLibrary read_skf(const toml::table& table, const std::string& prefix, const std::string& file,
                    const std::vector<SkfLibrary>& before, std::optional<Error>& error) {
  TableReader reader(table, prefix, file, error);
  SkfLibrary skf;
  skf.library = reader.text("library", {}, true);
  skf.device = reader.text("device");
  skf.serial = reader.text("serial");
  skf.application = reader.text("application");
  skf.container = reader.text("container");
  reader.finish();
  if (!skf.library.empty() && skf.library.front() != '/')
    reader.report("keyd.config_value", "library", table, "an absolute path");
  // The file name stands for the library in the key list and in the log.
  for (const SkfLibrary& other : before)
    if (std::filesystem::path(other.library).filename() == std::filesystem::path(skf.library).filename())
      reader.report("keyd.config_value", "library", table, "a file name that no other [[skf]] has");
  return skf;
}

std::optional<uid_t> uid_of(const std::string& name) {
  const passwd* entry = ::getpwnam(name.c_str());
  return entry ? std::optional<uid_t>(entry->pw_uid) : std::nullopt;
}

}  // namespace

const PinSource* Config::pin_for(std::string_view serial, std::string_view taxpayer) const {
  for (const PinRule& rule : pins)
    if (!rule.serial.empty() && rule.serial == serial) return &rule.source;
  for (const PinRule& rule : pins)
    if (!rule.taxpayer.empty() && rule.taxpayer == taxpayer) return &rule.source;
  return nullptr;
}

Result<Config> parse_config(std::string_view toml, const std::string& file_name,
                            const std::string& credentials_directory) {
  toml::table root;
  try {
    root = toml::parse(toml, file_name);
  } catch (const toml::parse_error& problem) {
    return fail(Errc::invalid_input, "keyd.config_syntax", {}, std::string(problem.description()),
                fmt::format("{}:{}", file_name, problem.source().begin.line));
  }
  std::optional<Error> error;
  Config config;
  TableReader top(root, "", file_name, error);
  config.socket = top.text("socket", {}, true);
  config.state_directory = top.text("state_directory", {}, true);
  config.signer_id = top.text("signer_id", config.signer_id);
  config.issuer_ca = top.text("issuer_ca");
  config.verify_signatures = top.flag("verify_signatures", config.verify_signatures);
  config.allowed_uid = ::geteuid();
  const std::string user = top.text("allowed_user");
  if (!user.empty()) {
    if (const auto uid = uid_of(user))
      config.allowed_uid = *uid;
    else
      top.report("keyd.config_value", "allowed_user", *root.get("allowed_user"), "the name of an existing user");
  }
  if (const auto uid = top.number("allowed_uid", 0, UINT32_MAX)) config.allowed_uid = static_cast<uid_t>(*uid);
  const std::string sync = top.text("log_sync", "before_signing");
  if (sync == "before_reply")
    config.log_sync = LogSync::before_reply;
  else if (sync != "before_signing")
    top.report("keyd.config_value", "log_sync", *root.get("log_sync"), "before_signing or before_reply");

  if (const toml::node* node = top.take("card", false)) {
    if (const toml::table* table = node->as_table()) {
      TableReader card(*table, "card.", file_name, error);
      config.application = card.text("application");
      config.container = card.text("container");
      card.finish();
    } else {
      top.report("keyd.config_type", "card", *node, "a table");
    }
  }
  if (const toml::node* node = top.take("disk", false)) {
    if (const toml::table* table = node->as_table()) {
      TableReader disk(*table, "disk.", file_name, error);
      config.disk_file = disk.text("file", {}, true);
      if (const auto every = disk.number("every_s", 1, kMaxDiskEveryS))
        config.disk_every = std::chrono::seconds(*every);
      disk.finish();
    } else {
      top.report("keyd.config_type", "disk", *node, "a table");
    }
  }
  if (const toml::node* node = top.take("usb", false)) {
    if (const toml::table* table = node->as_table()) {
      TableReader usb(*table, "usb.", file_name, error);
      config.usb_devices = usb.text("devices", {}, true);
      if (!config.usb_devices.empty() && config.usb_devices.front() != '/')
        usb.report("keyd.config_value", "devices", *table, "an absolute path");
      usb.finish();
    } else {
      top.report("keyd.config_type", "usb", *node, "a table");
    }
  }
  if (const toml::node* node = top.take("trace", false)) {
    if (const toml::table* table = node->as_table()) {
      TableReader trace(*table, "trace.", file_name, error);
      config.trace_reader = trace.text("reader", {}, true);
      config.trace_file = trace.text("file", {}, true);
      if (!config.trace_file.empty() && config.trace_file.front() != '/')
        trace.report("keyd.config_value", "file", *table, "an absolute path");
      trace.finish();
    } else {
      top.report("keyd.config_type", "trace", *node, "a table");
    }
  }
  if (const toml::node* node = top.take("deadlines", false)) {
    if (const toml::table* table = node->as_table()) {
      TableReader reader(*table, "deadlines.", file_name, error);
      const auto read = [&](std::string_view key, std::chrono::milliseconds& into) {
        if (const auto ms = reader.number(key, 1, kMaxDeadlineMs)) into = std::chrono::milliseconds(*ms);
      };
      read("open_ms", config.deadlines.open);
      read("login_ms", config.deadlines.login);
      read("sign_ms", config.deadlines.sign);
      read("request_ms", config.deadlines.request);
      reader.finish();
    } else {
      top.report("keyd.config_type", "deadlines", *node, "a table");
    }
  }
  if (const toml::node* node = top.take("pin", false)) {
    const toml::array* array = node->as_array();
    if (!array || !array->is_homogeneous<toml::table>()) {
      top.report("keyd.config_type", "pin", *node, "[[pin]] tables");
    } else {
      for (std::size_t i = 0; i < array->size(); ++i)
        config.pins.push_back(read_pin_rule(*array->get_as<toml::table>(i), fmt::format("pin[{}].", i), file_name,
                                            credentials_directory, error));
    }
  }
  if (const toml::node* node = top.take("skf", false)) {
    const toml::array* array = node->as_array();
    if (!array || !array->is_homogeneous<toml::table>()) {
      top.report("keyd.config_type", "skf", *node, "[[skf]] tables");
    } else {
      for (std::size_t i = 0; i < array->size(); ++i)
        config.skf.push_back(
            read_skf(*array->get_as<toml::table>(i), fmt::format("skf[{}].", i), file_name, config.skf, error));
    }
  }
  top.finish();
  if (error) return std::unexpected(std::move(*error));
  return config;
}

Result<Config> load_config(const std::string& file, const std::string& credentials_directory) {
  const auto text = read_small_file(file);
  if (!text) return fail(Errc::invalid_input, "keyd.config_file", {}, file, {}, std::strerror(text.error()));
  return parse_config(*text, file, credentials_directory);
}

}  // namespace taxgate::keyd
