#include "simulator/app/arguments.h"

#include <algorithm>
#include <charconv>

namespace taxgate::simulator::app {

Result<Arguments> Arguments::parse(int argc, char** argv, std::initializer_list<std::string_view> options,
                                   std::initializer_list<std::string_view> flags) {
  Arguments out;
  for (int i = 1; i < argc; ++i) {
    std::string_view text = argv[i];
    if (!text.starts_with("--")) {
      out.words_.emplace_back(text);
      continue;
    }
    text.remove_prefix(2);
    const auto equals = text.find('=');
    const std::string name(text.substr(0, equals));
    if (std::ranges::find(flags, name) != flags.end() && equals == std::string_view::npos) {
      out.options_[name] = "";
      continue;
    }
    const bool known = std::ranges::find(options, name) != options.end(), given = equals != std::string_view::npos;
    if (!known || (!given && i + 1 == argc)) return fail(Errc::invalid_input, "sim.arguments", "--" + name);
    out.options_[name] = given ? std::string(text.substr(equals + 1)) : argv[++i];
  }
  return out;
}

std::optional<std::string> Arguments::option(const std::string& name) const {
  const auto at = options_.find(name);
  return at == options_.end() ? std::nullopt : std::optional(at->second);
}

Result<std::uint64_t> Arguments::number(const std::string& name, std::uint64_t otherwise) const {
  const auto text = option(name);
  if (!text) return otherwise;
  std::uint64_t value = 0;
  const auto [end, bad] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (bad != std::errc() || end != text->data() + text->size() || text->empty())
    return fail(Errc::invalid_input, "sim.arguments", "--" + name, *text);
  return value;
}

}  // namespace taxgate::simulator::app
