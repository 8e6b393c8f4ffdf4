#include "protocol/journal_text.h"

#include <charconv>
#include <utility>
#include <vector>

namespace taxgate {
namespace {

/// A catalogue row taken apart, to find its values in a sentence that was made of it.
struct Shape {
  const Message* row;
  std::vector<std::string_view> literals;  // one more than places; the first and the last may be empty
  std::vector<std::string_view> places;    // "{wanted}", "{wanted:time}"
  std::size_t letters = 0;                 // in the literals
};

constexpr std::string_view kJournalRows = "journal.", kTimePlace = "{wanted:time}";
constexpr std::size_t kFewestLetters = 4;  // below that a pattern says too little to recognise anything by

Shape shape_of(const Message& row) {
  Shape out{.row = &row, .literals = {}, .places = {}};
  std::string_view rest = row.text;
  for (auto open = rest.find('{'); open != rest.npos; open = rest.find('{')) {
    const auto close = rest.find('}', open);
    if (close == rest.npos) break;
    out.literals.push_back(rest.substr(0, open));
    out.places.push_back(rest.substr(open, close + 1 - open));
    rest.remove_prefix(close + 1);
  }
  out.literals.push_back(rest);
  for (const auto literal : out.literals) out.letters += literal.size();
  return out;
}

/// What a journal row may hold: its own rows and whole sentences (the audit's, the preflight's). The longest first:
/// of two that fit, the one that says more of it is meant.
const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all = [] {
    std::vector<Shape> out;
    for (const Message& row : message_catalogue()) {
      Shape shape = shape_of(row);
      if (shape.letters >= kFewestLetters && (row.id.starts_with(kJournalRows) || row.text.ends_with('.')))
        out.push_back(std::move(shape));
    }
    std::ranges::sort(out, std::ranges::greater{}, &Shape::letters);
    return out;
  }();
  return all;
}

/// "3 h 10 min" back into seconds; empty: not a text of duration_text.
std::string seconds_of(std::string_view text) {
  constexpr std::pair<std::string_view, std::int64_t> kUnits[] = {{"d", 86'400}, {"h", 3'600}, {"min", 60}, {"s", 1}};
  std::int64_t seconds = 0;
  while (!text.empty()) {
    std::int64_t count = 0;
    const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (wrong != std::errc{}) return {};
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (!text.starts_with(' ')) return {};
    text.remove_prefix(1);
    const auto unit = text.substr(0, text.find(' '));
    const auto* known = std::ranges::find(kUnits, unit, &std::pair<std::string_view, std::int64_t>::first);
    if (known == std::end(kUnits)) return {};
    seconds += count * known->second;
    text.remove_prefix(std::min(text.size(), unit.size() + 1));
  }
  return std::to_string(seconds);
}

/// The values with which the row says exactly this text.
std::optional<Error> values_in(const Shape& shape, std::string_view text) {
  if (!text.starts_with(shape.literals.front())) return std::nullopt;
  Error out{Errc::invalid_input, std::string(shape.row->id), {}, {}, {}, {}};
  std::string_view rest = text.substr(shape.literals.front().size());
  for (std::size_t i = 0; i < shape.places.size(); ++i) {
    const std::string_view next = shape.literals[i + 1];
    const auto end = next.empty() ? rest.size() : i + 1 == shape.places.size() ? rest.rfind(next) : rest.find(next);
    if (end == rest.npos) return std::nullopt;
    const std::string_view value = rest.substr(0, end), place = shape.places[i];
    std::string& into = place == "{field}" ? out.field : place == "{left}" ? out.left : out.wanted;
    into = place == kTimePlace ? seconds_of(value) : std::string(value);
    rest.remove_prefix(end + next.size());
  }
  if (message_text(out, Language::english) != text) return std::nullopt;  // also what stands twice and differs
  return out;
}

/// The sentence in the other language, its values too; nothing: no row of the catalogue says this.
std::optional<std::string> sentence(std::string_view text, Language language) {
  for (const Shape& shape : shapes()) {
    auto known = values_in(shape, text);
    if (!known) continue;
    for (std::string* value : {&known->field, &known->wanted, &known->left})
      if (value->size() < text.size()) *value = journal_text(*value, language);
    return message_text(*known, language);
  }
  return std::nullopt;
}

std::string_view colon(Language language) { return language == Language::chinese ? ":" : ": "; }

}  // namespace

Said& Said::operator+=(const Said& more) {
  if (!text_.empty() && !more.text_.empty()) text_ += "; ";
  text_ += more.text_;
  return *this;
}

Said said(const Error& sentence) { return Said(message_text(sentence, Language::english)); }
Said said(std::string id, std::string wanted, std::string left) {
  return said(Error{Errc::invalid_input, std::move(id), {}, std::move(wanted), std::move(left), {}});
}
Said verbatim(std::string words) { return Said(std::move(words)); }

std::string word_of(std::string_view group, std::string_view code, Language language) {
  const Message* row = find_message(std::string(group).append(".").append(code));
  if (row == nullptr) return std::string(code);
  return std::string(language == Language::chinese ? row->text_zh : row->text);
}

std::string journal_text(std::string_view detail, Language language) {
  if (language == Language::english || detail.empty()) return std::string(detail);
  if (is_journal_event(detail)) return word_of("event", detail, language);
  // The event that led to a state, or an error's id, before what is said of it.
  const auto at = detail.find(": ");
  const auto before = detail.substr(0, at == detail.npos ? 0 : at);
  const auto rest = [&] { return std::string(colon(language)) + journal_text(detail.substr(at + 2), language); };
  if (is_journal_event(before)) return word_of("event", before, language) + rest();
  // Several, each a sentence of its own: only then is "; " between them ours and not a part of another's words.
  if (const auto between = detail.find("; "); between != detail.npos)
    if (const auto first = sentence(detail.substr(0, between), language))
      return *first + ";" + journal_text(detail.substr(between + 2), language);
  if (auto whole = sentence(detail, language)) return *std::move(whole);
  if (find_message(before) != nullptr) return std::string(before) + rest();
  return std::string(detail);
}

}  // namespace taxgate
