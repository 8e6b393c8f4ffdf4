#pragma once
// The head of an HTTP/1.1 request as text, for the three clients of this tree (platform, webhooks, command line), which
// then write plain bytes. Boost.Beast reads their answers but does not write for them: its serializer, under TLS and a
// deadline, is thousands of functions, half of the time those files took to compile.
//
// No state; any thread. source  RFC 9112 3 to 6, RFC 9110 5.5
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace taxgate {

using HttpFields = std::vector<std::pair<std::string, std::string>>;

/// Request line, `fields` in their order, Content-Length, the empty line.
/// target     in origin form, encoded by the caller: no blank, no line break
/// fields     without Content-Length; a line break or NUL in a value becomes a blank, so that no value can add a field
/// body_size  bytes that will follow; 0 says so for POST only, where a missing length would be read as a mistake
std::string http_request_head(std::string_view method, std::string_view target, const HttpFields& fields,
                              std::size_t body_size);

}  // namespace taxgate
