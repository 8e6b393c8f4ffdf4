#include "simulator/vpcd/private_pcscd.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <thread>

#include <fmt/format.h>

namespace taxgate::simulator {
namespace fs = std::filesystem;
namespace {

using namespace std::chrono_literals;

constexpr auto kStopGrace = 2s;  // pcscd joins its poll threads (400 ms each) before it ends
constexpr auto kReadyPoll = 5ms;
constexpr std::uint16_t kFirstPort = 10'000;  // well-known services are below
constexpr int kPortAttempts = 200;  // free neighbouring pairs are common; this many misses means something is wrong
constexpr int kStartAttempts = 3;   // somebody else may take a port between our choice and pcscd's bind

/// The first port the kernel gives to whoever asks for any: to outgoing connections and to listeners without a wish.
std::uint16_t first_given_port() {
  unsigned first = 0;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> first;
  return first > kFirstPort + 2 * kPortAttempts && first <= 65535 ? static_cast<std::uint16_t>(first) : 65535;
}

/// A port that nobody listens on, with its upper neighbour; 0 when this attempt missed. Below those the kernel gives:
/// while pcscd restarts an outgoing connection could take one of ours, and a card that dials a port without a listener
/// is given that very port for its own end sooner or later, meets itself and keeps pcscd out.
std::uint16_t try_port_pair() {
  const auto bound = [](std::uint16_t port, std::uint16_t& got) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_ANY);
    socklen_t size = sizeof at;
    const bool ok = fd >= 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0 &&
                    ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) == 0;
    got = ntohs(at.sin_port);
    if (!ok && fd >= 0) ::close(fd);
    return ok ? fd : -1;
  };
  static thread_local std::minstd_rand random{std::random_device{}()};
  std::uniform_int_distribution<unsigned> any(kFirstPort, first_given_port() - 2U);
  std::uint16_t first = 0, second = 0;
  const int a = bound(static_cast<std::uint16_t>(any(random)), first);
  if (a < 0) return 0;
  const int b = bound(static_cast<std::uint16_t>(first + 1), second);
  ::close(a);
  if (b < 0) return 0;
  ::close(b);
  return first;
}

/// Inodes of listening TCP sockets by port, from the kernel's table (a probe by connect would look like a card).
std::set<std::string> listening_inodes(const std::set<std::uint16_t>& ports) {
  std::set<std::string> out;
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream in(table);
    std::string line;
    std::getline(in, line);
    while (std::getline(in, line)) {
      std::istringstream words(line);
      std::string slot, local, remote, state, skip, inode;
      words >> slot >> local >> remote >> state;
      for (int i = 0; i < 5; ++i) words >> skip;
      words >> inode;
      const auto colon = local.rfind(':');
      if (state != "0A" || colon == std::string::npos) continue;
      const auto port = static_cast<std::uint16_t>(std::strtoul(local.c_str() + colon + 1, nullptr, 16));
      if (ports.contains(port)) out.insert("socket:[" + inode + "]");
    }
  }
  return out;
}

/// How many of these ports `pid` itself listens on.
std::size_t listening(pid_t pid, const std::set<std::uint16_t>& ports) {
  const auto inodes = listening_inodes(ports);
  std::size_t found = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(fmt::format("/proc/{}/fd", pid), ignored))
    found += inodes.contains(fs::read_symlink(entry.path(), ignored).string()) ? 1 : 0;
  return found;
}

bool answers(const std::string& socket_path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::memcpy(at.sun_path, socket_path.c_str(), std::min(socket_path.size() + 1, sizeof at.sun_path - 1));
  const bool ok = ::connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
  ::close(fd);
  return ok;
}

/// What the child reports through its pipe before exec replaces it; nothing when exec worked.
struct ChildFailure {
  enum Step : int { user_namespace, mount_namespace, mount, exec } step;
  int error;
};

bool write_once(const char* path, const char* text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const auto size = static_cast<ssize_t>(std::strlen(text));
  const bool ok = ::write(fd, text, static_cast<std::size_t>(size)) == size;
  ::close(fd);
  return ok;
}

