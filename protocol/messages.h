#pragma once
// The message catalogue: every stable error id, event name and state in English and Chinese (docs/terms in this
// project's words). One table per room in messages_<room>.inc-free plain .cpp rows; see messages.cpp.
#include <span>
#include <string>
#include <string_view>

#include "protocol/error.h"

namespace taxgate {

enum class Language : std::uint8_t { english, chinese };

struct Message {
  std::string_view id;    // "R2.tax_cap"
  std::string_view text;  // may use {field} {wanted} {left}; {wanted:time}: seconds, shown by duration_text
  std::string_view text_zh;
  std::string_view remedy;
  std::string_view remedy_zh;
};

/// All rows, sorted by id. A test requires that every id used in the code has a row.
std::span<const Message> message_catalogue();
const Message* find_message(std::string_view id);

/// One sentence for a person, placeholders filled; an id without a row yields the id itself and `detail`.
std::string message_text(const Error& error, Language language);
/// What the person should do; empty when there is nothing to do.
std::string remedy_text(const Error& error, Language language);

/// "3 h 10 min", "2 d 4 h", "18 min 2 s", "3 小时 10 分": the two largest units, rounded down so that nobody is told
/// too much; a second one that is 0 is left out. Negative is "0 s".
std::string duration_text(std::int64_t ms, Language language);

/// What an error says, in both languages, in a protobuf message with these fields.
template <class Shown>
void show_message(const Error& error, Shown& out) {
  out.set_message(message_text(error, Language::english));
  out.set_message_zh(message_text(error, Language::chinese));
}
/// What to do about it.
template <class Shown>
void show_remedy(const Error& error, Shown& out) {
  out.set_remedy(remedy_text(error, Language::english));
  out.set_remedy_zh(remedy_text(error, Language::chinese));
}
/// All of it: code, what it is about, and both texts.
template <class Shown>
void show_error(const Error& error, Shown& out) {
  out.set_code(error.id);
  out.set_field(error.field);
  out.set_wanted(error.wanted);
  out.set_left(error.left);
  show_message(error, out);
  show_remedy(error, out);
}

}  // namespace taxgate
