// Reading: Boost.JSON's event parser writes straight into the message through reflection. There is no tree between, so
// that a duplicate key is seen and a submission costs few allocations beyond its own strings.
#include "protocol/json_form.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <array>
#include <bitset>
#include <boost/json/basic_parser_impl.hpp>
#include <limits>
#include <optional>
#include <utility>

#include "protocol/sm.h"
#include "protocol/text.h"

namespace taxgate {
namespace {

namespace json = boost::json;
namespace pb = google::protobuf;
using pb::FieldDescriptor;

// The API's schema nests four levels; only ErrorBody.more recurses. The bound keeps the reader's memory fixed.
constexpr std::size_t kMaxDepth = 32;
// Largest message of the schema has 34 fields; a schema beyond the bound would lose its duplicate check, so it is
// refused.
constexpr std::size_t kMaxFields = 128;

enum class Kind { text, number, boolean, null, object, array };

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::text:
      return "text";
    case Kind::number:
      return "number";
    case Kind::boolean:
      return "true or false";
    case Kind::null:
      return "null";
    case Kind::object:
      return "object";
    case Kind::array:
      return "array";
  }
  return {};
}

/// What belongs into one element of the field; nothing for types that have no JSON form here.
std::optional<Kind> kind_of(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return Kind::text;
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_UINT64:
      return Kind::number;
    case FieldDescriptor::CPPTYPE_BOOL:
      return Kind::boolean;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return field.is_map() ? std::nullopt : std::optional(Kind::object);
    default:
      return std::nullopt;
  }
}

class Handler {
 public:
  static constexpr std::size_t max_array_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_object_size = max_array_size;
  static constexpr std::size_t max_string_size = max_array_size;
  static constexpr std::size_t max_key_size = max_array_size;