/// Runs in the forked child: system calls only, everything else was prepared before the fork.
[[noreturn]] void become_pcscd(char* const* arguments, int report, int log, pid_t parent, const char* uid_map,
                               const char* gid_map) {
  const auto give_up = [report](ChildFailure::Step step) {
    const ChildFailure failure{step, errno};
    (void)!::write(report, &failure, sizeof failure);
    ::_exit(127);
  };
  if (uid_map) {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) give_up(ChildFailure::user_namespace);
    if (!write_once("/proc/self/setgroups", "deny") || !write_once("/proc/self/uid_map", uid_map) ||
        !write_once("/proc/self/gid_map", gid_map))
      give_up(ChildFailure::user_namespace);
  } else if (::unshare(CLONE_NEWNS) != 0) {
    give_up(ChildFailure::mount_namespace);
  }
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) give_up(ChildFailure::mount);
  // Over the whole of /run: /run/pcscd exists only where a pcscd is installed and has run, and pcscd then finds no
  // udev.
  if (::mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m") != 0) give_up(ChildFailure::mount);
  if (::mkdir("/run/pcscd", 0755) != 0) give_up(ChildFailure::mount);

  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null >= 0) ::dup2(null, STDIN_FILENO);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // last: a change of credentials clears it
  if (::getppid() != parent) ::_exit(0);
  ::execv(arguments[0], arguments);
  give_up(ChildFailure::exec);
  ::_exit(127);
}

}  // namespace

PrivatePcscd::PrivatePcscd(Options options)
    : options_(std::move(options)), socket_(options_.directory + "/pcscd.comm") {}
PrivatePcscd::~PrivatePcscd() { stop(); }

Result<std::unique_ptr<PrivatePcscd>> PrivatePcscd::start(const Options& options) {
  if (options.readers == 0 || options.readers > kMaxReaders)
    return fail(Errc::invalid_input, "sim.pcscd_options", "readers", fmt::to_string(options.readers), "1 to 8");
  if (!fs::path(options.directory).is_absolute() || !fs::is_directory(options.directory))
    return fail(Errc::invalid_input, "sim.pcscd_options", "directory", options.directory, "an existing absolute path");
  if (options.directory.size() + sizeof "/pcscd.comm" > sizeof sockaddr_un::sun_path)
    return fail(Errc::invalid_input, "sim.pcscd_options", "directory", options.directory, "at most 96 characters");
  for (const auto& file : {options.pcscd, options.vpcd_library})
    if (!fs::exists(file)) return fail(Errc::retry_later, "sim.pcscd_missing", file);

  std::unique_ptr<PrivatePcscd> out(new PrivatePcscd(options));
  for (int attempt = 1;; ++attempt) {
    if (auto ports = out->choose_ports(); !ports) return std::unexpected(ports.error());
    auto started = out->restart();
    if (started) return out;
    if (attempt == kStartAttempts || started.error().id != "sim.pcscd_start") return std::unexpected(started.error());
  }
}

Result<void> PrivatePcscd::choose_ports() {
  slots_.clear();
  std::set<std::uint16_t> taken;
  for (unsigned reader = 0; reader < options_.readers; ++reader) {
    std::uint16_t port = 0;
    for (int i = 0; i < kPortAttempts && port == 0; ++i) {
      port = try_port_pair();
      if (taken.contains(port) || taken.contains(static_cast<std::uint16_t>(port + 1))) port = 0;
    }
    if (port == 0) return fail(Errc::retry_later, "sim.pcscd_start", {}, {}, {}, "no two free neighbouring TCP ports");
    for (unsigned slot = 0; slot < 2; ++slot) {
      taken.insert(static_cast<std::uint16_t>(port + slot));
      // pcscd numbers readers of different names all 00; the second number is the slot.
      slots_.push_back({fmt::format("Taxgate virtual reader {} 00 {:02X}", reader + 1, slot),
                        static_cast<std::uint16_t>(port + slot)});
    }
  }
  return {};
}

Result<void> PrivatePcscd::write_configuration() const {
  const std::string dir = options_.directory + "/reader.conf.d";
  std::error_code failed;
  fs::create_directories(dir, failed);
  std::ofstream conf(dir + "/readers", std::ios::trunc);
  for (unsigned reader = 0; reader < options_.readers && !failed; ++reader) {
    // Two readers that share one LIBPATH corrupt each other: every reader gets its own copy.
    const std::string library = fmt::format("{}/libifdvpcd-{}.so", options_.directory, reader + 1);
    fs::copy_file(options_.vpcd_library, library, fs::copy_options::overwrite_existing, failed);
    const auto port = slots_[reader * 2].port;
    conf << fmt::format(
        "FRIENDLYNAME \"Taxgate virtual reader {}\"\nDEVICENAME /dev/null:0x{:04X}\nLIBPATH {}\nCHANNELID 0x{:04X}\n\n",
        reader + 1, port, library, port);
  }
  conf.close();
  if (failed || !conf) return fail(Errc::retry_later, "sim.state_io", dir, {}, {}, failed.message());
  return {};
}

