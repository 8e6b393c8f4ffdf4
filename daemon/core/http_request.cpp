#include "daemon/core/http_request.h"

#include <algorithm>
#include <iterator>

namespace taxgate {

std::string http_request_head(std::string_view method, std::string_view target, const HttpFields& fields,
                              std::size_t body_size) {
  std::string head;
  head.append(method).append(" ").append(target).append(" HTTP/1.1\r\n");
  for (const auto& [name, value] : fields) {
    head.append(name).append(": ");
    std::ranges::replace_copy_if(
        value, std::back_inserter(head), [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
    head.append("\r\n");
  }
  if (body_size != 0 || method == "POST")
    head.append("Content-Length: ").append(std::to_string(body_size)).append("\r\n");
  return head.append("\r\n");
}

}  // namespace taxgate
