#pragma once
// A test that kills: its own program started again as the victim, which dies by SIGKILL at the k-th step or comes to
// its end. The victim learns its order from the environment and never reaches the tests.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

namespace taxgate::store {

/// In the victim: directory and k of its order; nullopt in every other process.
inline std::optional<std::pair<std::string, long>> victims_order(const char* variable) {
  const char* order = std::getenv(variable);
  if (order == nullptr) return std::nullopt;
  const std::string text = order;
  const auto blank = text.rfind(' ');
  return std::pair{text.substr(0, blank), std::stol(text.substr(blank + 1))};
}

/// True when the victim was killed; false when it came to its end.
inline bool run_victim(const char* variable, const std::string& directory, long k) {
  const std::string order = std::string(variable) + "=" + directory + " " + std::to_string(k);
  const pid_t child = ::fork();
  if (child == 0) {
    const int quiet = ::open("/dev/null", O_WRONLY);
    ::dup2(quiet, STDOUT_FILENO);
    ::dup2(quiet, STDERR_FILENO);
    char* const argv[] = {const_cast<char*>("victim"), nullptr};
    char* const envp[] = {const_cast<char*>(order.c_str()), nullptr};
    ::execve("/proc/self/exe", argv, envp);
    ::_exit(127);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0) << "status " << status;
  return WIFSIGNALED(status);
}

}  // namespace taxgate::store
