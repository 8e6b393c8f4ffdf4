#include <fmt/format.h>

#include <toml++/toml.h>

#include <algorithm>

#include "cli/doctor/finding.h"
#include "daemon/core/files.h"
#include "protocol/messages.h"

namespace taxgate::doctor {
namespace {

constexpr std::size_t kMaxFile = 1U << 20;

std::optional<toml::table> read_toml(const std::string& path, Findings& out) {
  const auto text = read_file(path, kMaxFile);
  if (!text) {
    out.push_back({Severity::failing, {Errc::invalid_input, "doctor.config_file", path, text.error().id, {}, {}}});
    return std::nullopt;
  }
  try {
    return toml::parse(*text, path);
  } catch (const toml::parse_error& problem) {
    out.push_back({Severity::failing,
                   {Errc::invalid_input,
                    "doctor.config_invalid",
                    fmt::format("{}:{}", path, problem.source().begin.line),
                    std::string(problem.description()),
                    {},
                    {}}});
    return std::nullopt;
  }
}

std::string text_of(const toml::node_view<const toml::node> node) { return node.value_or(std::string()); }

KeydConfig keyd_from(const std::string& path, const toml::table& root) {
  KeydConfig keyd{.file = path,
                  .socket = text_of(root["socket"]),
                  .state_directory = text_of(root["state_directory"]),
                  .issuer_ca = text_of(root["issuer_ca"]),
                  .usb_devices = text_of(root["usb"]["devices"]),
                  .pin_files = {},
                  .credentials = {},
                  .skf_libraries = {}};
  if (const auto* pins = root["pin"].as_array())
    for (const auto& node : *pins)
      if (const auto* pin = node.as_table()) {
        if (auto file = text_of((*pin)["file"]); !file.empty()) keyd.pin_files.push_back(file);
        if (auto name = text_of((*pin)["credential"]); !name.empty()) keyd.credentials.push_back(name);
      }
  if (const auto* libraries = root["skf"].as_array())
    for (const auto& node : *libraries)
      if (const auto* skf = node.as_table()) keyd.skf_libraries.push_back(text_of((*skf)["library"]));
  return keyd;
}

std::vector<UsbModel> models_from(const toml::table& root) {
  std::vector<UsbModel> models;
  if (const auto* devices = root["device"].as_array())
    for (const auto& node : *devices)
      if (const auto* device = node.as_table(); device != nullptr && (*device)["use"].value_or(true))
        if (const auto vendor = (*device)["vendor"].value<unsigned>(), product = (*device)["product"].value<unsigned>();
            vendor && product)
          models.push_back({*vendor, *product, text_of((*device)["name"])});
  return models;
}

}  // namespace

void read_configurations(Scene& scene, Findings& out) {
  if (auto config = load_config(scene.taxgated_file)) {
    scene.config = std::move(*config);
  } else {
    const bool absent = config.error().id.starts_with("file.");
    out.push_back({Severity::failing,
                   {Errc::invalid_input,
                    absent ? "doctor.config_file" : "doctor.config_invalid",
                    config.error().field.empty() ? scene.taxgated_file : config.error().field,
                    message_text(config.error(), Language::english),
                    {},
                    {}}});
  }
  if (const auto root = read_toml(scene.keyd_file, out)) scene.keyd = keyd_from(scene.keyd_file, *root);
  if (scene.keyd && !scene.keyd->usb_devices.empty())
    if (const auto root = read_toml(scene.keyd->usb_devices, out)) scene.models = models_from(*root);
}

const std::vector<NamedCheck>& checks() {
  static const std::vector<NamedCheck> all{{"config_mode", check_config_mode},
                                           {"secrets", check_secrets},
                                           {"credentials", check_credentials},
                                           {"state", check_state},
                                           {"disk_space", check_disk_space},
                                           {"udev_rule", check_udev_rule},
                                           {"usb_nodes", check_usb_nodes},
                                           {"usb_holders", check_usb_holders},
                                           {"autosuspend", check_autosuspend},
                                           {"hub", check_hub},
                                           {"pcscd", check_pcscd},
                                           {"polkit", check_polkit},
                                           {"reader_models", check_reader_models},
                                           {"reader_holders", check_reader_holders},
                                           {"skf_libraries", check_skf_libraries},
                                           {"privilege", check_privilege},
                                           {"two_daemons", check_two_daemons},
                                           {"memory_locks", check_memory_locks},
                                           {"core_dumps", check_core_dumps},
                                           {"daemon", check_daemon},
                                           {"pin_tries", check_pin_tries},
                                           {"key_certificates", check_key_certificates},
                                           {"tax_disks", check_tax_disks},
                                           {"certificate_files", check_certificate_files},
                                           {"platform", check_platform}};
  return all;
}

Findings examine(Scene& scene) {
  Findings found;
  read_configurations(scene, found);
  for (const auto& check : checks()) check.run(scene, found);
  std::ranges::sort(found, std::ranges::greater{}, &Finding::severity);
  return found;
}

int exit_code(const Findings& findings) {
  int worst = 0;
  for (const auto& one : findings)
    if (!one.fixed) worst = std::max(worst, static_cast<int>(one.severity));
  return worst;
}

}  // namespace taxgate::doctor
