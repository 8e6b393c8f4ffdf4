// systemd/ and udev/: exposure as systemd-analyze counts it, units it can read, and rules that name what
// usb-devices.toml names. Nothing here needs systemd to run.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>

#include "tests/tree/tree.h"

namespace taxgate::tree {
namespace {

namespace fs = std::filesystem;

struct Ran {
  int status = -1;
  std::string output;
};
Ran run(const std::string& command) {
  Ran ran;
  std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return ran;
  char buffer[4096];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) ran.output.append(buffer, n);
  const int status = ::pclose(pipe);
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

class Scratch {
 public:
  Scratch() {
    std::string pattern = fs::temp_directory_path() / "taxgate-units-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~Scratch() { fs::remove_all(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

std::string unit_text(const std::string& name) { return read(root() / "systemd" / name); }

double exposure(const std::string& name) {
  const auto ran =
      run(fmt::format("systemd-analyze security --offline=true --no-pager {}/systemd/{}", root().string(), name));
  static const std::regex level(R"(exposure level for \S+ ([0-9.]+))");
  std::smatch found;
  EXPECT_TRUE(std::regex_search(ran.output, found, level)) << ran.output;
  return found.empty() ? 10 : std::stod(found[1]);
}

/// Assignments of a unit, comments aside; a key given twice has both values.
std::multimap<std::string, std::string> assignments(const std::string& text) {
  std::multimap<std::string, std::string> all;
  for (const auto& line : split(text, '\n'))
    if (const auto equals = line.find('='); !line.starts_with("#") && equals != std::string::npos)
      all.emplace(line.substr(0, equals), line.substr(equals + 1));
  return all;
}
bool has(const std::multimap<std::string, std::string>& all, const std::string& key, const std::string& value) {
  const auto [from, to] = all.equal_range(key);
  return std::any_of(from, to, [&](const auto& one) { return one.second == value; });
}

TEST(Units, AreNoMoreExposedThanPromised) {
  const double taxgated = exposure("taxgated.service"), keyd = exposure("taxgate-keyd.service");
  fmt::print(
      "exposure by systemd-analyze security --offline: taxgated {:.1f} (promised 1.3), taxgate-keyd {:.1f} "
      "(promised 1.5)\n",
      taxgated, keyd);
  EXPECT_LE(taxgated, 1.3);
  EXPECT_LE(keyd, 1.5);
}

TEST(Units, AreReadBySystemdWithoutAComplaint) {
  const Scratch scratch;
  std::string files;
  for (const char* program : {"taxgated", "taxgate-keyd"}) {
    fs::copy_file("/bin/true", scratch / program);
    const std::string unit = scratch / (std::string(program) + ".service");
    std::ofstream(unit) << std::regex_replace(unit_text(std::string(program) + ".service"),
                                              std::regex("ExecStart=/usr/bin"), "ExecStart=" + scratch / "");
    files += " " + unit;
  }
  const auto ran = run("systemd-analyze verify --man=no" + files);
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(ran.output, "");
  std::ofstream(scratch / "taxgated.service", std::ios::app) << "[Service]\nProtectSystme=strict\n";
  EXPECT_NE(run("systemd-analyze verify --man=no " + scratch / "taxgated.service").output, "")
      << "a misspelt directive is not seen";
}

TEST(Units, TheDropInForAVendorsLibraryIsReadBySystemdAndKeepsTheRest) {
  const std::string page = read(root() / "docs" / "skf.md"), mark = "```skf.conf\n";
  const auto start = page.find(mark);
  ASSERT_NE(start, std::string::npos);
  const std::string text =
      page.substr(start + mark.size(), page.find("```", start + mark.size()) - start - mark.size());
  const Scratch scratch;
  fs::copy_file("/bin/true", scratch / "taxgate-keyd");
  const std::string unit = scratch / "taxgate-keyd.service";
  std::ofstream(unit) << std::regex_replace(unit_text("taxgate-keyd.service"), std::regex("ExecStart=/usr/bin"),
                                            "ExecStart=" + scratch / "");
  fs::create_directory(unit + ".d");
  std::ofstream(unit + ".d/skf.conf") << text;
  EXPECT_EQ(run("systemd-analyze verify --man=no " + unit).output, "");
  const auto ran = run("systemd-analyze security --offline=true --no-pager " + unit);
  static const std::regex level(R"(exposure level for \S+ ([0-9.]+))");
  std::smatch found;
  ASSERT_TRUE(std::regex_search(ran.output, found, level)) << ran.output;
  EXPECT_NE(page.find("from 1.0 to " + found[1].str()), std::string::npos) << "the page says another exposure";
  std::ofstream(unit + ".d/skf.conf", std::ios::app) << "ReadWritePath=/var\n";
  EXPECT_NE(run("systemd-analyze verify --man=no " + unit).output, "") << "the drop-in is not read at all";
}

TEST(Units, KeepDevicesFromTheGatewayAndTheNetworkFromTheKeyHost) {
  const auto taxgated = assignments(unit_text("taxgated.service")),
             keyd = assignments(unit_text("taxgate-keyd.service"));
  EXPECT_TRUE(has(taxgated, "PrivateDevices", "yes"));
  EXPECT_FALSE(taxgated.contains("DeviceAllow"));
  EXPECT_TRUE(has(keyd, "RestrictAddressFamilies", "AF_UNIX AF_NETLINK"));
  EXPECT_TRUE(has(keyd, "IPAddressDeny", "any"));
  EXPECT_EQ(keyd.count("DeviceAllow"), 1U);
  EXPECT_TRUE(has(keyd, "DeviceAllow", "char-usb_device rw"));
  for (const auto& unit : {taxgated, keyd}) {
    // Both know their callers by SO_PEERCRED, which a user namespace would blind.
    EXPECT_TRUE(has(unit, "PrivateUsers", "no"));
    EXPECT_TRUE(has(unit, "Type", "notify"));
    EXPECT_TRUE(has(unit, "LimitCORE", "0"));
    EXPECT_TRUE(unit.contains("WatchdogSec"));
    EXPECT_TRUE(unit.contains("LimitMEMLOCK"));
    EXPECT_TRUE(unit.contains("LoadCredential"));
  }
  // systemd resolves the group of devices when the service starts; its module must be there by then.
  EXPECT_TRUE(has(keyd, "After", "pcscd.socket modprobe@usbcore.service"));
  EXPECT_TRUE(has(keyd, "Wants", "pcscd.socket modprobe@usbcore.service"));
  // What does not exist when a service starts is not made inaccessible; these outlive a stop of their owner.
  EXPECT_TRUE(has(keyd, "InaccessiblePaths", "-/var/lib/taxgate -/run/taxgate"));
  EXPECT_TRUE(has(taxgated, "RuntimeDirectoryPreserve", "yes"));
  EXPECT_FALSE(has(taxgated, "User", keyd.find("User")->second)) << "two users that share nothing";
}

TEST(Units, UsersAndDirectoriesAreMadeInAnEmptySystem) {
  const Scratch scratch;
  fs::create_directories(scratch / "etc/taxgate");
  std::ofstream(scratch / "etc/taxgate/keyd.toml") << "";
  const std::string systemd = (root() / "systemd").string();
  auto ran = run(fmt::format("systemd-sysusers --root={} {}/taxgate.sysusers", scratch / "", systemd));
  EXPECT_EQ(ran.status, 0) << ran.output;
  const std::string users = read(scratch / "etc/passwd");
  EXPECT_NE(("\n" + users).find("\ntaxgate:"), std::string::npos) << users;
  EXPECT_NE(users.find("taxgate-keyd:"), std::string::npos) << users;
  ran = run(fmt::format("systemd-tmpfiles --root={} --create {}/taxgate.tmpfiles", scratch / "", systemd));
  EXPECT_EQ(ran.status, 0) << ran.output;
  for (const auto& [file, mode] : std::map<std::string, mode_t>{{"etc/taxgate", 0755},
                                                                {"etc/taxgate/secrets", 0700},
                                                                {"etc/taxgate/pin", 0700},
                                                                {"etc/taxgate/keyd.toml", 0640},
                                                                {"var/lib/taxgate", 0700},
                                                                {"var/lib/taxgate-keyd", 0700},
                                                                {"run/taxgate", 0755}}) {
    struct stat st{};
    ASSERT_EQ(::stat((scratch / file).c_str(), &st), 0) << file;
    EXPECT_EQ(st.st_mode & 07777, mode) << file;
  }
}

// ---- udev ----

using Ids = std::set<std::string>;  // "14d6:a002"

Ids ids_of_rules(const std::string& rules) {
  static const std::regex row(
      R"re(^ATTR\{idVendor\}=="([0-9a-f]{4})", ATTR\{idProduct\}=="([0-9a-f]{4})", ENV\{TAXGATE_KEY\}="1"$)re");
  Ids ids;
  std::smatch found;
  for (const auto& line : split(rules, '\n'))
    if (std::regex_match(line, found, row)) ids.insert(found[1].str() + ":" + found[2].str());
  return ids;
}

Ids ids_of_devices(const std::string& toml) {
  static const std::regex number(R"re(^(vendor|product) = 0x([0-9a-f]{4})$)re");
  Ids ids;
  for (std::size_t at = toml.find("[[device]]"); at != std::string::npos;) {
    const std::size_t next = toml.find("[[device]]", at + 1);
    std::map<std::string, std::string> of;
    bool use = true;
    std::smatch found;
    for (const auto& line : split(toml.substr(at, next - at), '\n')) {
      if (std::regex_match(line, found, number)) of[found[1]] = found[2];
      use = use && line != "use = false";
    }
    if (use && of.size() == 2) ids.insert(of["vendor"] + ":" + of["product"]);
    at = next;
  }
  return ids;
}

/// What udev would not read: a token that is no KEY OP "value", a GOTO without its LABEL.
std::vector<std::string> faults_of(const std::string& rules) {
  static const std::regex token(
      R"re(\s*(ACTION|SUBSYSTEM|TEST|GROUP|MODE|GOTO|LABEL|(?:ENV|ATTR)\{[A-Za-z/_]+\})(==|!=|=)"([^"]*)"\s*)re");
  std::vector<std::string> faults;
  std::set<std::string> wanted, labels;
  for (const auto& line : split(rules, '\n')) {
    if (line.empty() || line.starts_with("#")) continue;
    for (const auto& part : split(line, ',')) {
      std::smatch found;
      if (!std::regex_match(part, found, token)) {
        faults.push_back(part);
        continue;
      }
      const bool assigns = found[2] == "=";
      const std::string key = found[1];
      if (key == "GOTO") wanted.insert(found[3]);
      if (key == "LABEL") labels.insert(found[3]);
      if ((key == "GOTO" || key == "LABEL" || key == "GROUP" || key == "MODE") && !assigns) faults.push_back(part);
      if ((key == "ACTION" || key == "SUBSYSTEM" || key == "TEST") && assigns) faults.push_back(part);
    }
  }
  for (const auto& label : wanted)
    if (!labels.contains(label)) faults.push_back("GOTO " + label);
  return faults;
}

TEST(Udev, RulesNameTheDevicesOfTheMatchingFileAndNoOther) {
  const Ids rules = ids_of_rules(read(root() / "udev/60-taxgate.rules"));
  EXPECT_GE(rules.size(), 10U);
  EXPECT_EQ(rules, ids_of_devices(read(root() / "udev/usb-devices.toml")));
}

TEST(Udev, RulesAreWellFormed) {
  EXPECT_EQ(faults_of(read(root() / "udev/60-taxgate.rules")), std::vector<std::string>{});
  EXPECT_EQ(faults_of("GROUP==\"x\"\n").size(), 1U);
  EXPECT_EQ(faults_of("ATTR{idVendor}=\"14d6, MODE=\"0660\"\n").size(), 1U);
  EXPECT_EQ(faults_of("ACTION==\"remove\", GOTO=\"nowhere\"\n").size(), 1U);
}

}  // namespace
}  // namespace taxgate::tree
