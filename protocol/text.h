#pragma once
// UTF-8 as bytes that came from outside, and the small lists that tables keep as words. Pure and total.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

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

/// The words of a list separated by blanks; views into `text`.
std::vector<std::string_view> words(std::string_view text);
/// Whether `word` is one of them. An empty text, or one with a blank in it, is none.
bool has_word(std::string_view list, std::string_view word);

/// Text as XML content or attribute value. Control characters that XML 1.0 cannot write become '?'.
std::string xml_escaped(std::string_view text);

}  // namespace taxgate
