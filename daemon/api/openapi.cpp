#include "daemon/api/routes.h"
namespace taxgate::api { const std::string& openapi_document() { static const std::string d = "{}"; return d; } }
