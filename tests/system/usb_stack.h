#pragma once
// A key host on a virtual USB bus: umockdev, virtual keys behind Bulk-Only Transport, a taxgate-keyd process, a client.
// There is no pcscd. Programs that include this call UsbTestbed::ensure_preloaded() first thing in main().
#include <fcntl.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "protocol/envelope.h"
#include "protocol/identifiers.h"
#include "simulator/device/card_target.h"
#include "simulator/umockdev/usb_testbed.h"
#include "tests/system/keyd_fixture.h"

namespace taxgate::tests {

using namespace std::chrono_literals;

/// One virtual tax key with everything from the card to the USB endpoints.
struct UsbKey {
  std::unique_ptr<simulator::VirtualKey> card;
  std::unique_ptr<simulator::CardTarget> target;
  std::unique_ptr<simulator::BotFunction> function;
  std::unique_ptr<simulator::VirtualUsb> usb;
};

class UsbStack {
 public:
  struct Options {
    unsigned keys = 1;              // key i is in port i + 1 at first, of taxpayer i
    std::string extra_config = {};  // TOML before the [[pin]] tables
    std::string quirks = {};        // TOML of the matching file's row
    bool plugged = true;            // as soon as keyd runs …
    bool plugged_before = false;    // … or before: then no later change is seen
    std::function<void(unsigned, simulator::KeyDefinition&)> define = {};
    std::function<void(unsigned, simulator::UsbIdentity&)> identify = {};
  };

  explicit UsbStack(Options options) : plugged_(options.plugged), plugged_before_(options.plugged_before) {
    char name[] = "/tmp/taxgate-usb-test-XXXXXX";
    if (!::mkdtemp(name)) throw std::runtime_error("mkdtemp");
    directory_ = name;
    for (const char* sub : {"/pins", "/cards"}) std::filesystem::create_directory(directory_ + sub);
    auto bed = simulator::UsbTestbed::create();
    if (!bed) throw std::runtime_error(bed.error().id + " " + bed.error().detail);
    bed_ = std::move(*bed);
    const auto now =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    authority_ = simulator::KeyAuthority::create("key CA", now);
    std::ofstream(directory_ + "/ca.pem") << authority_->certificate_pem();
    std::ofstream(devices()) << fmt::format(
        "[[device]]\nname = \"simulator\"\nvendor = {}\nproduct = {}\nproduct_name = \"{}\"\n{}\n",
        simulator::kSimulatorVendor, simulator::kSimulatorProduct, simulator::kSimulatorKey, options.quirks);
    std::ofstream config(directory_ + "/keyd.toml");
    config << "socket = \"" << socket() << "\"\nstate_directory = \"" << directory_ << "/state\"\n"
           << "issuer_ca = \"" << directory_ << "/ca.pem\"\n"
           << options.extra_config << "\n[usb]\ndevices = \"" << devices() << "\"\n";
    for (unsigned i = 0; i < options.keys; ++i) {
      simulator::KeyDefinition definition;
      definition.serial = serial(i);
      definition.taxpayer = taxpayer(i);
      definition.name = fmt::format("模拟企业{}", i);
      definition.pin = KeydStack::kPin;
      definition.admin_pin = "87654321";
      definition.valid_from_ms = now - 86'400'000LL;
      definition.valid_until_ms = now + 365 * 86'400'000LL;
      if (options.define) options.define(i, definition);
      // The state file's name is of the stack's own making: a twin has the same serial.
      auto card = simulator::VirtualKey::open(fmt::format("{}/cards/{}", directory_, i), definition, *authority_);
      if (!card) throw std::runtime_error(card.error().id);
      UsbKey key;
      key.card = std::move(*card);
      key.target = std::make_unique<simulator::CardTarget>(*key.card);
      key.function = std::make_unique<simulator::BotFunction>(*key.target);
      simulator::UsbIdentity identity;
      identity.serial = fmt::format("{:04}", i);
      if (options.identify) options.identify(i, identity);
      key.usb = std::make_unique<simulator::VirtualUsb>(identity, *key.function);
      keys_.push_back(std::move(key));
      if (options.plugged_before) plug(i);
      const std::string pin = fmt::format("{}/pins/{}", directory_, i);
      std::ofstream(pin) << KeydStack::kPin << "\n";
      ::chmod(pin.c_str(), 0600);
      config << fmt::format("[[pin]]\ntaxpayer = \"{}\"\nfile = \"{}\"\n", taxpayer(i), pin);
    }
  }

