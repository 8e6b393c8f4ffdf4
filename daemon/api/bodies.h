#pragma once
// Request bodies into messages of the schema, strict in both forms. Pure and total.
#include <string_view>

#include "daemon/api/gateway.h"
#include "daemon/api/http.h"

namespace google::protobuf {
class Message;
}

namespace taxgate::api {

/// Reads the body by its Content-Type. An empty body is the empty message when `may_be_empty`.
/// errors  invalid_input api.media_type, api.empty_body, api.protobuf, api.unknown_field, and those of from_json
Result<void> read_body(const HttpRequest& request, bool may_be_empty, google::protobuf::Message& into);

/// An import body: an ImportRequest, or (application/x-ndjson) one Invoice a line. Bad lines come back in `refused`
/// with field "line 12" or "line 12: lines[0].tax"; more than kMaxRefusedLines are counted in the last.
struct ImportBody {
  v1::ImportRequest request;
  std::vector<int> lines;  // NDJSON: the line of each invoice of the request; empty for an ImportRequest
  std::vector<Error> refused;
};
Result<ImportBody> read_import(const HttpRequest& request);

}  // namespace taxgate::api
