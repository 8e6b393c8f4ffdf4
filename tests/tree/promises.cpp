#include "tests/tree/promises.h"

#include <fmt/format.h>

#include <map>

#include "tests/tree/tree.h"

namespace taxgate::tree {
namespace {

std::string attribute(const std::string& tag, std::string_view name) {
  const std::string open = " " + std::string(name) + "=\"";
  const auto begin = tag.find(open);
  if (begin == std::string::npos) return {};
  const auto value = begin + open.size();
  return tag.substr(value, tag.find('"', value) - value);
}

// gtest writes "Instance/Suite" and "Name/3" for parameters, "Suite/0" for typed tests.
std::string bare_name(std::string suite, std::string name) {
  static const Pattern typed("/[0-9]+$");
  if (const auto match = typed.search(suite); !match.empty()) suite.resize(suite.size() - match[0].size());
  if (const auto slash = suite.find('/'); slash != std::string::npos) suite = suite.substr(slash + 1);
  return suite + "." + name.substr(0, name.find('/'));
}

}  // namespace

std::vector<Promise> promises(std::string_view markdown) {
  std::vector<Promise> found;
  static const Pattern quoted("`([^`]+)`");
  std::size_t from = 0;
  // One table per part of the page, each with the same heading.
  while ((from = markdown.find("| Promise |", from)) != std::string_view::npos) {
    for (const auto& row : table(markdown.substr(from), "Promise")) {
      Promise promise{.promise = row.at(0), .tests = {}, .commands = {}, .broken = {}, .state = {}};
      if (row.size() > 1)
        for (const auto& match : quoted.all(row[1])) {
          const std::string name(match[1]);
          (name.starts_with("./run") ? promise.commands : promise.tests).push_back(name);
        }
      if (row.size() > 2) promise.broken = row[2];
      if (row.size() > 3) promise.state = row[3];
      found.push_back(std::move(promise));
    }
    ++from;
  }
  return found;
}

std::vector<std::string> faults(const std::vector<Promise>& promises, const std::set<std::string>& known) {
  std::vector<std::string> wrong;
  for (const auto& p : promises) {
    if (p.state != "proved" && p.state != "partly" && p.state != "not yet")
      wrong.push_back(fmt::format("\"{}\": the state is proved, partly or not yet, not \"{}\"", p.promise, p.state));
    if (p.state == "proved" && p.tests.empty() && p.commands.empty())
      wrong.push_back(fmt::format("\"{}\" is called proved and names no test", p.promise));
    if (p.state == "proved" && p.broken.empty())
      wrong.push_back(fmt::format("\"{}\" is called proved and nobody saw its tests fail", p.promise));
    for (const auto& test : p.tests)
      if (!known.contains(test))
        wrong.push_back(fmt::format("\"{}\" names {}, which is not in the tree", p.promise, test));
  }
  return wrong;
}

std::set<std::string> tests_in(std::string_view source) {
  static const Pattern macro(R"(\b(TEST|TEST_F|TEST_P|TYPED_TEST|TYPED_TEST_P)\s*\(\s*(\w+)\s*,\s*(\w+)\s*\))");
  std::set<std::string> names;
  for (const auto& match : macro.all(source)) names.insert(std::string(match[2]) + "." + std::string(match[3]));
  return names;
}

std::set<std::string> tests_in_tree() {
  std::set<std::string> names;
  for (const auto& file : sources())
    if (file.is_test()) names.merge(tests_in(without_comments(file.text)));
  return names;
}

void read_results(std::string_view xml, std::set<std::string>& passed, std::set<std::string>& failed) {
  std::string open;  // the test case whose end has not come yet
  bool open_ok = true;
  const auto close = [&] {
    if (!open.empty()) (open_ok ? passed : failed).insert(open);
    open.clear();
  };
  for (const auto& line : split(xml, '\n')) {
    const std::string bare = trim(line);
    if (bare.starts_with("<testcase ")) {
      close();
      open = bare_name(attribute(bare, "classname"), attribute(bare, "name"));
      open_ok = attribute(bare, "status") == "run" && attribute(bare, "result") == "completed";
      if (bare.ends_with("/>")) close();
    } else if (bare.starts_with("<failure") || bare.starts_with("<skipped")) {
      open_ok = false;
    } else if (bare.starts_with("</testcase>")) {
      close();
    }
  }
  close();
  for (const auto& name : failed) passed.erase(name);
}

int check_promises_ran(const std::filesystem::path& directory) {
  std::set<std::string> passed, failed;
  if (std::filesystem::exists(directory))
    for (const auto& entry : std::filesystem::directory_iterator(directory))
      if (entry.path().extension() == ".xml") read_results(read(entry.path()), passed, failed);

  std::map<std::string, int> states;
  int missing = 0;
  for (const auto& p : promises(read(root() / "docs/promises.md"))) {
    ++states[p.state];
    for (const auto& test : p.tests)
      if (!passed.contains(test)) {
        ++missing;
        fmt::print("{}: {} ({})\n", failed.contains(test) ? "failed" : "did not run", test, p.promise);
      }
  }
  fmt::print("{} tests passed in {}; promises: {} proved, {} partly, {} not yet; {} named tests without a pass\n",
             passed.size(), directory.filename().string(), states["proved"], states["partly"], states["not yet"],
             missing);
  return missing == 0 ? 0 : 1;
}

}  // namespace taxgate::tree
