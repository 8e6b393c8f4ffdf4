// The layering of docs/architecture.md, held against the includes of the tree.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/tree/tree.h"

namespace taxgate::tree {
namespace {

using Layers = std::map<std::string, std::set<std::string>>;

std::string architecture() { return read(root() / "docs/architecture.md"); }

Layers layers_of(std::string_view page) {
  Layers layers;
  for (const auto& row : table(page, "Directory")) {
    auto& allowed = layers[row.at(0)];
    allowed.insert(row.at(0));
    if (row.size() > 1)
      for (const auto& name : split(row[1], ','))
        if (!trim(name).empty()) allowed.insert(trim(name));
  }
  return layers;
}

std::vector<std::string> broken_layers(const Layers& layers, const std::vector<File>& tree) {
  std::vector<std::string> broken;
  for (const auto& file : tree) {
    if (file.is_test()) continue;
    const auto room = layers.find(file.directory());
    if (room == layers.end()) {
      broken.push_back(file.path + ": its directory is not in the table");
      continue;
    }
    for (const auto& include : includes(file.text)) {
      if (!include.quoted) continue;
      const auto slash = include.name.find_last_of('/');
      const std::string from = slash == std::string::npos ? "" : include.name.substr(0, slash);
      if (!room->second.contains(from))
        broken.push_back(file.path + ":" + std::to_string(include.line) + " may not include " + include.name);
    }
  }
  return broken;
}

/// Foreign headers that a public header brings along, directly or through others. A header is public when a file of
/// another directory (tests aside) includes it.
std::vector<std::string> leaking_headers(const std::vector<std::string>& foreign, const std::vector<File>& tree) {
  std::map<std::string, const File*> by_path;
  std::set<std::string> shared;
  for (const auto& file : tree) {
    by_path[file.path] = &file;
    if (file.is_test()) continue;
    for (const auto& include : includes(file.text))
      if (include.quoted && !include.name.starts_with(file.directory() + "/")) shared.insert(include.name);
  }
  std::vector<std::string> leaks;
  for (const auto& path : shared) {
    std::set<std::string> seen{path};
    std::vector<std::string> open{path};
    while (!open.empty()) {
      const auto file = by_path.find(open.back());
      open.pop_back();
      if (file == by_path.end()) continue;  // generated
      for (const auto& include : includes(file->second->text)) {
        for (const auto& name : foreign)
          if (include.name.starts_with(name))
            leaks.push_back(path + " brings along " + include.name + " from " + file->first);
        if (include.quoted && seen.insert(include.name).second) open.push_back(include.name);
      }
    }
  }
  return leaks;
}

std::vector<std::string> homeless_headers(const std::vector<std::vector<std::string>>& homes,
                                          const std::vector<File>& tree) {
  static const std::set<std::string> impure{"chrono", "ctime",  "time.h", "fstream", "iostream", "filesystem",
                                            "random", "thread", "mutex",  "cstdio",  "unistd.h", "sys/socket.h"};
  std::vector<std::string> foreign{"boost/"};
  for (const auto& home : homes) foreign.push_back(home.at(0));
  auto broken = leaking_headers(foreign, tree);
  for (const auto& file : tree) {
    if (file.is_test()) continue;
    for (const auto& include : includes(file.text)) {
      const std::string where = file.path + ":" + std::to_string(include.line) + " includes " + include.name;
      for (const auto& home : homes)
        if (include.name.starts_with(home.at(0)) && std::ranges::none_of(split(home.at(1), ','), [&](const auto& one) {
              return file.directory() == trim(one);
            }))
          broken.push_back(where + ", which belongs into " + home.at(1));
      const bool foreign_to_law = impure.contains(include.name) || include.name.starts_with("boost/") ||
                                  include.name.find("json") != std::string::npos;
      if (file.directory() == "daemon/rules" && foreign_to_law) broken.push_back(where + ": the rules are pure");
    }
  }
  return broken;
}

std::string listed(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines) out += "\n  " + line;
  return out;
}

TEST(Layering, EveryDirectoryIsInTheTableAndIncludesOnlyWhatItMay) {
  const auto layers = layers_of(architecture());
  ASSERT_GE(layers.size(), 20U) << "the table of docs/architecture.md was not found";
  const auto broken = broken_layers(layers, sources());
  EXPECT_TRUE(broken.empty()) << listed(broken);
}

TEST(Layering, TheTableHasNoCycle) {
  const auto layers = layers_of(architecture());
  for (const auto& [room, allowed] : layers)
    for (const auto& other : allowed) {
      ASSERT_TRUE(layers.contains(other)) << room << " may include " << other << ", which is not in the table";
      if (other != room) {
        EXPECT_FALSE(layers.at(other).contains(room)) << room << " and " << other << " include each other";
      }
    }
}

TEST(Layering, ForeignHeadersStayInTheirRoomAndBoostOutOfPublicHeaders) {
  const auto homes = table(architecture(), "Header");
  ASSERT_GE(homes.size(), 3U);
  const auto broken = homeless_headers(homes, sources());
  EXPECT_TRUE(broken.empty()) << listed(broken);
}

TEST(Layering, TheCheckItselfSeesAForbiddenIncludeAndAnUnknownDirectory) {
  const Layers layers{{"a", {"a"}}, {"b", {"a", "b"}}};
  const std::vector<File> tree{{"a/x.h", "#include \"b/y.h\"\n"}, {"b/y.h", "#include \"a/x.h\"\n"}, {"c/z.h", ""}};
  EXPECT_EQ(broken_layers(layers, tree),
            (std::vector<std::string>{"a/x.h:1 may not include b/y.h", "c/z.h: its directory is not in the table"}));
  const std::vector<std::vector<std::string>> homes{{"sqlite3.h", "b"}};
  EXPECT_EQ(homeless_headers(homes, {{"a/x.cpp", "#include <sqlite3.h>\n"}}).size(), 1U) << "in another room";
  EXPECT_TRUE(homeless_headers(homes, {{"b/y.cpp", "#include <sqlite3.h>\n"}}).empty());
  EXPECT_EQ(homeless_headers(homes, {{"b/y.h", "#include \"b/z.h\"\n"},
                                     {"b/z.h", "#include <sqlite3.h>\n"},
                                     {"a/x.cpp", "#include \"b/y.h\"\n"}}),
            (std::vector<std::string>{"b/y.h brings along sqlite3.h from b/z.h"}));
  EXPECT_EQ(
      homeless_headers({}, {{"b/y.h", "#include <boost/asio.hpp>\n"}, {"a/x.cpp", "#include \"b/y.h\"\n"}}).size(), 1U);
  EXPECT_TRUE(
      homeless_headers({}, {{"a/x.h", "#include <boost/asio.hpp>\n"}, {"a/x.cpp", "#include \"a/x.h\"\n"}}).empty())
      << "a header of the room's own";
  EXPECT_EQ(homeless_headers({}, {{"daemon/rules/x.cpp", "#include <chrono>\n"}}).size(), 1U);
}

}  // namespace
}  // namespace taxgate::tree
