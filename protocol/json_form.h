#pragma once
// The JSON form of any protobuf message of the local API, strict: an unknown field, a duplicate field, a JSON number
// (or null) where the schema has a string, and a wrong type are refused with the field's path. Total on hostile bytes.
#include <string>
#include <string_view>

#include "protocol/error.h"

namespace google::protobuf {
class Message;
}

namespace taxgate {

/// errors  invalid_input json.syntax (with position), json.unknown_field, json.duplicate_field, json.type,
/// json.number_in_string,
///         json.depth, json.utf8; `field` is the path ("lines[0].quantity")
Result<void> from_json(std::string_view json, google::protobuf::Message& into);
/// Compact; fields in schema order; empty fields are left out unless `with_empty`.
std::string to_json(const google::protobuf::Message& message, bool with_empty = false);
void append_json(std::string& out, const google::protobuf::Message& message);
/// With quotes, escaped; bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace taxgate