  ~UsbStack() {
    stop_keyd();
    expect_no_fault(keyd_log());
    bed_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  UsbStack(const UsbStack&) = delete;
  UsbStack& operator=(const UsbStack&) = delete;

  void plug(unsigned i, unsigned port = 0) {
    const auto plugged = bed_->plug(port == 0 ? i + 1 : port, *key(i).usb);
    if (!plugged) throw std::runtime_error(plugged.error().id + " " + plugged.error().detail);
  }
  void unplug(unsigned i, unsigned port = 0) { bed_->unplug(port == 0 ? i + 1 : port); }

  void start_keyd() {
    std::vector<std::string> environment = bed_->environment();
    environment.push_back("PCSCLITE_CSOCK_NAME=" + directory_ + "/no-pcscd");
    keyd_ = spawn_keyd(directory_, environment);
    for (const auto until = Clock::now() + 60s; Clock::now() < until; std::this_thread::sleep_for(5ms)) {
      // Keys are put in when the USB watch listens, which it does before its first list.
      if (!KeydClient(socket()).connected() || keyd_log().find("[usb.service]") == std::string::npos) continue;
      if (!plugged_before_) ASSERT_EQ(bed_->keep_listeners(), 1U);
      for (unsigned i = 0; i < keys_.size() && plugged_ && !plugged_before_; ++i) plug(i);
      return;
    }
    FAIL() << "keyd does not answer: " << keyd_log();
  }
  void stop_keyd() { end_keyd(keyd_); }
  pid_t keyd_pid() const { return keyd_; }

  UsbKey& key(unsigned i) { return keys_.at(i); }
  simulator::UsbTestbed& bed() { return *bed_; }
  std::string socket() const { return directory_ + "/keyd.sock"; }
  std::string devices() const { return directory_ + "/usb-devices.toml"; }
  static std::string taxpayer(unsigned i) { return KeydStack::taxpayer(i); }
  static std::string serial(unsigned i) { return fmt::format("SIMUSB{:04}", i); }
  static std::string reader(unsigned port) { return "USB " + simulator::UsbTestbed::port_name(port); }

  /// Patient by default: keys are pulled and put back meanwhile.
  static keyd::v1::SignRequest request(unsigned i, const std::string& id, std::uint32_t deadline_ms = 60'000) {
    return KeydStack::request(i, id, deadline_ms);
  }

  std::vector<keyd::v1::Key> keys_seen() {
    KeydClient client(socket());
    return client.connected() ? client.keys() : std::vector<keyd::v1::Key>{};
  }
  /// State and reader of the key with this serial: "ready USB 1-1".
  std::string where(const std::string& serial) {
    for (const auto& key : keys_seen())
      if (key.serial() == serial) return key.state() + (key.reader().empty() ? "" : " " + key.reader());
    return "unknown";
  }
  ::testing::AssertionResult wait_until(const std::function<bool()>& holds, const std::string& what,
                                        std::chrono::milliseconds within = 60s) {
    for (const auto until = Clock::now() + within; Clock::now() < until; std::this_thread::sleep_for(10ms))
      if (holds()) return ::testing::AssertionSuccess();
    std::string seen;
    for (const auto& key : keys_seen())
      seen += fmt::format(" [{} {} {} {}]", key.serial(), key.state(), key.reader(), key.trouble().id());
    return ::testing::AssertionFailure() << what << ":" << seen;
  }
  ::testing::AssertionResult wait_ready(unsigned i, unsigned port = 0, std::chrono::milliseconds within = 60s) {
    const std::string wanted = "ready " + reader(port == 0 ? i + 1 : port);
    return wait_until([&] { return where(serial(i)) == wanted; }, serial(i) + " is not " + wanted, within);
  }

  /// The same order until it is signed, as taxgated repeats it. `answers` notes what came meanwhile.
  ::testing::AssertionResult sign(KeydClient& client, unsigned i, const std::string& id,
                                  std::map<std::string, unsigned>* answers = nullptr,
                                  std::chrono::milliseconds within = 60s) {
    const auto order = request(i, id);
    std::string last = "no answer";
    for (const auto until = Clock::now() + within; Clock::now() < until; std::this_thread::sleep_for(5ms)) {
      const auto reply = client.sign(order, within);
      if (!reply) return ::testing::AssertionFailure() << id << ": no answer";
      if (KeydStack::verifies(order, *reply)) return ::testing::AssertionSuccess();
      last = reply->failure().errc() + " " + reply->failure().id();
      if (answers) ++(*answers)[last];
      if (reply->failure().errc() != "retry_later" && reply->failure().errc() != "device_gone" &&
          reply->failure().errc() != "outcome_unknown")
        return ::testing::AssertionFailure() << id << ": final answer " << last;
    }
    return ::testing::AssertionFailure() << id << ": not signed in time, last " << last;
  }

  std::string keyd_log() const {
    std::ostringstream text;
    text << std::ifstream(directory_ + "/keyd.log").rdbuf();
    return text.str();
  }
  /// The key host's processes by mode ("--worker"), itself not among them.
  std::vector<pid_t> children(const std::string& mode) const {
    std::vector<pid_t> found;
    std::ifstream list(fmt::format("/proc/{0}/task/{0}/children", keyd_));
    for (pid_t pid = 0; list >> pid;) {
      std::ostringstream text;
      text << std::ifstream(fmt::format("/proc/{}/cmdline", pid)).rdbuf();
      if (text.str().find(mode + '\0') != std::string::npos) found.push_back(pid);
    }
    return found;
  }

 private:
  using Clock = std::chrono::steady_clock;

  const bool plugged_, plugged_before_;
  std::string directory_;
  std::unique_ptr<simulator::UsbTestbed> bed_;
  std::optional<simulator::KeyAuthority> authority_;
  std::vector<UsbKey> keys_;
  pid_t keyd_ = -1;
};

}  // namespace taxgate::tests
