// The JSON form of a listing page. Bounds of records are found 64 bytes at a time where the processor can; what is
// inside a record is read strictly, and only when its bytes are new. Source: RFC 8259.
#include <algorithm>
#include <cstring>

#include "protocol/listing_fields.h"
#include "protocol/listing_scan.h"

namespace taxgate::listing::detail {
namespace {

constexpr int kMaxDepth = 16;  // a listing nests three deep
constexpr std::string_view kList = "fpxxList";

bool blank(std::uint8_t c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

class JsonReader {
 public:
  explicit JsonReader(ByteView in) : begin_(in.data()), at_(in.data()), end_(in.data() + in.size()) {}
  std::size_t offset() const { return static_cast<std::size_t>(at_ - begin_); }
  const std::uint8_t* at() const { return at_; }
  const std::uint8_t* end() const { return end_; }
  void move_to(const std::uint8_t* p) { at_ = p; }
  void skip_blanks() {
    while (at_ != end_ && blank(*at_)) ++at_;
  }
  bool done() {
    skip_blanks();
    return at_ == end_;
  }
  bool take(char c) {
    skip_blanks();
    if (at_ == end_ || *at_ != static_cast<std::uint8_t>(c)) return false;
    ++at_;
    return true;
  }
  char peek() {
    skip_blanks();
    return at_ == end_ ? '\0' : static_cast<char>(*at_);
  }
  // The text between the quotes, escapes untouched.
  bool string(std::string_view& out, bool& escaped) {
    if (!take('"')) return false;
    const auto* from = at_;
    escaped = false;
    for (; at_ != end_; ++at_) {
      if (*at_ == '"') {
        out = {reinterpret_cast<const char*>(from), static_cast<std::size_t>(at_ - from)};
        ++at_;
        return true;
      }
      if (*at_ < 0x20) return false;
      if (*at_ != '\\') continue;
      escaped = true;
      if (++at_ == end_) return false;
    }
    return false;
  }
  // A number or one of true, false, null: their characters, checked where they mean something.
  bool word(std::string_view& out) {
    skip_blanks();
    const auto* from = at_;
    while (at_ != end_ && (std::isalnum(*at_) != 0 || *at_ == '-' || *at_ == '+' || *at_ == '.')) ++at_;
    out = {reinterpret_cast<const char*>(from), static_cast<std::size_t>(at_ - from)};
    return !out.empty();
  }
  bool skip_value(int depth) {
    std::string_view text;
    bool escaped = false;
    switch (peek()) {
      case '"':
        return string(text, escaped);
      case '{':
      case '[': {
        if (depth == 0) return false;
        const bool object = *at_++ == '{';
        const char close = object ? '}' : ']';
        if (take(close)) return true;
        do {
          if (object && (!string(text, escaped) || !take(':'))) return false;
          if (!skip_value(depth - 1)) return false;
        } while (take(','));
        return take(close);
      }
      default:
        return word(text) && scalar(text);
    }
  }
  static bool scalar(std::string_view w) {
    if (w == "true" || w == "false" || w == "null") return true;
    std::size_t i = w.starts_with('-') ? 1 : 0;
    const auto digits = [&] {
      const auto from = i;
      while (i < w.size() && w[i] >= '0' && w[i] <= '9') ++i;
      return i > from;
    };
    if (i < w.size() && w[i] == '0') {
      ++i;
    } else if (!digits()) {
      return false;
    }
    if (i < w.size() && w[i] == '.') {
      ++i;
      if (!digits()) return false;
    }
    if (i < w.size() && (w[i] == 'e' || w[i] == 'E')) {
      ++i;
      if (i < w.size() && (w[i] == '+' || w[i] == '-')) ++i;
      if (!digits()) return false;
    }
    return i == w.size();
  }

 private:
  const std::uint8_t *begin_, *at_, *end_;
};

bool natural(std::string_view text, std::uint64_t& out) {
  out = 0;
  if (text.empty() || text.size() > 18) return false;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    out = out * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return true;
}

// "key": value of the head; numbers also as strings, as the platform likes them.
bool head_value(JsonReader& in, std::string_view& text) {
  bool escaped = false;
  return in.peek() == '"' ? in.string(text, escaped) : in.word(text) && JsonReader::scalar(text);
}

bool split_list(JsonReader& in, const std::uint8_t* page, std::vector<Slice>& records) {
  if (!in.take('[')) return false;
  if (in.take(']')) return true;
  const auto find_end = object_end_finder();
  do {
    if (in.peek() != '{') return false;
    const auto* from = in.at();
    const auto* to = find_end(from, in.end());
    if (to == nullptr || static_cast<std::size_t>(to - from) > kMaxRecordBytes) return false;
    records.push_back({static_cast<std::uint32_t>(from - page), static_cast<std::uint32_t>(to - from)});
    in.move_to(to);
  } while (in.take(','));
  return in.take(']');
}

constexpr unsigned kNoField = 0;
unsigned field_of(std::string_view key) {
  for (unsigned f = 1; f < kFieldEnd; ++f)
    if (field_name(f) == key) return f;
  return kNoField;
}

constexpr std::string_view kNumberKey = "\"fphm\":\"";

void append_utf8(std::string& out, std::uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6U);
    out += static_cast<char>(0x80 | (c & 63U));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | c >> 12U);
    out += static_cast<char>(0x80 | (c >> 6U & 63U));
    out += static_cast<char>(0x80 | (c & 63U));
  } else {
    out += static_cast<char>(0xF0 | c >> 18U);
    out += static_cast<char>(0x80 | (c >> 12U & 63U));
    out += static_cast<char>(0x80 | (c >> 6U & 63U));
    out += static_cast<char>(0x80 | (c & 63U));
  }
}

