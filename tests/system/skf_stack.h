#pragma once
// A real key host with vendors' libraries: the tests' SKF library in its layouts, each copied into a directory of its
// own with one virtual key behind it.
#include <fcntl.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/skf/skf_device.h"
#include "tests/system/keyd_fixture.h"

namespace taxgate::tests {

using namespace std::chrono_literals;

class SkfStack {
 public:
  struct Options {
    std::vector<std::string> layouts;         // key i, of taxpayer i, is behind a library of layout i
    std::string extra_config = {};            // TOML before the tables
    std::vector<std::string> skf_extra = {};  // TOML in the [[skf]] of library i
  };

  explicit SkfStack(Options options) {
    char name[] = "/tmp/taxgate-skf-test-XXXXXX";
    if (!::mkdtemp(name)) throw std::runtime_error("mkdtemp");
    directory_ = name;
    for (const char* sub : {"/pins", "/cards"}) std::filesystem::create_directory(directory_ + sub);
    const auto now =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    authority_ = simulator::KeyAuthority::create("key CA", now);
    std::ofstream(directory_ + "/ca.pem") << authority_->certificate_pem();
    std::ofstream config(directory_ + "/keyd.toml");
    config << fmt::format(
        "socket = \"{0}/keyd.sock\"\nstate_directory = \"{0}/state\"\nissuer_ca = \"{0}/ca.pem\"\n{1}\n", directory_,
        options.extra_config);
    for (unsigned i = 0; i < options.layouts.size(); ++i) {
      std::filesystem::create_directories(fmt::format("{}/{}/devices", directory_, i));
      install(i, options.layouts[i]);
      config << fmt::format("[[skf]]\nlibrary = \"{}\"\n{}\n", library(i),
                            i < options.skf_extra.size() ? options.skf_extra[i] : "");
      simulator::KeyDefinition definition;
      definition.serial = serial(i);
      definition.taxpayer = KeydStack::taxpayer(i);
      definition.name = fmt::format("模拟企业{}", i);
      definition.pin = KeydStack::kPin;
      definition.admin_pin = "87654321";
      definition.valid_from_ms = now - 86'400'000LL;
      definition.valid_until_ms = now + 365 * 86'400'000LL;
      auto key = simulator::VirtualKey::open(fmt::format("{}/cards/{}", directory_, i), definition, *authority_);
      if (!key) throw std::runtime_error(key.error().id);
      keys_.push_back(std::move(*key));
      devices_.push_back(std::make_unique<SkfDevice>(*keys_.back(), fmt::format("{}/{}/devices/Key", directory_, i)));
      devices_.back()->plug();
      write_pin(i, KeydStack::kPin);
      config << fmt::format("[[pin]]\ntaxpayer = \"{}\"\nfile = \"{}\"\n", KeydStack::taxpayer(i), pin_file(i));
    }
  }

