#pragma once
// Uevents to the programs on a virtual USB bus. Private to simulator/umockdev.
//
// umockdev has a sender of its own, which ends the process when a listener goes away at the wrong moment; here programs
// come and go all the time. A listener is a socket that the preloaded library names after a descriptor number, so two
// programs with the same number take each other's name away: keep_listeners() gives those that are there names of
// their own.
#include <string>

namespace taxgate::simulator {

class Uevents {
 public:
  /// `root`: the testbed's directory.
  explicit Uevents(std::string root) : root_(std::move(root)) {}

  /// Tells every listener that the device came or went ("add", "remove").
  void send(const std::string& action, const std::string& kernel_path, unsigned address);
  /// returns how many listeners have names of their own now
  unsigned keep_listeners();

 private:
  const std::string root_;
  unsigned kept_ = 0;
  unsigned long sequence_ = 0;
};

}  // namespace taxgate::simulator
