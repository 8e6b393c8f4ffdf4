#include "simulator/app/junit.h"

#include <algorithm>

#include <fmt/format.h>

#include "protocol/text.h"
#include "simulator/device/state_file.h"

namespace taxgate::simulator::app {
std::string junit_xml(std::string_view suite, const std::vector<JunitCase>& cases, std::string_view output) {
  const auto failures = std::ranges::count(cases, false, &JunitCase::passed);
  std::string out =
      fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\">\n",
                  xml_escaped(suite), cases.size(), failures);
  for (const auto& c : cases) {
    out += fmt::format("  <testcase classname=\"{}\" name=\"{}\"", xml_escaped(suite), xml_escaped(c.name));
    out += c.passed ? "/>\n" : fmt::format("><failure message=\"{}\"/></testcase>\n", xml_escaped(c.what));
  }
  return out + fmt::format("  <system-out>{}</system-out>\n</testsuite>\n", xml_escaped(output));
}

Result<void> write_junit(const std::string& path, std::string_view suite, const std::vector<JunitCase>& cases,
                         std::string_view output) {
  return write_file_atomically(path, junit_xml(suite, cases, output), 0644);
}

}  // namespace taxgate::simulator::app
