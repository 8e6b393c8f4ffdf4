#pragma once
// A JUnit report, as CI systems read it.
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error.h"

namespace taxgate::simulator::app {

struct JunitCase {
  std::string name;
  bool passed = false;
  std::string what;  // shown when it failed
};

std::string junit_xml(std::string_view suite, const std::vector<JunitCase>& cases, std::string_view output);
/// errors  retry_later sim.state_io
Result<void> write_junit(const std::string& path, std::string_view suite, const std::vector<JunitCase>& cases,
                         std::string_view output);

}  // namespace taxgate::simulator::app