  explicit Handler(pb::Message& into) : root_(into) {}
  Error take_error() { return std::move(error_); }
  bool refused() const { return refused_; }

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }
  bool on_number_part(json::string_view, json::error_code&) { return true; }

  bool on_object_begin(json::error_code& ec) {
    if (depth_ == 0) return push(root_, ec);
    if (!expect(Kind::object, ec)) return false;
    Frame& f = top();
    const pb::Reflection& r = *f.reflection;
    return push(f.in_array() ? *r.AddMessage(f.message, f.field) : *r.MutableMessage(f.message, f.field), ec);
  }
  bool on_object_end(std::size_t, json::error_code&) {
    --depth_;
    return depth_ == 0 || done();
  }
  bool on_array_begin(json::error_code& ec) {
    if (depth_ == 0 || top().in_array() || !top().field->is_repeated()) return wrong_type(Kind::array, ec);
    top().index = 0;
    return true;
  }
  bool on_array_end(std::size_t, json::error_code&) {
    top().index = kNoArray;
    return true;
  }

  bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
    text_.append(part);
    return true;
  }
  bool on_key(json::string_view part, std::size_t, json::error_code& ec) {
    const std::string_view name = joined(part);
    Frame& f = top();
    const pb::Descriptor& type = *f.type;
    // Clients write fields in schema order: begin the search where the last field was found.
    const int count = type.field_count();
    const int start = f.field == nullptr ? 0 : f.field->index() + 1;
    f.field = nullptr;
    for (int i = 0; i < count && f.field == nullptr; ++i) {
      const int at = start + i < count ? start + i : start + i - count;
      if (type.field(at)->name() == name) f.field = type.field(at);
    }
    if (f.field == nullptr) return refuse("json.unknown_field", {}, {}, ec, shown(name));
    const auto bit = static_cast<std::size_t>(f.field->index());
    if (f.seen.test(bit)) return refuse("json.duplicate_field", {}, {}, ec);
    f.seen.set(bit);
    text_.clear();
    return true;
  }

  bool on_string_part(json::string_view part, std::size_t, json::error_code&) {
    text_.append(part);
    return true;
  }
  bool on_string(json::string_view part, std::size_t, json::error_code& ec) {
    if (!expect(Kind::text, ec)) return false;
    Frame& f = top();
    std::string value(joined(part));
    text_.clear();
    if (f.field->type() == FieldDescriptor::TYPE_BYTES) {
      const auto bytes = from_base64(value, {});
      if (!bytes) return refuse("base64.format", bytes.error().wanted, {}, ec);
      value = as_text(*bytes);
    }
    const pb::Reflection& r = *f.reflection;
    f.in_array() ? r.AddString(f.message, f.field, std::move(value))
                 : r.SetString(f.message, f.field, std::move(value));
    return done();
  }

  bool on_int64(std::int64_t v, json::string_view, json::error_code& ec) {
    return v < 0 ? store_integer(true, static_cast<std::uint64_t>(v), ec)
                 : store_integer(false, static_cast<std::uint64_t>(v), ec);
  }
  bool on_uint64(std::uint64_t v, json::string_view, json::error_code& ec) { return store_integer(false, v, ec); }
  bool on_double(double, json::string_view, json::error_code& ec) {
    if (!expect(Kind::number, ec)) return false;
    return refuse("json.type", "fraction", "whole number", ec);
  }
  bool on_bool(bool v, json::error_code& ec) {
    if (!expect(Kind::boolean, ec)) return false;
    Frame& f = top();
    const pb::Reflection& r = *f.reflection;
    f.in_array() ? r.AddBool(f.message, f.field, v) : r.SetBool(f.message, f.field, v);
    return done();
  }
  bool on_null(json::error_code& ec) { return wrong_type(Kind::null, ec); }

 private:
  static constexpr int kNoArray = -1;
  struct Frame {
    pb::Message* message = nullptr;
    const pb::Descriptor* type = nullptr;
    const pb::Reflection* reflection = nullptr;
    const FieldDescriptor* field = nullptr;  // whose value comes next
    int index = kNoArray;                    // element that comes next, inside the field's array
    std::bitset<kMaxFields> seen;
    bool in_array() const { return index != kNoArray; }
  };
  Frame& top() { return frames_[depth_ - 1]; }

  bool push(pb::Message& message, json::error_code& ec) {
    if (depth_ == kMaxDepth) return refuse("json.depth", {}, std::to_string(kMaxDepth), ec);
    if (message.GetDescriptor()->field_count() > static_cast<int>(kMaxFields))
      return refuse("json.type", "schema", {}, ec);
    ++depth_;
    top() = Frame{};
    top().message = &message;
    top().type = message.GetDescriptor();
    top().reflection = message.GetReflection();
    return true;
  }

  /// True when a value of this kind may come here; sets the error otherwise.
  bool expect(Kind kind, json::error_code& ec) {
    if (depth_ == 0) return wrong_type(kind, ec);
    const Frame& f = top();
    if (f.field->is_repeated() != f.in_array()) return wrong_type(kind, ec);
    return kind_of(*f.field) == kind ? true : wrong_type(kind, ec);
  }

  bool wrong_type(Kind found, json::error_code& ec) {
    std::string_view belongs = name_of(Kind::object);
    if (depth_ > 0) {
      const Frame& f = top();
      const auto element = kind_of(*f.field);
      belongs = f.field->is_repeated() && !f.in_array() ? name_of(Kind::array)
                : element                               ? name_of(*element)
                                                        : "nothing";
      // Named apart: it is the mistake every client makes once, and its remedy differs.
      if (found == Kind::number && element == Kind::text && f.field->is_repeated() == f.in_array())
        return refuse("json.number_in_string", {}, {}, ec);
    }
    return refuse("json.type", std::string(name_of(found)), std::string(belongs), ec);
  }

  bool store_integer(bool negative, std::uint64_t bits, json::error_code& ec) {
    if (!expect(Kind::number, ec)) return false;
    using R = pb::Reflection;
    switch (top().field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return store(negative, bits, &R::SetInt32, &R::AddInt32, ec);
      case FieldDescriptor::CPPTYPE_UINT32:
        return store(negative, bits, &R::SetUInt32, &R::AddUInt32, ec);
      case FieldDescriptor::CPPTYPE_INT64:
        return store(negative, bits, &R::SetInt64, &R::AddInt64, ec);
      default:
        return store(negative, bits, &R::SetUInt64, &R::AddUInt64, ec);
    }
  }

  template <class T>
  using Put = void (pb::Reflection::*)(pb::Message*, const FieldDescriptor*, T) const;
  template <class T>
  bool store(bool negative, std::uint64_t bits, Put<T> set, Put<T> add, json::error_code& ec) {
    using Limits = std::numeric_limits<T>;
    const bool fits = negative ? std::cmp_greater_equal(static_cast<std::int64_t>(bits), Limits::min())
                               : std::cmp_less_equal(bits, Limits::max());
    if (!fits)
      return refuse("json.range", {}, std::to_string(Limits::min()) + " … " + std::to_string(Limits::max()), ec);
    Frame& f = top();
    (f.reflection->*(f.in_array() ? add : set))(f.message, f.field, static_cast<T>(bits));
    return done();
  }

  bool done() {
    if (top().in_array()) ++top().index;
    return true;
  }

  std::string_view joined(json::string_view part) {
    if (text_.empty()) return {part.data(), part.size()};
    text_.append(part);
    return text_;
  }

  bool refuse(std::string id, std::string wanted, std::string left, json::error_code& ec, std::string_view name = {}) {
    error_ = Error{Errc::invalid_input, std::move(id), path(name), std::move(wanted), std::move(left), {}};
    refused_ = true;
    ec = json::error::exception;  // any: error_ is what counts
    return false;
  }

  /// "lines[0].quantity"; `name` stands for a field that does not exist.
  std::string path(std::string_view name) const {
    std::string out;
    for (std::size_t i = 0; i < depth_; ++i) {
      const Frame& f = frames_[i];
      const std::string_view field = f.field != nullptr ? std::string_view(f.field->name()) : name;
      if (field.empty()) continue;
      if (!out.empty()) out.push_back('.');
      out += field;
      if (f.in_array()) out += "[" + std::to_string(f.index) + "]";
    }
    return out;
  }

  pb::Message& root_;
  std::array<Frame, kMaxDepth> frames_{};
  std::size_t depth_ = 0;
  std::string text_;  // earlier parts of a string or key with escapes
  Error error_;
  bool refused_ = false;
};

std::unexpected<Error> at_byte(std::string id, std::size_t position) {
  return fail(Errc::invalid_input, std::move(id), {}, "byte " + std::to_string(position + 1));
}

}  // namespace

Result<void> from_json(std::string_view text, pb::Message& into) {
  into.Clear();
  if (const std::size_t bad = utf8_error(text); bad != text.size()) return at_byte("json.utf8", bad);
  json::parse_options options;
  options.allow_invalid_utf8 = true;      // just checked, and cheaper than the parser's own check
  options.max_depth = 2 * kMaxDepth + 2;  // objects and their arrays; the handler's bound names the field
  json::basic_parser<Handler> parser(options, into);
  json::error_code ec;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), ec);
  if (parser.handler().refused()) return std::unexpected(parser.handler().take_error());
  if (ec || read != text.size()) return at_byte("json.syntax", read);
  return {};
}

}  // namespace taxgate
