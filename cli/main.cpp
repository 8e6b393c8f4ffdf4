// taxgate: the command line, a client of the local API (docs/cli.md).
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "cli/commands.h"
#include "daemon/core/files.h"

namespace taxgate::cli {
namespace {

// Where the unit's RuntimeDirectory puts it; --socket and $TAXGATE_SOCKET name any other place.
constexpr std::string_view kDefaultSocket = "/run/taxgate/api.sock";
constexpr std::size_t kMaxToken = 4096;

std::string option_or_environment(const Given& given, std::string_view option, const char* variable) {
  if (given.has(option)) return given.value(option);
  const char* value = std::getenv(variable);
  return value == nullptr ? std::string() : std::string(value);
}

Result<Endpoint> endpoint_of(const Given& given) {
  const std::string url = given.has("--socket") ? std::string() : option_or_environment(given, "--url", "TAXGATE_URL");
  if (url.empty()) {
    Endpoint endpoint;
    endpoint.socket = option_or_environment(given, "--socket", "TAXGATE_SOCKET");
    if (endpoint.socket.empty()) endpoint.socket = kDefaultSocket;
    return endpoint;
  }
  auto endpoint = parse_url(url);
  if (!endpoint) return endpoint;
  if (endpoint->tls) {
    endpoint->tls = ClientTls{.ca = option_or_environment(given, "--ca", "TAXGATE_CA"),
                              .certificate = option_or_environment(given, "--certificate", "TAXGATE_CERTIFICATE"),
                              .private_key = option_or_environment(given, "--private-key", "TAXGATE_PRIVATE_KEY")};
    if (endpoint->tls->certificate.empty() || endpoint->tls->private_key.empty())
      return fail(Errc::invalid_input, "cli.missing_argument", "--url", "--certificate FILE, --private-key FILE");
    return endpoint;
  }
  const std::string file = option_or_environment(given, "--token-file", "TAXGATE_TOKEN_FILE");
  if (file.empty()) return fail(Errc::invalid_input, "cli.missing_argument", "--url", "--token-file FILE");
  auto token = read_file(file, kMaxToken);
  if (!token) return std::unexpected(token.error());
  while (!token->empty() && (token->back() == '\n' || token->back() == '\r')) token->pop_back();
  endpoint->token = *token;
  return endpoint;
}

// Language and form are needed to report a mistake in the very arguments that set them.
Screen screen_of(std::span<const char* const> words) {
  Screen screen;
  screen.language = language_of_environment();
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    std::string_view language;
    if (word == "--lang" && i + 1 < words.size()) language = words[i + 1];
    if (word.starts_with("--lang=")) language = word.substr(7);
    if (language == "zh") screen.language = Language::chinese;
    if (language == "en") screen.language = Language::english;
    if (word == "--json") screen.json = true;
    if (word == "--show-names") screen.names = true;
  }
  return screen;
}

Exit complain(const Screen& screen, const Error& error) {
  const auto problem = failed(error);
  report(screen, problem.body);
  return problem.exit;
}

Exit run(std::span<const char* const> words) {
  const Screen screen = screen_of(words);
  std::vector<Syntax> syntaxes;
  for (const auto& command : commands()) syntaxes.push_back(command.syntax);
  constexpr std::array<std::string_view, 2> kHelpWords{"[COMMAND]", "[COMMAND]"};
  syntaxes.push_back({"help", kHelpWords, {}});

  // "--help" anywhere asks about the command that stands with it, whatever is missing.
  auto given = read_arguments(words, syntaxes, options_everywhere());
  const bool asks_help = [&] {
    for (const std::string_view word : words)
      if (word == "--help") return true;
    return false;
  }();
  if (!given && !asks_help) return complain(screen, given.error());
  if (given)
    if (const auto language = given->value("--lang", "en"); language != "en" && language != "zh")
      return complain(screen, {Errc::invalid_input, "cli.option_value", "--lang", "--lang", "zh|en", {}});
  if (asks_help || given->command.empty() || given->command == "help") {
    // The command may stand behind options and their values, and may lack what it needs.
    std::string asked = " ";
    for (const std::string_view word : words) asked += std::string(word) + " ";
    const Command* topic = nullptr;
    for (const auto& command : commands())
      if (asked.contains(" " + std::string(command.syntax.command) + " ") &&
          (topic == nullptr || command.syntax.command.size() > topic->syntax.command.size()))
        topic = &command;
    if (topic != nullptr) {
      fmt::print("{}", help_text(screen, *topic));
      return Exit::ok;
    }
    fmt::print("{}", help_text(screen));
    return given && given->command.empty() && !asks_help ? Exit::refused : Exit::ok;
  }

  auto endpoint = endpoint_of(*given);
  if (!endpoint) return complain(screen, endpoint.error());
  const std::string name = given->command;
  Session session(std::move(*given), screen, std::move(*endpoint));
  for (const auto& command : commands())
    if (command.syntax.command == name) return command.run(session);
  return Exit::refused;
}

}  // namespace
}  // namespace taxgate::cli

int main(int argc, char** argv) {
  const std::vector<const char*> words(argv + 1, argv + argc);
  const auto exit = taxgate::cli::run(words);
  // An answer that did not reach its reader (a full disk, a closed pipe) is no answer.
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) return static_cast<int>(taxgate::cli::Exit::trouble);
  return static_cast<int>(exit);
}
