#pragma once
// docs/promises.md: one row per promise, the tests that hold it, and whether they exist and ran.
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace taxgate::tree {

struct Promise {
  std::string promise;
  std::vector<std::string> tests;     // "Suite.Name"
  std::vector<std::string> commands;  // "./run bench accept": shown by a command instead of a test
  std::string broken;                 // what was broken to see the tests fail
  std::string state;                  // "proved", "partly", "not yet"
};
std::vector<Promise> promises(std::string_view markdown);

/// What is wrong with the table itself; `known` are the tests that stand in the tree.
std::vector<std::string> faults(const std::vector<Promise>& promises, const std::set<std::string>& known);

/// "Suite.Name" of every TEST, TEST_F, TEST_P and TYPED_TEST in a C++ text.
std::set<std::string> tests_in(std::string_view source);
std::set<std::string> tests_in_tree();

/// "Suite.Name" of each test that ran and passed, from gtest's XML; parameters are dropped from both names. A test that
/// failed or was skipped in any of its instances is left out.
void read_results(std::string_view xml, std::set<std::string>& passed, std::set<std::string>& failed);

/// Prints the table's figures and every named test that did not run and pass in `directory`; 0 when there is none.
int check_promises_ran(const std::filesystem::path& directory);

}  // namespace taxgate::tree
