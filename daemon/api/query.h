#pragma once
// Query strings: percent-decoded name=value pairs, each name known and given once. Pure and total.
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/error.h"

namespace taxgate::api {

/// '+' is a blank only in queries. errors  invalid_input api.query (field = `field`): bad escape, NUL or not UTF-8
Result<std::string> percent_decoded(std::string_view text, bool plus_is_blank, std::string_view field);

class Query {
 public:
  /// known  the parameters this route has, separated by blanks
  /// errors invalid_input api.unknown_query (field = name, left = known), api.query (twice, malformed, too long)
  static Result<Query> parse(std::string_view raw, std::string_view known);

  bool has(std::string_view name) const;
  std::string text(std::string_view name) const;  // empty when absent
  /// errors  invalid_input api.query_range
  Result<int> number(std::string_view name, int low, int high, int when_absent) const;

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

}  // namespace taxgate::api
