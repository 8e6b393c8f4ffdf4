#include "protocol/card_trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "protocol/gmt0017.h"

namespace taxgate::card_trace {
namespace {

using gmt0017::Ins;

constexpr std::size_t kHeader = 4;  // class, instruction, two parameters
// Longer answers than a card can give, and names: a line of a foreign file is cut here.
constexpr std::size_t kMaxBytes = gmt0017::kMaxResponse + 16, kMaxWord = 64;

/// Instructions that carry no secret in either direction. Whatever is not here is masked, also what we do not know.
constexpr std::array kPlain{
    Ins::get_dev_info,       Ins::get_pin_info,       Ins::enum_application,  Ins::open_application,
    Ins::close_application,  Ins::enum_container,     Ins::open_container,    Ins::close_container,
    Ins::get_container_info, Ins::export_certificate, Ins::export_public_key, Ins::ecc_sign_data,
    Ins::clear_secure_state, Ins::enum_file,          Ins::get_file_info,
};

bool plain(ByteView command) {
  return command.size() >= kHeader && command[0] == gmt0017::kClaPlain &&
         std::ranges::find(kPlain, static_cast<Ins>(command[1])) != kPlain.end();
}

Masked known(ByteView bytes) { return {Bytes(bytes.begin(), bytes.end()), std::vector<bool>(bytes.size(), true)}; }

void forget(Masked& masked, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < std::min(to, masked.bytes.size()); ++i) {
    masked.bytes[i] = 0;
    masked.known[i] = false;
  }
}

std::string hex_of(const Masked& masked) {
  std::string out;
  for (std::size_t i = 0; i < masked.bytes.size(); ++i)
    out += masked.known[i] ? fmt::format("{:02x}", masked.bytes[i]) : "..";
  return out;
}

int digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

std::optional<Masked> masked_from(std::string_view text) {
  if (text.empty() || text.size() % 2 != 0 || text.size() / 2 > kMaxBytes) return std::nullopt;
  Masked out;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const bool hidden = text.substr(i, 2) == "..";
    const int high = digit(text[i]), low = digit(text[i + 1]);
    if (!hidden && (high < 0 || low < 0)) return std::nullopt;
    out.bytes.push_back(hidden ? std::uint8_t{0} : static_cast<std::uint8_t>(high * 16 + low));
    out.known.push_back(!hidden);
  }
  return out;
}

/// The part before the next blank; takes it and the blank away.
std::string_view word(std::string_view& rest) {
  const auto blank = rest.find(' ');
  const std::string_view first = rest.substr(0, blank);
  rest = blank == std::string_view::npos ? std::string_view() : rest.substr(blank + 1);
  return first;
}

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= kMaxWord && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  });
}

}  // namespace

Masked mask_command(ByteView command) {
  Masked out = known(command);
  if (plain(command)) return out;
  // The lengths tell nothing; where they end only a command that can be read says.
  const auto read = gmt0017::read_command(command);
  const std::size_t data = read ? read->data.size() : command.size();
  if (!read) {
    forget(out, kHeader, out.bytes.size());
  } else if (data > 0) {
    const bool extended = command[kHeader] == 0;
    const std::size_t at = kHeader + (extended ? 3 : 1);
    forget(out, at, at + data);
  }
  return out;
}

Masked mask_response(ByteView command, ByteView response) {
  Masked out = known(response);
  if (!plain(command) && response.size() > 2) forget(out, 0, response.size() - 2);
  return out;
}

bool fits(const Masked& pattern, ByteView bytes) {
  if (pattern.bytes.size() != bytes.size()) return false;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    if (pattern.known[i] && pattern.bytes[i] != bytes[i]) return false;
  return true;
}

std::string command_text(const Masked& command) { return fmt::format("> {}\n", hex_of(command)); }

std::string answer_text(std::uint32_t ms, const std::variant<Masked, Silence>& answer) {
  if (const auto* bytes = std::get_if<Masked>(&answer)) return fmt::format("< {} {}\n", ms, hex_of(*bytes));
  const auto& silence = std::get<Silence>(answer);
  return fmt::format("! {} {} {}\n", ms, silence.errc, silence.id);
}

std::string to_text(const Entry& entry) {
  const auto* exchange = std::get_if<Exchange>(&entry);
  return exchange ? command_text(exchange->command) + answer_text(exchange->ms, exchange->answer) : "session\n";
}

Result<std::vector<Entry>> read(std::string_view text) {
  if (text.size() > kMaxTrace) return fail(Errc::limit_reached, "trace.size", {}, std::to_string(kMaxTrace));
  std::vector<Entry> entries;
  std::optional<Masked> command;  // its answer is not read yet
  std::size_t number = 0;
  const auto hung = [&] {
    if (!command) return;
    entries.emplace_back(Exchange{std::move(*command), 0, Silence{"outcome_unknown", "key.hung"}});
    command.reset();
  };
  const auto bad = [&](const char* what) { return fail(Errc::corrupt, "trace.format", what, std::to_string(number)); };
  while (true) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) break;
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    ++number;
    if (number == 1) {
      if (line != kFirstLine) return bad("first line");
      continue;
    }
    if (line.empty() || line.front() == '#') continue;
    const std::string_view kind = word(line);
    if (kind == "session") {
      if (!line.empty()) return bad("session");
      hung();
      entries.emplace_back(Session{});
    } else if (kind == ">") {
      hung();
      command = masked_from(line);
      if (!command) return bad("command");
    } else if (kind == "<" || kind == "!") {
      if (!command) return bad("answer without command");
      Exchange exchange{.command = std::move(*command), .ms = 0, .answer = Silence{}};
      command.reset();
      const std::string_view ms = word(line);
      const auto [rest, ec] = std::from_chars(ms.data(), ms.data() + ms.size(), exchange.ms);
      if (ec != std::errc{} || rest != ms.data() + ms.size()) return bad("time");
      if (kind == "<") {
        auto answer = masked_from(line);
        if (!answer || answer->bytes.size() < 2) return bad("answer");
        exchange.answer = std::move(*answer);
      } else {
        const std::string_view errc = word(line);
        if (!is_word(errc) || !is_word(line)) return bad("error");
        exchange.answer = Silence{std::string(errc), std::string(line)};
      }
      entries.emplace_back(std::move(exchange));
    } else {
      return bad("line");
    }
  }
  if (number == 0) return bad("first line");
  hung();
  return entries;
}

}  // namespace taxgate::card_trace
