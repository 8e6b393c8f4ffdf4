#include "protocol/table_xml_document.h"

#include <charconv>
#include <sstream>

namespace taxgate::table {

Writer::Writer(std::string_view body) {
  pugi::xml_node declaration = document_.append_child(pugi::node_declaration);
  declaration.append_attribute("version") = "1.0";
  declaration.append_attribute("encoding") = "GBK";
  body_ = document_.append_child("FPXT").append_child(std::string(body).c_str());
}

void Writer::refuse(std::string_view field, std::string_view wanted) {
  if (!first_) first_ = fail(Errc::invalid_input, "table.field", std::string(field), std::string(wanted)).error();
}

void Writer::put(pugi::xml_node parent, const char* element, std::string_view value, std::string_view field) {
  // Checked one by one: converting the whole document later could not say whose character it was.
  if (auto gbk = to_gbk(value, field); !gbk && !first_) first_ = gbk.error();
  for (char c : value)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      refuse(field, "control character");  // XML 1.0 cannot hold them
  parent.append_child(element).text().set(std::string(value).c_str());
}

Result<Bytes> Writer::finish() const {
  if (first_) return std::unexpected(*first_);
  std::ostringstream out;
  document_.save(out, "", pugi::format_raw | pugi::format_no_empty_element_tags, pugi::encoding_utf8);
  return to_gbk(out.view(), {});
}

Result<Reader> Reader::open(ByteView gbk, const char* body) {
  if (gbk.size() > kMaxXml) return fail(Errc::corrupt, "table.xml", {}, {}, {}, "too large");
  auto text = from_gbk(gbk, {});
  if (!text) return std::unexpected(std::move(text.error()));
  Reader reader;
  // No DOCTYPE: pugixml expands no entities of its own, and parse_default drops the declaration subtree.
  const pugi::xml_parse_result parsed = reader.document_->load_buffer(
      text->data(), text->size(), pugi::parse_default | pugi::parse_ws_pcdata_single, pugi::encoding_utf8);
  if (!parsed) return fail(Errc::corrupt, "table.xml", {}, {}, {}, parsed.description());
  reader.body_ = reader.document_->child("FPXT").child(body);
  if (!reader.body_) return fail(Errc::corrupt, "table.xml", {}, {}, {}, std::string("no FPXT/") + body);
  return reader;
}

void Reader::remember(Error error) {
  if (!first_) first_ = std::move(error);
}

void Reader::remember(const char* element, std::string_view why) {
  remember(Error{Errc::corrupt, "table.field", element, {}, {}, std::string(why)});
}

std::string Reader::text(pugi::xml_node parent, const char* element) { return parent.child_value(element); }

std::string Reader::need(pugi::xml_node parent, const char* element) {
  std::string value = text(parent, element);
  if (value.empty()) remember(element, "missing");
  return value;
}

Fen Reader::fen(pugi::xml_node parent, const char* element) {
  auto parsed = Fen::parse(need(parent, element), element);
  if (!parsed) remember(parsed.error());
  return parsed.value_or(Fen{});
}

Decimal Reader::decimal(pugi::xml_node parent, const char* element) {
  auto parsed = Decimal::parse(need(parent, element), element);
  if (!parsed) remember(parsed.error());
  return parsed.value_or(Decimal{});
}

std::optional<Decimal> Reader::maybe_decimal(pugi::xml_node parent, const char* element) {
  if (text(parent, element).empty()) return std::nullopt;
  return decimal(parent, element);
}

int Reader::integer(pugi::xml_node parent, const char* element) {
  constexpr int kLargest = 1'000'000'000;
  const std::string value = text(parent, element);
  int number = 0;
  const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (!value.empty() && (ec != std::errc{} || end != value.data() + value.size() || number < 0 || number > kLargest)) {
    remember(element, "not an integer in range");
    return 0;
  }
  return number;
}

}  // namespace taxgate::table
