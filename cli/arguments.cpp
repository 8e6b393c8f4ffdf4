#include "cli/arguments.h"

#include <algorithm>

namespace taxgate::cli {
namespace {

const Option* find_option(std::span<const Option> options, std::string_view name) {
  const auto it = std::ranges::find(options, name, &Option::name);
  return it == options.end() ? nullptr : &*it;
}

// "caller add" before "caller": the longest command that the first words spell.
const Syntax* find_command(std::span<const std::string> words, std::span<const Syntax> commands, std::size_t& used) {
  for (used = 2; used > 0; --used) {
    if (words.size() < used) continue;
    const std::string name = used == 2 ? words[0] + " " + words[1] : words[0];
    const auto it = std::ranges::find(commands, name, &Syntax::command);
    if (it != commands.end()) return &*it;
  }
  return nullptr;
}

}  // namespace

std::string Given::value(std::string_view name, std::string_view otherwise) const {
  const auto [from, to] = options.equal_range(name);
  return from == to ? std::string(otherwise) : std::prev(to)->second;
}

std::vector<std::string> Given::values(std::string_view name) const {
  std::vector<std::string> all;
  const auto [from, to] = options.equal_range(name);
  for (auto it = from; it != to; ++it) all.push_back(it->second);
  return all;
}

Result<Given> read_arguments(std::span<const char* const> words, std::span<const Syntax> commands,
                             std::span<const Option> everywhere) {
  // Which option takes a value must be known before the command is: every option name means one thing in all commands.
  const auto any_option = [&](std::string_view name) -> const Option* {
    if (const auto* option = find_option(everywhere, name)) return option;
    for (const auto& command : commands)
      if (const auto* option = find_option(command.options, name)) return option;
    return nullptr;
  };

  Given given;
  std::vector<std::string> plain;
  bool only_plain = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (only_plain || !word.starts_with("--")) {
      plain.emplace_back(word);
      continue;
    }
    if (word == "--") {
      only_plain = true;
      continue;
    }
    const auto equals = word.find('=');
    const std::string name(word.substr(0, equals));
    const Option* option = any_option(name);
    if (option == nullptr) return fail(Errc::invalid_input, "cli.unknown_option", {}, name);
    if (option->value.empty()) {
      if (equals != std::string_view::npos) return fail(Errc::invalid_input, "cli.option_value", name, name);
      given.options.emplace(name, "");
    } else if (equals != std::string_view::npos) {
      given.options.emplace(name, word.substr(equals + 1));
    } else if (i + 1 < words.size()) {
      given.options.emplace(name, words[++i]);
    } else {
      return fail(Errc::invalid_input, "cli.option_value", name, name, std::string(option->value));
    }
  }

  if (plain.empty()) return given;
  std::size_t used = 0;
  const Syntax* syntax = find_command(plain, commands, used);
  if (syntax == nullptr) return fail(Errc::invalid_input, "cli.unknown_command", {}, plain.front());
  given.command = syntax->command;
  given.positionals.assign(plain.begin() + static_cast<std::ptrdiff_t>(used), plain.end());

  for (const auto& [name, value] : given.options)
    if (find_option(everywhere, name) == nullptr && find_option(syntax->options, name) == nullptr)
      return fail(Errc::invalid_input, "cli.unknown_option", given.command, name);
  for (std::size_t i = given.positionals.size(); i < syntax->positionals.size(); ++i)
    if (!syntax->positionals[i].starts_with('['))
      return fail(Errc::invalid_input, "cli.missing_argument", given.command, std::string(syntax->positionals[i]));
  if (given.positionals.size() > syntax->positionals.size())
    return fail(Errc::invalid_input, "cli.extra_argument", given.command,
                given.positionals[syntax->positionals.size()]);
  return given;
}

}  // namespace taxgate::cli
