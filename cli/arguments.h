#pragma once
// The command line as data: which commands there are, what each takes, and what the person gave. No I/O.
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error.h"

namespace taxgate::cli {

struct Option {
  std::string_view name;   // "--seller"
  std::string_view value;  // "ID"; empty: a flag
  std::string_view help, help_zh;
};

struct Given {
  std::string command;  // "submit", "caller add"; empty: none
  std::vector<std::string> positionals;
  std::multimap<std::string, std::string, std::less<>> options;  // flags have an empty value

  bool has(std::string_view name) const { return options.contains(name); }
  /// The last value given, or `otherwise`.
  std::string value(std::string_view name, std::string_view otherwise = {}) const;
  std::vector<std::string> values(std::string_view name) const;
};

/// What one command takes. `positionals`: names, "ID"; in brackets when it may be left out, "[FILE]".
struct Syntax {
  std::string_view command;
  std::span<const std::string_view> positionals;
  std::span<const Option> options;
};

/// Options stand anywhere, as "--name value" or "--name=value"; "--" ends them; "-" is a positional.
/// errors  invalid_input cli.unknown_command, cli.unknown_option, cli.option_value, cli.missing_argument,
/// cli.extra_argument
Result<Given> read_arguments(std::span<const char* const> words, std::span<const Syntax> commands,
                             std::span<const Option> everywhere);

}  // namespace taxgate::cli