  ~SkfStack() {
    stop_keyd();
    expect_no_fault(keyd_log());
    devices_.clear();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  SkfStack(const SkfStack&) = delete;
  SkfStack& operator=(const SkfStack&) = delete;

  void start_keyd() {
    keyd_ = spawn_keyd(directory_, {"PCSCLITE_CSOCK_NAME=" + directory_ + "/no-pcscd"});
    ASSERT_TRUE(wait_until([&] { return KeydClient(socket()).connected(); }, "keyd does not answer"));
  }
  void stop_keyd() { end_keyd(keyd_); }
  pid_t keyd_pid() const { return keyd_; }

  std::string directory() const { return directory_; }
  std::string socket() const { return directory_ + "/keyd.sock"; }
  std::string library(unsigned i) const { return fmt::format("{0}/{1}/lib{1}.so", directory_, i); }
  std::string pin_file(unsigned i) const { return fmt::format("{}/pins/{}", directory_, i); }
  static std::string serial(unsigned i) { return fmt::format("SIMSKF{:04}", i); }
  static std::string own_reader(unsigned i) { return fmt::format("SKF lib{}.so", i); }  // of the library itself
  simulator::VirtualKey& key(unsigned i) { return *keys_.at(i); }
  SkfDevice& device(unsigned i) { return *devices_.at(i); }

  /// As a package does it: a new file over the old one.
  void install(unsigned i, const std::string& layout) {
    const std::string beside = library(i) + ".new";
    std::filesystem::copy_file(fmt::format("{}/../skf/skf_{}.so", TAXGATE_BIN_DIR, layout), beside);
    ::chmod(beside.c_str(), 0755);
    std::filesystem::rename(beside, library(i));
  }
  void write_pin(unsigned i, const std::string& pin) {
    std::ofstream(pin_file(i) + ".new") << pin << "\n";
    ::chmod((pin_file(i) + ".new").c_str(), 0600);
    std::filesystem::rename(pin_file(i) + ".new", pin_file(i));
  }
  /// "hang SKF_ECCSignData", "crash …", "exit …", "0A000023 …"; empty: none any more.
  void fault(unsigned i, const std::string& what) {
    const std::string file = fmt::format("{}/{}/fault", directory_, i);
    if (what.empty()) {
      std::filesystem::remove(file);
      return;
    }
    std::ofstream(file + ".new") << what << "\n";
    std::filesystem::rename(file + ".new", file);
  }

  std::vector<keyd::v1::Key> keys_seen() {
    KeydClient client(socket());
    return client.connected() ? client.keys() : std::vector<keyd::v1::Key>{};
  }
  /// State and trouble of key i: "ready", "pin_wrong key.pin_wrong".
  std::string state(unsigned i) {
    for (const auto& key : keys_seen())
      if (key.serial() == serial(i)) return key.state() + (key.has_trouble() ? " " + key.trouble().id() : "");
    return "unknown";
  }
  /// What is said of a reader, whatever key is in it.
  keyd::v1::Failure trouble(const std::string& reader) {
    for (const auto& key : keys_seen())
      if (key.reader() == reader) return key.trouble();
    return {};
  }
  ::testing::AssertionResult wait_until(const std::function<bool()>& holds, const std::string& what) {
    for (const auto until = Clock::now() + 60s; Clock::now() < until; std::this_thread::sleep_for(10ms))
      if (holds()) return ::testing::AssertionSuccess();
    std::string seen;
    for (const auto& key : keys_seen())
      seen += fmt::format(" [{} {} {} {}]", key.serial(), key.state(), key.reader(), key.trouble().id());
    return ::testing::AssertionFailure() << what << ":" << seen;
  }
  ::testing::AssertionResult wait_state(unsigned i, const std::string& wanted) {
    return wait_until([&] { return state(i) == wanted; }, serial(i) + " is not " + wanted);
  }
  ::testing::AssertionResult wait_trouble(const std::string& reader, const std::string& id) {
    return wait_until([&] { return trouble(reader).id() == id; }, reader + " does not say " + id);
  }
  /// One order, with a patient deadline. "signed", or the id of the refusal.
  std::string sign(unsigned i, const std::string& id, std::uint32_t deadline_ms = 20'000) {
    KeydClient client(socket());
    const auto order = KeydStack::request(i, id, deadline_ms);
    const auto reply = client.sign(order, 60s);
    if (!reply) return "no answer";
    if (KeydStack::verifies(order, *reply)) return "signed";
    return reply->has_failure() ? reply->failure().id() : "a signature that does not verify";
  }
  /// The same order until it is signed, as taxgated repeats it.
  ::testing::AssertionResult sign_at_last(unsigned i, const std::string& id) {
    std::string last;
    return wait_until([&] { return (last = sign(i, id)) == "signed"; }, id + " was never signed");
  }

  std::string keyd_log() const { return whole_file(directory_ + "/keyd.log"); }

 private:
  using Clock = std::chrono::steady_clock;

  std::string directory_;
  std::optional<simulator::KeyAuthority> authority_;
  std::vector<std::unique_ptr<simulator::VirtualKey>> keys_;
  std::vector<std::unique_ptr<SkfDevice>> devices_;
  pid_t keyd_ = -1;
};

}  // namespace taxgate::tests
