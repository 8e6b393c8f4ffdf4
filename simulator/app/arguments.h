#pragma once
// The command line of taxgate-sim, cut into words and --options. Pure.
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error.h"

namespace taxgate::simulator::app {

class Arguments {
 public:
  /// Every option takes a value ("--dir D" or "--dir=D"), except `flags`. errors  invalid_input sim.arguments
  static Result<Arguments> parse(int argc, char** argv, std::initializer_list<std::string_view> options,
                                 std::initializer_list<std::string_view> flags = {});

  const std::vector<std::string>& words() const { return words_; }  // without the program's name
  std::string word(std::size_t i) const { return i < words_.size() ? words_[i] : std::string(); }
  std::optional<std::string> option(const std::string& name) const;  // "dir" for --dir
  bool has(const std::string& flag) const { return options_.contains(flag); }
  /// A decimal number ≥ 0. errors  invalid_input sim.arguments
  Result<std::uint64_t> number(const std::string& name, std::uint64_t otherwise) const;

 private:
  std::vector<std::string> words_;
  std::map<std::string, std::string> options_;
};

}  // namespace taxgate::simulator::app
