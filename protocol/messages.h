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
  std::string_view text;  // may use {field} {wanted} {left}
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

}  // namespace taxgate
