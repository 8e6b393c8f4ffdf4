#include "drivers/keyd/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace taxgate::keyd {

Result<Child> start_self(const std::vector<std::string>& arguments) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return fail(Errc::limit_reached, "key.host_resources", {}, {}, {}, std::strerror(errno));
  Fd ours(pair[0]), theirs(pair[1]);
  ::fcntl(ours.get(), F_SETFL, O_NONBLOCK);

  // Everything the child needs is prepared here: between fork and exec only async-signal-safe calls are allowed.
  std::vector<char*> argv;
  argv.push_back(const_cast<char*>("taxgate-keyd"));
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t host = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return fail(Errc::limit_reached, "key.host_resources", {}, {}, {}, std::strerror(errno));
  if (pid == 0) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != host) ::_exit(127);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (theirs.get() == kChannelFd) {
      ::fcntl(kChannelFd, F_SETFD, 0);
    } else if (::dup2(theirs.get(), kChannelFd) < 0) {
      ::_exit(127);
    }
    ::execv("/proc/self/exe", argv.data());
    ::_exit(127);
  }
  return Child{pid, std::move(ours)};
}

std::string how_it_ended(int status) {
  if (!WIFSIGNALED(status)) return "exit " + std::to_string(WEXITSTATUS(status));
  const char* name = ::strsignal(WTERMSIG(status));
  return "signal " + std::to_string(WTERMSIG(status)) + (name ? std::string(" (") + name + ")" : "");
}

bool die_with_parent(pid_t parent) { return ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::getppid() == parent; }

void protect_memory() {
  ::prctl(PR_SET_DUMPABLE, 0);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
}

}  // namespace taxgate::keyd
