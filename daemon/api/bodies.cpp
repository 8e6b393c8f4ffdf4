#include "daemon/api/bodies.h"

#include <google/protobuf/message.h>

#include <optional>

#include "daemon/api/answers.h"
#include "daemon/api/limits.h"
#include "protocol/json_form.h"

namespace taxgate::api {
namespace {

namespace pb = google::protobuf;

/// Path of the first field the schema does not know ("blue.#27"), or nothing.
std::optional<std::string> unknown_field(const pb::Message& message) {
  const pb::Reflection& reflection = *message.GetReflection();
  if (const auto& unknown = reflection.GetUnknownFields(message); !unknown.empty())
    return "#" + std::to_string(unknown.field(0).number());
  std::vector<const pb::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const auto* field : fields) {
    if (field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const auto& child = field->is_repeated() ? reflection.GetRepeatedMessage(message, field, i)
                                               : reflection.GetMessage(message, field);
      if (auto below = unknown_field(child))
        return field->name() + (field->is_repeated() ? "[" + std::to_string(i) + "]" : std::string()) + "." + *below;
    }
  }
  return std::nullopt;
}

Result<void> read_protobuf(std::string_view body, pb::Message& into) {
  if (!into.ParseFromArray(body.data(), static_cast<int>(body.size())))
    return fail(Errc::invalid_input, "api.protobuf", {}, into.GetDescriptor()->name());
  if (auto path = unknown_field(into))
    return fail(Errc::invalid_input, "api.unknown_field", *path, into.GetDescriptor()->name());
  return {};
}

Error media_type_error(std::string_view given, std::string left) {
  return {Errc::invalid_input, "api.media_type", "Content-Type", std::string(given.substr(0, 64)), std::move(left), {}};
}

}  // namespace

Result<void> read_body(const HttpRequest& request, bool may_be_empty, pb::Message& into) {
  const std::string_view type = request.content_type;
  const bool protobuf = lists(type, kProtobuf) || lists(type, "application/protobuf");
  if (request.body.empty() && may_be_empty) return {};
  if (protobuf) return read_protobuf(request.body, into);  // the empty message is a message
  if (request.body.empty()) return fail(Errc::invalid_input, "api.empty_body");
  if (!type.empty() && !lists(type, kJson))
    return std::unexpected(media_type_error(type, std::string(kJson) + ", " + std::string(kProtobuf)));
  return from_json(request.body, into);
}

Result<ImportBody> read_import(const HttpRequest& request) {
  ImportBody import;
  if (!lists(request.content_type, kNdjson)) {
    if (auto read = read_body(request, false, import.request); !read) return std::unexpected(std::move(read.error()));
    return import;
  }
  std::string_view rest = request.body;
  std::size_t refused = 0;
  for (int line_number = 1; !rest.empty(); ++line_number) {
    const auto end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    if (auto read = from_json(line, *import.request.add_invoices()); !read) {
      import.request.mutable_invoices()->RemoveLast();
      Error error = std::move(read.error());
      error.field = "line " + std::to_string(line_number) + (error.field.empty() ? "" : ": " + error.field);
      if (++refused <= kMaxRefusedLines)
        import.refused.push_back(std::move(error));
      else
        import.refused.back().detail = std::to_string(refused - kMaxRefusedLines) + " more lines refused";
    } else {
      import.lines.push_back(line_number);
    }
  }
  if (import.request.invoices().empty() && import.refused.empty()) return fail(Errc::invalid_input, "api.empty_body");
  return import;
}

}  // namespace taxgate::api
