#pragma once
// The billing server's side of the demo: what it submitted, what it was told, and the live lines of the day.
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "simulator/stand/stand.h"

namespace taxgate::simulator {

struct Entry {
  const sample::SampleCase* c = nullptr;
  std::string id;  // of the submission, or of our answer to a raised form
  std::string form_uuid;
  std::string state = "not yet submitted";  // as the events told it
  std::string trouble;                      // what was staged: "time-out after arrival"
  std::string expected;                     // issued, void, refused, attention, done
  std::string refusal;                      // the rule that refused it
  bool acted = false;                       // revoke / platform void was done
};

class Day {
 public:
  Day(Stand& stand, bool quiet) : stand_(stand), quiet_(quiet), began_(std::chrono::steady_clock::now()) {}

  /// One line: seconds since the start, what, which.
  void say(const std::string& what, const std::string& text);
  void add(Entry entry) { entries_.push_back(std::move(entry)); }
  std::vector<Entry>& entries() { return entries_; }
  /// Submits, tells, remembers; a refusal by the rules is an answer too.
  void submit(Entry& entry);
  /// Events of entry.id are this entry's from now on.
  void track(const Entry& entry) { by_id_[entry.id] = static_cast<std::size_t>(&entry - entries_.data()); }
  /// Reads new events (waiting up to `wait`), tells state changes, updates entries.
  void hear(std::chrono::milliseconds wait);
  bool hear_until(const std::function<bool()>& done, std::chrono::milliseconds within);
  bool settled(const Entry& entry) const;
  double seconds() const;
  int accepted() const { return accepted_; }
  int repeated() const { return repeated_; }

 private:
  Stand& stand_;
  bool quiet_;
  std::chrono::steady_clock::time_point began_;
  std::vector<Entry> entries_;
  std::map<std::string, std::size_t> by_id_;
  std::string cursor_;
  int accepted_ = 0, repeated_ = 0;
};

}  // namespace taxgate::simulator
