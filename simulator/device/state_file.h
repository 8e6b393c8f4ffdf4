#pragma once
// What a virtual device keeps without power: "key=value" lines, replaced as a whole. Values hold no line breaks.
#include <map>
#include <string>
#include <string_view>

#include "protocol/error.h"

namespace taxgate::simulator {

/// Writes beside `path` and renames, so that a killed simulator leaves the old file or the new one, never a half. Not
/// fsync'ed: the promise is to survive a killed process, not a power cut of the machine that simulates.
/// errors  retry_later sim.state_io (field = path)
Result<void> write_file_atomically(const std::string& path, std::string_view content, unsigned mode);

class StateFile {
 public:
  /// errors  retry_later sim.state_io, corrupt sim.state_format
  static Result<StateFile> load(const std::string& path);
  Result<void> save(const std::string& path) const;  // mode 0600

  void set(const std::string& key, std::string value) { values_[key] = std::move(value); }
  std::string get(const std::string& key) const;           // absent: empty
  unsigned long get_number(const std::string& key) const;  // absent or not a number: 0

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace taxgate::simulator