Result<void> PrivatePcscd::restart() {
  stop();
  if (auto r = write_configuration(); !r) return r;
  if (auto r = spawn(); !r) return r;
  auto ready = wait_until_ready();
  if (!ready) stop();
  return ready;
}

Result<void> PrivatePcscd::spawn() {
  std::vector<std::string> words{options_.pcscd, "--foreground", "--config", options_.directory + "/reader.conf.d"};
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const std::string uid_map = fmt::format("0 {} 1", ::geteuid()), gid_map = fmt::format("0 {} 1", ::getegid());
  const bool root = ::geteuid() == 0;

  const int log = ::open((options_.directory + "/pcscd.log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  std::array<int, 2> pipe{-1, -1};
  if (log < 0 || ::pipe2(pipe.data(), O_CLOEXEC) != 0) {
    const int error = errno;
    if (log >= 0) ::close(log);
    return fail(Errc::retry_later, "sim.state_io", options_.directory, {}, {}, std::strerror(error));
  }
  const pid_t parent = ::getpid();
  // Not fork(): the child makes system calls only, and handlers run at a fork may start threads (a sanitizer does),
  // with which the kernel grants no user namespace.
  pid_ = ::_Fork();
  if (pid_ == 0)
    become_pcscd(arguments.data(), pipe[1], log, parent, root ? nullptr : uid_map.c_str(), gid_map.c_str());
  const int fork_error = errno;
  ::close(log);
  ::close(pipe[1]);
  ChildFailure failure{};
  ssize_t got = 0;
  while (pid_ > 0 && (got = ::read(pipe[0], &failure, sizeof failure)) < 0 && errno == EINTR) {
  }
  ::close(pipe[0]);
  if (pid_ < 0) return fail(Errc::retry_later, "sim.pcscd_start", {}, {}, {}, std::strerror(fork_error));
  if (got != sizeof failure) return {};  // exec closed the pipe
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
  const char* why = std::strerror(failure.error);
  if (failure.step == ChildFailure::exec)
    return fail(Errc::retry_later, "sim.pcscd_start", options_.pcscd, {}, {}, why);
  return fail(Errc::retry_later, "sim.pcscd_namespace", root ? "mount namespace" : "user namespace", {}, {}, why);
}

Result<void> PrivatePcscd::wait_until_ready() {
  const std::string real_socket = fmt::format("/proc/{}/root/run/pcscd/pcscd.comm", pid_);
  std::error_code failed;
  fs::remove(socket_ + ".new", failed);
  fs::create_symlink(real_socket, socket_ + ".new", failed);
  fs::rename(socket_ + ".new", socket_, failed);
  if (failed) return fail(Errc::retry_later, "sim.state_io", socket_, {}, {}, failed.message());
  std::set<std::uint16_t> ports;
  for (const auto& slot : slots_) ports.insert(slot.port);
  const auto until = std::chrono::steady_clock::now() + options_.ready_within;
  for (;;) {
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      return fail(Errc::retry_later, "sim.pcscd_start", {}, {}, {}, last_log_line());
    }
    if (listening(pid_, ports) == ports.size() && answers(socket_)) return {};
    if (std::chrono::steady_clock::now() > until)
      return fail(Errc::retry_later, "sim.pcscd_start", "ready_within", {}, {}, last_log_line());
    std::this_thread::sleep_for(kReadyPoll);
  }
}

void PrivatePcscd::stop() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGTERM);
  const auto until = std::chrono::steady_clock::now() + kStopGrace;
  while (::waitpid(pid_, nullptr, WNOHANG) != pid_) {
    if (std::chrono::steady_clock::now() > until) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      break;
    }
    std::this_thread::sleep_for(kReadyPoll);
  }
  pid_ = -1;
}

std::string PrivatePcscd::last_log_line() const {
  std::ifstream log(options_.directory + "/pcscd.log");
  std::string line, last = "no log";
  while (std::getline(log, line))
    if (!line.empty()) last = line;
  return last;
}

}  // namespace taxgate::simulator
