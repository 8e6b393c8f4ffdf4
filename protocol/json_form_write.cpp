// Writing of protocol/json_form.h.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <array>
#include <charconv>
#include <cstring>

#include "protocol/json_form.h"
#include "protocol/sm.h"
#include "protocol/text.h"

namespace taxgate {
namespace {

namespace pb = google::protobuf;
using pb::FieldDescriptor;

bool needs_escape(char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; }

void write_escaped(std::string& out, std::string_view text) {
  std::size_t from = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!needs_escape(c)) continue;
    out.append(text, from, i - from);
    from = i + 1;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default: {
        constexpr std::string_view digits = "0123456789abcdef";
        out +=
            {'\\', 'u', '0', '0', digits[static_cast<std::size_t>(c) >> 4], digits[static_cast<std::size_t>(c) & 15]};
      }
    }
  }
  out.append(text, from, text.size() - from);
}

/// ASCII without anything to escape, looked at in eight bytes at a time: most texts of an answer.
bool is_plain(std::string_view text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kHighs = 0x8080808080808080;
  const auto zero_byte = [](std::uint64_t v) { return (v - kOnes) & ~v; };  // its high bit, in kHighs, where v has one
  const auto suspicious = [&](std::uint64_t v) {
    return (v | ((v - kOnes * 0x20) & ~v) | zero_byte(v ^ kOnes * '"') | zero_byte(v ^ kOnes * '\\')) & kHighs;
  };
  std::uint64_t word = 0;
  for (; text.size() >= sizeof word; text.remove_prefix(sizeof word)) {
    std::memcpy(&word, text.data(), sizeof word);
    if (suspicious(word) != 0) return false;
  }
  word = kOnes * 'x';
  if (!text.empty()) std::memcpy(&word, text.data(), text.size());
  return suspicious(word) == 0;
}

void write_string(std::string& out, std::string_view text) {
  out.push_back('"');
  if (is_plain(text)) {
    out.append(text);
    out.push_back('"');
    return;
  }
  // Whatever came into a message, what leaves is JSON: bytes that are not UTF-8 become U+FFFD.
  for (std::size_t bad = utf8_error(text); bad != text.size(); bad = utf8_error(text)) {
    write_escaped(out, text.substr(0, bad));
    out += "\xEF\xBF\xBD";
    text.remove_prefix(bad + 1);
  }
  write_escaped(out, text);
  out.push_back('"');
}

template <class T>
void write_integer(std::string& out, T value) {
  std::array<char, 24> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  out.append(buffer.data(), end.ptr);
}

class Writer {
 public:
  Writer(std::string& out, bool with_empty) : out_(out), with_empty_(with_empty) {}

  void object(const pb::Message& message) {
    // Asked for once an object: with fifty fields, asking for each would cost more than writing them.
    const pb::Descriptor& type = *message.GetDescriptor();
    const pb::Reflection& reflection = *message.GetReflection();
    out_.push_back('{');
    bool first = true;
    const int count = type.field_count();
    for (int i = 0; i < count; ++i) {
      const FieldDescriptor& field = *type.field(i);
      if (!wanted(message, reflection, field)) continue;
      if (!first) out_.push_back(',');
      first = false;
      out_.push_back('"');
      out_ += field.name();  // an identifier: nothing to escape
      out_ += "\":";
      value(message, reflection, field);
    }
    out_.push_back('}');
  }

 private:
  bool wanted(const pb::Message& message, const pb::Reflection& r, const FieldDescriptor& field) const {
    if (field.is_repeated()) return with_empty_ || r.FieldSize(message, &field) > 0;
    // An absent message has no empty form (it would come back as present), and ErrorBody would never end.
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) return r.HasField(message, &field);
    // Set and empty is another thing than not set where the schema says `optional`: uid 0 is root, no uid is nobody.
    if (field.has_presence()) return r.HasField(message, &field);
    return with_empty_ || r.HasField(message, &field);
  }

  void value(const pb::Message& message, const pb::Reflection& r, const FieldDescriptor& field) {
    if (!field.is_repeated()) return element(message, r, field, kSingle);
    const int size = r.FieldSize(message, &field);
    out_.push_back('[');
    for (int i = 0; i < size; ++i) {
      if (i > 0) out_.push_back(',');
      element(message, r, field, i);
    }
    out_.push_back(']');
  }

  static constexpr int kSingle = -1;
  void element(const pb::Message& m, const pb::Reflection& r, const FieldDescriptor& f, int index) {
    const bool one = index == kSingle;
    switch (f.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING: {
        std::string scratch;
        const std::string& text =
            one ? r.GetStringReference(m, &f, &scratch) : r.GetRepeatedStringReference(m, &f, index, &scratch);
        write_string(out_, f.type() == FieldDescriptor::TYPE_BYTES ? base64(as_bytes(text)) : text);
        break;
      }
      case FieldDescriptor::CPPTYPE_MESSAGE:
        object(one ? r.GetMessage(m, &f) : r.GetRepeatedMessage(m, &f, index));
        break;
      case FieldDescriptor::CPPTYPE_BOOL:
        out_ += (one ? r.GetBool(m, &f) : r.GetRepeatedBool(m, &f, index)) ? "true" : "false";
        break;
      case FieldDescriptor::CPPTYPE_INT32:
        write_integer(out_, one ? r.GetInt32(m, &f) : r.GetRepeatedInt32(m, &f, index));
        break;
      case FieldDescriptor::CPPTYPE_UINT32:
        write_integer(out_, one ? r.GetUInt32(m, &f) : r.GetRepeatedUInt32(m, &f, index));
        break;
      case FieldDescriptor::CPPTYPE_INT64:
        write_integer(out_, one ? r.GetInt64(m, &f) : r.GetRepeatedInt64(m, &f, index));
        break;
      case FieldDescriptor::CPPTYPE_UINT64:
        write_integer(out_, one ? r.GetUInt64(m, &f) : r.GetRepeatedUInt64(m, &f, index));
        break;
      default:
        out_ += "null";
        break;  // floating point and enumerations have no place in the schema (a test looks)
    }
  }

  std::string& out_;
  bool with_empty_;
};

}  // namespace

void append_json_string(std::string& out, std::string_view text) { write_string(out, text); }

void append_json(std::string& out, const pb::Message& message) { Writer(out, false).object(message); }

std::string to_json(const pb::Message& message, bool with_empty) {
  std::string out;
  constexpr std::size_t kUsual = 4096;  // a submission with a few lines; growing would copy it again and again
  out.reserve(kUsual);
  Writer(out, with_empty).object(message);
  return out;
}

}  // namespace taxgate