bool four_hex(std::string_view raw, std::size_t at, std::uint32_t& out) {
  if (raw.size() < at + 4) return false;
  out = 0;
  for (std::size_t i = at; i < at + 4; ++i) {
    const char c = raw[i];
    const int v = c >= '0' && c <= '9'   ? c - '0'
                  : c >= 'a' && c <= 'f' ? c - 'a' + 10
                  : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                         : -1;
    if (v < 0) return false;
    out = out << 4U | static_cast<std::uint32_t>(v);
  }
  return true;
}

}  // namespace

std::optional<std::string> unescaped(std::string_view raw) {
  constexpr std::string_view kFrom = "\"\\/bfnrt", kTo = "\"\\/\b\f\n\r\t";
  std::string out;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\\') {
      out += raw[i];
      continue;
    }
    if (++i == raw.size()) return std::nullopt;
    if (const auto known = kFrom.find(raw[i]); known != std::string_view::npos) {
      out += kTo[known];
      continue;
    }
    std::uint32_t c = 0, low = 0;
    if (raw[i] != 'u' || !four_hex(raw, i + 1, c)) return std::nullopt;
    i += 4;
    if (c >= 0xD800 && c < 0xDC00 && raw.substr(i + 1, 2) == "\\u" && four_hex(raw, i + 3, low) && low >= 0xDC00 &&
        low < 0xE000) {
      c = 0x10000 + ((c - 0xD800) << 10U) + (low - 0xDC00);
      i += 6;
    }
    if (c >= 0xD800 && c < 0xE000) return std::nullopt;  // half of a pair
    append_utf8(out, c);
  }
  return out;
}

Result<PageHead> split_json(ByteView page, std::vector<Slice>& records) {
  PageHead head;
  JsonReader in(page);
  const auto refuse = [&] { return fail(Errc::corrupt, "listing.page", "byte " + std::to_string(in.offset())); };
  std::string_view code;
  bool listed = false;
  if (!in.take('{')) return refuse();
  do {
    std::string_view key, text;
    bool escaped = false;
    if (!in.string(key, escaped) || !in.take(':')) return refuse();
    if (key == kList) {
      if (listed || !split_list(in, page.data(), records)) return refuse();
      listed = true;
    } else if (key == "packageno" || key == "packagecount" || key == "total") {
      auto& out = key == "total" ? head.total : key == "packageno" ? head.number : head.count;
      if (!head_value(in, text) || !natural(text, out)) return refuse();
    } else if (key == "returncode") {
      if (!head_value(in, code)) return refuse();
    } else if (!in.skip_value(kMaxDepth)) {
      return refuse();
    }
  } while (in.take(','));
  if (!in.take('}') || !in.done()) return refuse();
  if (!code.empty() && code != "00")
    return fail(Errc::rejected, "listing.refused", "returncode", std::string(code.substr(0, 16)));
  if (!listed) return refuse();
  return head;
}

std::optional<InvoiceKey> quick_key_json(std::uint32_t taxpayer, ByteView record, Hint& hint) {
  const std::string_view text = as_text(record);
  if (text.substr(std::min<std::size_t>(hint.number_at, text.size()), kNumberKey.size()) != kNumberKey) {
    const void* found = ::memmem(text.data(), text.size(), kNumberKey.data(), kNumberKey.size());
    if (found == nullptr) return std::nullopt;
    hint.number_at = static_cast<std::uint32_t>(static_cast<const char*>(found) - text.data());
  }
  const std::string_view rest = text.substr(hint.number_at + kNumberKey.size());
  for (const std::size_t digits : {20U, 18U})
    if (rest.size() > digits && rest[digits] == '"') return invoice_key(taxpayer, rest.substr(0, digits));
  return std::nullopt;
}

Result<void> read_json(ByteView record, Fields& f) {
  f.numbers = false;
  JsonReader in(record);
  if (!in.take('{')) return bad("record");
  if (!in.take('}')) {
    do {
      std::string_view key, text;
      bool escaped = false;
      if (!in.string(key, escaped) || !in.take(':')) return bad("record");
      const unsigned field = escaped ? kNoField : field_of(key);
      if (field == kNoField) {
        if (!in.skip_value(kMaxDepth)) return bad("record");
        continue;
      }
      if (!f.add(field)) return bad(field_name(field));
      if (in.peek() == '"') {
        if (!in.string(text, escaped)) return bad(field_name(field));
        if (escaped) f.escaped |= 1U << field;
      } else if (!in.word(text) || !JsonReader::scalar(text) || text == "true" || text == "false") {
        return bad(field_name(field));
      } else if (text == "null") {
        text = {};
      }
      f.text[field] = text;
    } while (in.take(','));
    if (!in.take('}')) return bad("record");
  }
  return in.done() ? Result<void>{} : Result<void>(bad("record"));
}

}  // namespace taxgate::listing::detail
