#pragma once
// A command line run as a person would run it.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

namespace taxgate::tests {

struct Ran {
  int exit = -1;
  std::string out;  // standard output and error, as they came
};

/// A redirection of the command's own goes before: what it sends elsewhere is not in `out`.
inline Ran run_in_shell(const std::string& command) {
  Ran ran;
  std::FILE* pipe = ::popen(("{ " + command + "\n} 2>&1").c_str(), "re");
  if (pipe == nullptr) return ran;
  std::array<char, 4096> buffer{};
  while (const auto n = std::fread(buffer.data(), 1, buffer.size(), pipe)) ran.out.append(buffer.data(), n);
  const int status = ::pclose(pipe);
  ran.exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

}  // namespace taxgate::tests
