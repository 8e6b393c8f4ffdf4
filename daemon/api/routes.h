#pragma once
// Every route of /v1 in one table: the server dispatches on it, docs/openapi.json is made from it.
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "daemon/api/answers.h"
#include "daemon/api/callers.h"
#include "daemon/api/gateway.h"
#include "daemon/api/http.h"
#include "daemon/api/query.h"
#include "daemon/api/server.h"

namespace taxgate::api {

struct Route;

/// Everything a handler may use. Owned by the handler; `request` is valid until the answer is given.
struct Call {
  const Route& route;
  const Settings& settings;
  Gateway& gateway;
  CallerDirectory& directory;
  const HttpRequest& request;
  Caller caller;
  std::array<std::string, 1> path;  // decoded path variables, in order
  Query query;
  Form form = Form::json;
  Responder responder;
};

enum class Access : std::uint8_t { anyone, reader, roles };

struct Route {
  Method method;
  std::string_view path;       // "/v1/submissions/{id}/cancel"
  std::string_view operation;  // "cancelSubmission"
  std::string_view summary;
  Access access;
  std::string_view roles;   // any of these (admin always), when access == roles
  std::string_view query;   // known query parameters
  std::string_view takes;   // message of the body, or empty
  std::string_view gives;   // message of the answer, or empty
  bool import_body;         // kMaxImportBody, NDJSON allowed
  std::string_view action;  // argument for the handler
  void (*handler)(Call);
};

std::span<const Route> routes();

/// A route for the path whatever the method; `allow` lists the methods when none of them matches.
struct Match {
  const Route* route = nullptr;
  std::array<std::string, 1> path;
  std::string allow;
};
/// errors  invalid_input api.no_route, api.query (bad escape in the path)
Result<Match> match_route(Method method, std::string_view path, bool floor);

/// How large the body of this request may be.
std::size_t body_limit(Method method, std::string_view path, const Settings& settings);

/// True when `caller` may use `route`. left: what would be needed, for the error.
Result<void> check_access(const Route& route, const Caller& caller);

/// docs/openapi.json, made from routes() and the schema's descriptors. Computed once; io thread.
const std::string& openapi_document();

}  // namespace taxgate::api
