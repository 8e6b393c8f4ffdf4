#pragma once
// The part of JSON Schema that docs/openapi.json uses: a validator and a generator of random instances. Test code; slow
// and obvious. An unknown keyword fails loudly, so that the document cannot outgrow it silently.
#include <algorithm>
#include <boost/json.hpp>
#include <random>
#include <regex>
#include <set>
#include <stdexcept>
#include <string>

namespace taxgate::api {

class Schemas {
 public:
  explicit Schemas(const boost::json::value& document) : document_(document) {}

  /// Empty when valid, else the path and the reason.
  std::string check(const boost::json::value& value, const boost::json::object& schema,
                    const std::string& path = "$") const {
    const auto& s = resolved(schema);
    only_known(s);
    if (const auto* one_of = s.if_contains("enum"))
      if (std::ranges::find(one_of->as_array(), value) == one_of->as_array().end())
        return path + ": not one of the enum";
    const std::string type(s.at("type").as_string());
    if (type == "object") return check_object(value, s, path);
    if (type == "array") {
      if (!value.is_array()) return path + ": no array";
      for (std::size_t i = 0; i < value.get_array().size(); ++i)
        if (auto bad = check(value.get_array()[i], s.at("items").as_object(), path + "[" + std::to_string(i) + "]");
            !bad.empty())
          return bad;
      return {};
    }
    if (type == "boolean") return value.is_bool() ? std::string() : path + ": no boolean";
    if (type == "integer") {
      if (!value.is_int64() && !value.is_uint64()) return path + ": no integer";
      const auto n = value.to_number<std::int64_t>();
      if (const auto* low = s.if_contains("minimum"); low && n < low->as_int64()) return path + ": too small";
      if (const auto* high = s.if_contains("maximum"); high && n > high->as_int64()) return path + ": too large";
      return {};
    }
    if (!value.is_string()) return path + ": no string";
    const std::string text(value.get_string());
    if (const auto* pattern = s.if_contains("pattern");
        pattern && !std::regex_search(text, std::regex(std::string(pattern->as_string()))))
      return path + ": does not match the pattern";
    if (const auto* least = s.if_contains("minLength");
        least && text.size() < static_cast<std::size_t>(least->as_int64()))
      return path + ": too short";
    if (const auto* most = s.if_contains("maxLength"); most && text.size() > most->to_number<std::size_t>())
      return path + ": too long";
    return {};
  }

  boost::json::value random(const boost::json::object& schema, std::mt19937& r, int depth = 0) const {
    const auto& s = resolved(schema);
    only_known(s);
    if (const auto* one_of = s.if_contains("enum")) return one_of->as_array()[r() % one_of->as_array().size()];
    const std::string type(s.at("type").as_string());
    if (type == "object") {
      boost::json::object out;
      if (depth > 4) return out;
      std::set<std::string> required;
      if (const auto* names = s.if_contains("required"))
        for (const auto& name : names->as_array()) required.emplace(name.as_string());
      for (const auto& [name, property] : s.at("properties").as_object())
        if (required.contains(name) || r() % 2) out[name] = random(property.as_object(), r, depth + 1);
      return out;
    }
    if (type == "array") {
      boost::json::array out;
      for (unsigned n = r() % 3; n > 0; --n) out.push_back(random(s.at("items").as_object(), r, depth + 1));
      return out;
    }
    if (type == "boolean") return r() % 2 == 0;
    if (type == "integer") {
      const auto* low = s.if_contains("minimum");
      const auto* high = s.if_contains("maximum");
      const std::int64_t from = low ? low->as_int64() : -5, to = high ? high->as_int64() : 1000;
      return from + static_cast<std::int64_t>(r() % static_cast<std::uint64_t>(to - from + 1));
    }
    if (const auto* example = s.if_contains("example")) return *example;  // every pattern comes with one
    if (s.contains("pattern")) throw std::runtime_error("a pattern without an example");
    static const std::vector<std::string> kTexts{"x", "销货退回", "a\"b\\c\n", "26990000000000000001",
                                                 "\xF0\x9F\xA7\xBE"};
    return boost::json::value(kTexts[r() % kTexts.size()]);
  }

 private:
  const boost::json::object& resolved(const boost::json::object& schema) const {
    const auto* reference = schema.if_contains("$ref");
    // Every schema is a part of document_, as what is returned otherwise.
    // NOLINTNEXTLINE(bugprone-return-const-ref-from-parameter)
    if (!reference) return schema;
    std::string pointer(reference->as_string());
    return document_.at_pointer(pointer.substr(1)).as_object();
  }

  std::string check_object(const boost::json::value& value, const boost::json::object& s,
                           const std::string& path) const {
    if (!value.is_object()) return path + ": no object";
    const auto* properties = s.if_contains("properties");
    if (!properties) return {};
    if (const auto* names = s.if_contains("required"))
      for (const auto& name : names->as_array())
        if (!value.get_object().contains(name.as_string())) return path + ": lacks " + std::string(name.as_string());
    for (const auto& [name, below] : value.get_object()) {
      const auto* property = properties->as_object().if_contains(name);
      if (!property) return path + ": unknown " + std::string(name);
      if (auto bad = check(below, property->as_object(), path + "." + std::string(name)); !bad.empty()) return bad;
    }
    return {};
  }

  static void only_known(const boost::json::object& schema) {
    static const std::set<std::string, std::less<>> kKnown{
        "type",      "format",     "properties", "additionalProperties",
        "required",  "items",      "enum",       "pattern",
        "minLength", "maxLength",  "minimum",    "maximum",
        "example",   "description"};
    for (const auto& [keyword, value] : schema)
      if (!kKnown.contains(std::string(keyword)))
        throw std::runtime_error("unknown schema keyword " + std::string(keyword));
  }

  const boost::json::value& document_;
};

}  // namespace taxgate::api
