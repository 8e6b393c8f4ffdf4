#pragma once
// UTF-8 as bytes that came from outside. Pure and total.
#include <cstddef>
#include <string>
#include <string_view>

namespace taxgate {

/// Position of the first byte that does not begin a well-formed UTF-8 character (RFC 3629: no surrogates, no overlong
/// forms), or text.size() when all is well.
std::size_t utf8_error(std::string_view text);
inline bool is_utf8(std::string_view text) { return utf8_error(text) == text.size(); }

/// Number of characters (code points) of a well-formed text.
std::size_t utf8_length(std::string_view text);

/// Foreign text made fit for an error or a log: cut at a character, at most `limit` bytes, bad bytes and control
/// characters replaced by '?'.
std::string shown(std::string_view text, std::size_t limit = 64);

}  // namespace taxgate
