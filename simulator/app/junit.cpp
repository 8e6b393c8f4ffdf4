#include "simulator/app/junit.h"

#include <algorithm>

#include <fmt/format.h>

#include "simulator/device/state_file.h"

namespace taxgate::simulator::app {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        // XML 1.0 has no way to write the other control characters.
        out += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? '?' : c;
    }
  }
  return out;
}

}  // namespace

std::string junit_xml(std::string_view suite, const std::vector<JunitCase>& cases, std::string_view output) {
  const auto failures = std::ranges::count(cases, false, &JunitCase::passed);
  std::string out =
      fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\">\n",
                  escaped(suite), cases.size(), failures);
  for (const auto& c : cases) {
    out += fmt::format("  <testcase classname=\"{}\" name=\"{}\"", escaped(suite), escaped(c.name));
    out += c.passed ? "/>\n" : fmt::format("><failure message=\"{}\"/></testcase>\n", escaped(c.what));
  }
  return out + fmt::format("  <system-out>{}</system-out>\n</testsuite>\n", escaped(output));
}

Result<void> write_junit(const std::string& path, std::string_view suite, const std::vector<JunitCase>& cases,
                         std::string_view output) {
  return write_file_atomically(path, junit_xml(suite, cases, output), 0644);
}

}  // namespace taxgate::simulator::app
