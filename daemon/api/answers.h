#pragma once
// Results and errors as HTTP answers: status by the first finding, bodies in both languages, JSON or protobuf. Pure.
#include <string>
#include <string_view>

#include "daemon/api/gateway.h"
#include "daemon/api/http.h"

namespace google::protobuf {
class Message;
}

namespace taxgate::api {

inline constexpr std::string_view kJson = "application/json";
inline constexpr std::string_view kProtobuf = "application/x-protobuf";
inline constexpr std::string_view kNdjson = "application/x-ndjson";
inline constexpr std::string_view kEventStream = "text/event-stream";

/// JSON unless the caller lists protobuf (and not JSON before it).
Form accepted_form(std::string_view accept);
/// True when the media type (parameters cut, case ignored) occurs in the list.
bool lists(std::string_view header, std::string_view media_type);

int status_of(const Error& error);
int retry_after_of(const Error& error, int status);

v1::ErrorBody error_body(const Findings& findings, std::string_view channel);
HttpResponse error_answer(const Findings& findings, std::string_view channel, Form form);
inline HttpResponse error_answer(const Error& error, std::string_view channel, Form form) {
  return error_answer(Findings{error}, channel, form);
}
HttpResponse message_answer(int status, const google::protobuf::Message& message, Form form);
HttpResponse json_answer(int status, std::string json);

}  // namespace taxgate::api
