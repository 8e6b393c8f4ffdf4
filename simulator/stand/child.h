#pragma once
// A child process of the stand: started with its own log file, dies with us, always reaped.
// Thread: one owner. The kernel kills it when the *thread* that started it ends (PDEATHSIG).
#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "protocol/error.h"

namespace taxgate::simulator {

class Child {
 public:
  Child() = default;
  ~Child();  // SIGKILL
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// environment: "NAME=value", added to ours. stdout and stderr are appended to `log`.
  /// errors  retry_later sim.child_start (field = program)
  Result<void> start(const std::vector<std::string>& command, const std::vector<std::string>& environment,
                     const std::string& log);
  bool running();  // reaps when it has ended
  pid_t pid() const { return pid_; }
  int exit_status() const { return status_; }  // as waitpid gave it, once it has ended
  void kill();                                 // SIGKILL, reaped when this returns
  /// SIGTERM, then SIGKILL after `grace`. True when it ended by itself.
  bool stop(std::chrono::milliseconds grace = std::chrono::seconds(5));
  void signal(int number);
  bool wait(std::chrono::milliseconds within);  // true: it has ended

 private:
  pid_t pid_ = -1;
  int status_ = 0;
};

}  // namespace taxgate::simulator
