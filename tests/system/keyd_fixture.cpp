#include "tests/system/keyd_fixture.h"

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

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "protocol/envelope.h"
#include "protocol/identifiers.h"

namespace taxgate::tests {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

std::int64_t wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

KeydClient::KeydClient(const std::string& socket, std::uint32_t version_min, std::uint32_t version_max) {
  fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ::close(fd_);
    fd_ = -1;
    return;
  }
  keyd::v1::Frame hello;
  hello.mutable_hello()->set_version_min(version_min);
  hello.mutable_hello()->set_version_max(version_max);
  hello.mutable_hello()->set_program("test");
  const auto answer = send(hello) ? receive(60s) : std::nullopt;
  if (!answer || !answer->has_hello()) {
    ::close(fd_);
    fd_ = -1;
  }
}

KeydClient::~KeydClient() {
  if (fd_ >= 0) ::close(fd_);
}

bool KeydClient::send(const keyd::v1::Frame& frame) {
  std::string bytes;
  if (!keyd::append_frame(frame, bytes)) return false;
  for (std::size_t at = 0; at < bytes.size();) {
    const ssize_t n = ::send(fd_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (n <= 0) return false;
    at += static_cast<std::size_t>(n);
  }
  return true;
}

std::optional<keyd::v1::Frame> KeydClient::receive(std::chrono::milliseconds within) {
  const auto until = Clock::now() + within;
  for (;;) {
    auto frame = cutter_.next();
    if (!frame) return std::nullopt;
    if (*frame) {
      if ((*frame)->has_key_event()) continue;
      return std::move(*frame);
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
    pollfd entry{fd_, POLLIN, 0};
    if (left <= 0ms || ::poll(&entry, 1, static_cast<int>(left.count())) <= 0) return std::nullopt;
    char buffer[16384];
    const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
    if (n <= 0) return std::nullopt;
    cutter_.feed({buffer, static_cast<std::size_t>(n)});
  }
}

std::optional<keyd::v1::SignReply> KeydClient::sign(const keyd::v1::SignRequest& request,
                                                    std::chrono::milliseconds within) {
  keyd::v1::Frame frame;
  *frame.mutable_sign() = request;
  if (!send(frame)) return std::nullopt;
  auto answer = receive(within);
  if (!answer || !answer->has_signed_()) return std::nullopt;
  return std::move(*answer->mutable_signed_());
}

std::vector<keyd::v1::Key> KeydClient::keys() {
  keyd::v1::Frame frame;
  frame.mutable_list_keys()->set_request(1);
  if (!send(frame)) return {};
  const auto answer = receive(60s);
  if (!answer || !answer->has_keys()) return {};
  return {answer->keys().keys().begin(), answer->keys().keys().end()};
}

std::string KeydStack::taxpayer(unsigned i) {
  // Invented identities of the simulator's channel: province 99, organisation TGDM…, both check characters right.
  std::string id = "91990100" + fmt::format("TGDM{:04}", i);
  id += organisation_check(id.substr(8, 8));
  id += credit_code_check(id);
  return id;
}

std::string KeydStack::serial(unsigned i) const { return fmt::format("SIMKEY{:04}", i); }
std::string KeydStack::pin_file(unsigned i) const { return fmt::format("{}/pins/{}", directory_, i); }

void KeydStack::write_pin(unsigned i, const std::string& pin) {
  // As a careful operator does it: a new file over the old one.
  const std::string beside = pin_file(i) + ".new";
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const std::string line = pin + "\n";
  ASSERT_EQ(::write(fd, line.data(), line.size()), static_cast<ssize_t>(line.size()));
  ::close(fd);
  ASSERT_EQ(::rename(beside.c_str(), pin_file(i).c_str()), 0);
}

pid_t spawn_keyd(const std::string& directory, const std::vector<std::string>& environment) {
  const std::string program = std::string(TAXGATE_BIN_DIR) + "/taxgate-keyd", config = directory + "/keyd.toml";
  const std::string log = directory + "/keyd.log";
  std::vector<const char*> envp;
  for (const auto& one : environment) envp.push_back(one.c_str());
  envp.push_back(nullptr);
  const char* argv[] = {"taxgate-keyd", "--config", config.c_str(), nullptr};
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(out, STDERR_FILENO);
    ::execve(program.c_str(), const_cast<char* const*>(argv), const_cast<char* const*>(envp.data()));
    ::_exit(127);
  }
  return child;
}

void end_keyd(pid_t& pid) {
  if (pid <= 0) return;
  ::kill(pid, SIGTERM);
  ::waitpid(pid, nullptr, 0);
  pid = -1;
}

void expect_no_fault(const std::string& log) {
  for (const char* report : {"Sanitizer", "runtime error:"})
    EXPECT_EQ(log.find(report), std::string::npos) << "a process of the key host reported a fault";
  if (::testing::Test::HasFailure()) fmt::print("--- keyd's log\n{}---\n", log);
}

KeydStack::KeydStack(Options options) : options_(std::move(options)) {
  char name[] = "/tmp/taxgate-keyd-test-XXXXXX";
  if (!::mkdtemp(name)) throw std::runtime_error("mkdtemp");
  directory_ = name;
  for (const char* sub : {"/pins", "/pcscd", "/cards"}) std::filesystem::create_directory(directory_ + sub);
  auto pcscd = simulator::PrivatePcscd::start({.directory = directory_ + "/pcscd", .readers = options_.readers});
  if (!pcscd) throw std::runtime_error(pcscd.error().id + " " + pcscd.error().field + " " + pcscd.error().detail);
  pcscd_ = std::move(*pcscd);
  authority_ = simulator::KeyAuthority::create("key CA", wall_ms());
  foreign_ = simulator::KeyAuthority::create("foreign key CA", wall_ms());
  std::ofstream(directory_ + "/ca.pem") << authority_->certificate_pem();

  std::ofstream config(directory_ + "/keyd.toml");
  config << "socket = \"" << socket() << "\"\nstate_directory = \"" << state() << "\"\n";
  if (options_.issuer_ca) config << "issuer_ca = \"" << directory_ << "/ca.pem\"\n";
  config << options_.extra_config << "\n";
  for (unsigned i = 0; i < options_.keys; ++i) {
    simulator::KeyDefinition definition;
    definition.serial = serial(i);
    definition.taxpayer = taxpayer(i);
    definition.name = fmt::format("模拟企业{}", i);
    definition.pin = kPin;
    definition.admin_pin = "87654321";
    definition.max_tries = static_cast<std::uint8_t>(options_.max_tries);
    definition.valid_from_ms = wall_ms() - 86'400'000LL;
    definition.valid_until_ms = wall_ms() + 365 * 86'400'000LL;
    if (options_.define) options_.define(i, definition);
    const auto& issuer = options_.foreign_keys.contains(i) ? *foreign_ : *authority_;
    auto key = simulator::VirtualKey::open(fmt::format("{}/cards/{}", directory_, serial(i)), definition, issuer);
    if (!key) throw std::runtime_error(key.error().id);
    keys_.push_back(std::move(*key));
    cards_.push_back(std::make_unique<simulator::VpcdCard>(*keys_.back(), "127.0.0.1", pcscd_->slots().at(i).port));
    cards_.back()->plug();
    write_pin(i, kPin);
    config << fmt::format("[[pin]]\ntaxpayer = \"{}\"\nfile = \"{}\"\n", taxpayer(i), pin_file(i));
  }
}

KeydStack::~KeydStack() {
  stop_keyd();
  cards_.clear();
  expect_no_fault(keyd_log());
  pcscd_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void KeydStack::start_keyd() {
  start_keyd_unchecked();
  for (const auto until = Clock::now() + 60s; Clock::now() < until; std::this_thread::sleep_for(5ms))
    if (KeydClient(socket()).connected()) return;
  FAIL() << "keyd does not answer: " << keyd_log();
}

void KeydStack::start_keyd_unchecked() { keyd_ = spawn_keyd(directory_, {"PCSCLITE_CSOCK_NAME=" + pcscd_->socket()}); }

int KeydStack::run_keyd_to_its_end() {
  const pid_t first = keyd_;
  start_keyd_unchecked();
  int status = 0;
  ::waitpid(std::exchange(keyd_, first), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void KeydStack::kill_keyd() {
  if (keyd_ <= 0) return;
  ::kill(keyd_, SIGKILL);
  ::waitpid(keyd_, nullptr, 0);
  keyd_ = -1;
}

void KeydStack::stop_keyd() { end_keyd(keyd_); }

keyd::v1::SignRequest KeydStack::request(unsigned i, const std::string& request_id, std::uint32_t deadline_ms) {
  const std::string body = fmt::format("{{\"n\":\"{}\"}}", request_id);
  const auto envelope = make_envelope(
      {.channel = "simulator", .taxpayer = taxpayer(i), .purpose = "apply", .request_id = request_id}, as_bytes(body));
  keyd::v1::SignRequest request;
  request.set_request(i + 1);
  request.set_request_id(request_id);
  request.set_taxpayer(taxpayer(i));
  request.set_purpose("apply");
  if (envelope) request.set_message(envelope->data(), envelope->size());
  request.set_deadline_ms(deadline_ms);
  return request;
}

bool KeydStack::verifies(const keyd::v1::SignRequest& request, const keyd::v1::SignReply& reply) {
  if (reply.has_failure() || reply.signature().size() != 64) return false;
  SignedEnvelope envelope;
  envelope.bytes.assign(request.message().begin(), request.message().end());
  std::copy(reply.signature().begin(), reply.signature().end(), envelope.signature.begin());
  envelope.certificate.assign(reply.certificate().begin(), reply.certificate().end());
  envelope.signer_id = reply.signer_id();
  envelope.key_serial = reply.key_serial();
  return verify_envelope(envelope, request.taxpayer()).has_value();
}

std::string KeydStack::state_of(unsigned i) {
  KeydClient client(socket());
  if (!client.connected()) return "no host";
  for (const auto& key : client.keys())
    if (key.serial() == serial(i)) return key.state();
  return "unknown";
}

bool KeydStack::wait_state(unsigned i, const std::string& state, std::chrono::milliseconds within) {
  for (const auto until = Clock::now() + within; Clock::now() < until; std::this_thread::sleep_for(10ms))
    if (state_of(i) == state) return true;
  ADD_FAILURE() << serial(i) << " is " << state_of(i) << ", not " << state;
  return false;
}

std::string KeydStack::keyd_log() const {
  std::ostringstream text;
  text << std::ifstream(directory_ + "/keyd.log").rdbuf();
  return text.str();
}

bool KeydStack::contains(const std::string& file, const std::string& text) {
  std::ostringstream all;
  all << std::ifstream(file).rdbuf();
  return all.str().find(text) != std::string::npos;
}

bool KeydStack::contains_anywhere(const std::string& directory, const std::string& text) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory))
    if (entry.is_regular_file() && contains(entry.path().string(), text)) return true;
  return false;
}

std::vector<pid_t> KeydStack::children(const std::string& mode, const std::string& reader) const {
  std::vector<pid_t> found;
  std::ifstream list(fmt::format("/proc/{0}/task/{0}/children", keyd_));
  for (pid_t pid = 0; list >> pid;) {
    std::ostringstream text;
    text << std::ifstream(fmt::format("/proc/{}/cmdline", pid)).rdbuf();
    const std::string line = text.str();  // NUL-separated
    if (line.find(mode + '\0') == std::string::npos) continue;
    if (reader.empty() || line.find(reader + '\0') != std::string::npos) found.push_back(pid);
  }
  return found;
}

bool KeydStack::wait_children(const std::string& mode, std::size_t count, const std::string& reader) const {
  for (const auto until = std::chrono::steady_clock::now() + 60s; std::chrono::steady_clock::now() < until;
       std::this_thread::sleep_for(5ms))
    if (children(mode, reader).size() == count) return true;
  return false;
}

}  // namespace taxgate::tests
