#include "daemon/api/answers.h"

#include <google/protobuf/message.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "daemon/api/limits.h"
#include "protocol/json_form.h"
#include "protocol/messages.h"

namespace taxgate::api {
namespace {

struct StatusRow {
  std::string_view id;
  int status;
};

// Exact ids first, then endings, then beginnings, then the class of the error (docs/api.md has the same table).
constexpr std::array kById{
    StatusRow{"api.unauthorized", 401},
    StatusRow{"api.no_route", 404},
    StatusRow{"api.method", 405},
    StatusRow{"api.slow_request", 408},
    StatusRow{"api.body_size", 413},
    StatusRow{"api.media_type", 415},
    StatusRow{"api.header_size", 431},
    StatusRow{"api.connections", 503},
    StatusRow{"api.no_reply", 504},
    StatusRow{"store.transition", 409},
    StatusRow{"store.stale", 409},
    StatusRow{"store.busy", 503},
    StatusRow{"store.full", 503},
    StatusRow{"store.no_submission", 404},
    StatusRow{"events.cursor", 400},
    StatusRow{"hold.none", 404},
    StatusRow{"hold.too_late", 409},
    StatusRow{"resolve.stands", 409},
    StatusRow{"submission.not_now", 409},
    StatusRow{"submission.sent", 409},
    StatusRow{"form.not_pending", 409},
    StatusRow{"resolve.owned", 409},
    StatusRow{"caller.taxpayer", 403},
    StatusRow{"approval.own", 403},
    StatusRow{"submission.perhaps_sent", 409},
};
constexpr std::array kByEnd{StatusRow{".not_found", 404}, StatusRow{".conflict", 409}, StatusRow{".state", 409},
                            StatusRow{".forbidden", 403}};
constexpr std::array kByStart{StatusRow{"json.", 400}, StatusRow{"api.", 400}};

int status_of_class(Errc code) {
  switch (code) {
    case Errc::invalid_input:
      return 422;
    case Errc::retry_later:
      return 503;
    case Errc::outcome_unknown:
      return 504;
    case Errc::device_gone:
      return 503;
    case Errc::rejected:
      return 422;
    case Errc::corrupt:
      return 500;
    case Errc::limit_reached:
      return 429;
  }
  return 500;
}

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

std::size_t position(std::string_view header, std::string_view media_type) {
  for (std::size_t index = 0; !header.empty(); ++index) {
    const auto comma = header.find(',');
    if (same_ignoring_case(trimmed(header.substr(0, comma).substr(0, header.substr(0, comma).find(';'))), media_type))
      return index;
    if (comma == std::string_view::npos) break;
    header.remove_prefix(comma + 1);
  }
  return std::string_view::npos;
}

void fill(v1::ErrorBody& body, const Error& error, std::string_view channel) {
  show_error(error, body);
  body.set_channel(std::string(channel));
}

}  // namespace

bool lists(std::string_view header, std::string_view media_type) {
  return position(header, media_type) != std::string_view::npos;
}

Form accepted_form(std::string_view accept) {
  if (accept.empty()) return Form::json;
  const auto protobuf = std::min(position(accept, kProtobuf), position(accept, "application/protobuf"));
  return protobuf < position(accept, kJson) ? Form::protobuf : Form::json;
}

int status_of(const Error& error) {
  for (const auto& row : kById)
    if (row.id == error.id) return row.status;
  // The class outranks form: a bound or a passing trouble is never the caller's malformed request.
  if (error.code != Errc::invalid_input && error.code != Errc::rejected) return status_of_class(error.code);
  for (const auto& row : kByEnd)
    if (error.id.ends_with(row.id)) return row.status;
  for (const auto& row : kByStart)
    if (error.id.starts_with(row.id)) return row.status;
  return status_of_class(error.code);
}

int retry_after_of(const Error& error, int status) {
  if (error.id == "store.full") return kRetryAfterFullSeconds;
  return status == 429 || status == 503 ? kRetryAfterSeconds : 0;
}

v1::ErrorBody error_body(const Findings& findings, std::string_view channel) {
  v1::ErrorBody body;
  fill(body, findings.front(), channel);
  for (std::size_t i = 1; i < findings.size(); ++i) fill(*body.add_more(), findings[i], channel);
  return body;
}

HttpResponse error_answer(const Findings& findings, std::string_view channel, Form form) {
  const int status = status_of(findings.front());
  HttpResponse response = message_answer(status, error_body(findings, channel), form);
  response.retry_after_seconds = retry_after_of(findings.front(), status);
  return response;
}

HttpResponse message_answer(int status, const google::protobuf::Message& message, Form form) {
  if (form == Form::json) return json_answer(status, to_json(message));
  HttpResponse response;
  response.status = status;
  response.content_type = kProtobuf;
  response.body = message.SerializeAsString();
  return response;
}

HttpResponse json_answer(int status, std::string json) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(json);
  return response;
}

}  // namespace taxgate::api
