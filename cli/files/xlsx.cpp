#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>
#include <pugixml.hpp>

#include "cli/files/table.h"
#include "cli/files/zip.h"
#include "protocol/text.h"

namespace taxgate::files {
namespace {

constexpr std::size_t kFirstColumns = 16384;  // of a sheet, XFD

Error damaged(std::string part) { return {Errc::invalid_input, "files.xlsx", std::move(part), {}, {}, {}}; }

// Some writers prefix every element ("x:row").
std::string_view local(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  const auto colon = name.find(':');
  return colon == name.npos ? name : name.substr(colon + 1);
}

pugi::xml_node child(const pugi::xml_node& parent, std::string_view name) {
  for (const auto& node : parent.children())
    if (local(node) == name) return node;
  return {};
}

bool load(pugi::xml_document& document, const std::string& text) {
  return static_cast<bool>(document.load_buffer(
      text.data(), text.size(), pugi::parse_default | pugi::parse_ws_pcdata_single, pugi::encoding_auto));
}

// <si>: one text, or runs of formatted text; phonetic guides (rPh) are no part of it.
std::string text_of(const pugi::xml_node& node) {
  std::string out;
  for (const auto& part : node.children()) {
    if (local(part) == "t") out += part.text().get();
    if (local(part) == "r") out += child(part, "t").text().get();
    if (out.size() > kMaxCell) break;
  }
  return out;
}

std::vector<std::string> shared_strings(std::string_view archive) {
  std::vector<std::string> out;
  const auto part = unzip(archive, "xl/sharedStrings.xml");
  pugi::xml_document document;
  if (!part || !load(document, *part)) return out;
  for (const auto& si : document.document_element().children())
    if (local(si) == "si") out.push_back(text_of(si));
  return out;
}

// The sheet a person sees first, by the workbook's own list.
std::string first_sheet(std::string_view archive) {
  static constexpr const char* otherwise = "xl/worksheets/sheet1.xml";
  const auto book = unzip(archive, "xl/workbook.xml"), relations = unzip(archive, "xl/_rels/workbook.xml.rels");
  pugi::xml_document document, links;
  if (!book || !relations || !load(document, *book) || !load(links, *relations)) return otherwise;
  std::string id;
  for (const auto& attribute : child(child(document.document_element(), "sheets"), "sheet").attributes())
    if (std::string_view(attribute.name()).ends_with(":id")) id = attribute.value();
  for (const auto& link : links.document_element().children())
    if (id == link.attribute("Id").value()) {
      const std::string target = link.attribute("Target").value();
      return target.starts_with('/') ? target.substr(1) : "xl/" + target;
    }
  return otherwise;
}

/// "C7" → 2; the column after the one before when a writer leaves the reference out.
std::size_t column_of(std::string_view reference, std::size_t otherwise) {
  std::size_t column = 0, letters = 0;
  for (const char c : reference) {
    if (c < 'A' || c > 'Z') break;
    column = column * 26 + static_cast<std::size_t>(c - 'A' + 1);
    if (++letters > 3) return kFirstColumns;
  }
  return letters == 0 ? otherwise : column - 1;
}

/// A double as its writer meant it: 0.10000000000000001 is 0.1, and 20 digits are not what was typed.
std::string number_text(std::string_view raw, int row, std::size_t column, std::vector<Error>& faults) {
  const auto fault = [&](const char* id) {
    faults.push_back({Errc::invalid_input, id, place(row, column), shown(raw), {}, {}});
    return std::string();
  };
  if (raw.empty()) return {};
  if (scientific(raw, true)) return fault("files.scientific");
  const auto digits = static_cast<std::size_t>(std::ranges::count_if(raw, [](char c) { return c >= '0' && c <= '9'; }));
  if (raw.find('.') == raw.npos) return digits > kMaxDigits ? fault("files.lost_digits") : std::string(raw);
  double value = 0;
  const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), value);
  if (error != std::errc{} || end != raw.data() + raw.size()) return fault("files.number");
  char shortest[64];
  const auto written = std::to_chars(shortest, shortest + sizeof shortest, value, std::chars_format::general,
                                     static_cast<int>(kMaxDigits));
  const std::string out(shortest, written.ptr);
  return out.find('e') == out.npos ? out : fault("files.scientific");
}

void read_cell(const pugi::xml_node& cell, const std::vector<std::string>& strings, std::size_t column, Row& row) {
  const std::string_view type = cell.attribute("t").value();
  const std::string_view raw = child(cell, "v").text().get();
  std::string text;
  if (type == "s") {
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), index);
    if (error == std::errc{} && end == raw.data() + raw.size() && index < strings.size())
      text = strings[index];
    else if (!raw.empty())
      row.faults.push_back({Errc::invalid_input, "files.number", place(row.number, column), shown(raw), {}, {}});
  } else if (type == "inlineStr") {
    text = text_of(child(cell, "is"));
  } else if (type == "str" || type == "b") {
    text = raw;
  } else if (type == "e") {  // #REF!
    row.faults.push_back({Errc::invalid_input, "files.number", place(row.number, column), shown(raw), {}, {}});
  } else {
    text = number_text(raw, row.number, column, row.faults);
  }
  if (text.size() > kMaxCell || !is_utf8(text)) {
    row.faults.push_back({Errc::invalid_input,
                          text.size() > kMaxCell ? "files.long_cell" : "files.encoding",
                          place(row.number, column),
                          {},
                          {},
                          {}});
    return;
  }
  const auto from = text.find_first_not_of(" \t\r\n"), to = text.find_last_not_of(" \t\r\n");
  if (from == std::string::npos) return;
  if (row.cells.size() <= column) row.cells.resize(column + 1);
  row.cells[column] = text.substr(from, to - from + 1);
}

void put_row(std::string& out, std::size_t number, const std::vector<std::string>& cells,
             const std::vector<Column>* columns) {
  out += "<row r=\"" + std::to_string(number) + "\">";
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string reference = column_letters(i) + std::to_string(number);
    const bool as_number = columns != nullptr && i < columns->size() && (*columns)[i].number && !cells[i].empty() &&
                           cells[i].size() <= kMaxDigits && cells[i].find_first_not_of("0123456789.-") == cells[i].npos;
    if (as_number) {
      out += "<c r=\"" + reference + "\"><v>" + cells[i] + "</v></c>";
    } else if (!cells[i].empty()) {
      out += "<c r=\"" + reference + "\" t=\"inlineStr\"><is><t xml:space=\"preserve\">";
      out += xml_escaped(cells[i]);
      out += "</t></is></c>";
    }
  }
  out += "</row>";
}

}  // namespace

Result<Rows> read_xlsx(std::string_view bytes) {
  const std::string name = first_sheet(bytes);
  const auto part = unzip(bytes, name);
  pugi::xml_document sheet;
  if (!part || !load(sheet, *part)) return std::unexpected(damaged(shown(name)));
  const auto strings = shared_strings(bytes);
  Rows rows;
  int next = 1;
  for (const auto& node : child(sheet.document_element(), "sheetData").children()) {
    if (local(node) != "row") continue;
    if (rows.size() >= kMaxRows) {
      rows.push_back(
          {next, {}, {{Errc::invalid_input, "files.too_long", place(next, 0), {}, std::to_string(kMaxRows), {}}}});
      break;
    }
    Row row;
    row.number = node.attribute("r").as_int(next);
    if (row.number < 1 || row.number > 1'048'576) row.number = next;
    next = row.number + 1;
    std::size_t column = 0;
    for (const auto& cell : node.children()) {
      if (local(cell) != "c") continue;
      column = column_of(cell.attribute("r").value(), column);
      if (column < kMaxColumns) read_cell(cell, strings, column, row);
      ++column;
    }
    if (!row.cells.empty() || !row.faults.empty()) rows.push_back(std::move(row));
  }
  return rows;
}

std::string write_xlsx(const std::vector<Column>& columns, const TextRows& rows) {
  const std::string head = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
  const std::string package = "http://schemas.openxmlformats.org/package/2006/";
  const std::string office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
  const std::string main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
  const std::string type = "application/vnd.openxmlformats-officedocument.spreadsheetml.";
  std::string sheet = head + "<worksheet xmlns=\"" + main + "\"><sheetData>";
  std::vector<std::string> headings;
  headings.reserve(columns.size());
  for (const auto& column : columns) headings.push_back(column.heading);
  put_row(sheet, 1, headings, nullptr);
  for (std::size_t i = 0; i < rows.size(); ++i) put_row(sheet, i + 2, rows[i], &columns);
  sheet += "</sheetData></worksheet>";
  return zip(
      {{"[Content_Types].xml",
        head + "<Types xmlns=\"" + package + "content-types\"><Default Extension=\"rels\" ContentType=\"" +
            "application/vnd.openxmlformats-package.relationships+xml\"/><Override PartName=\"/xl/workbook.xml\" "
            "ContentType=\"" +
            type + "sheet.main+xml\"/><Override PartName=\"/xl/worksheets/sheet1.xml\" ContentType=\"" + type +
            "worksheet+xml\"/></Types>"},
       {"_rels/.rels", head + "<Relationships xmlns=\"" + package +
                           "relationships\"><Relationship Id=\"rId1\" Type=\"" + office +
                           "/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"},
       {"xl/workbook.xml", head + "<workbook xmlns=\"" + main + "\" xmlns:r=\"" + office +
                               "\"><sheets><sheet name=\"taxgate\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"},
       {"xl/_rels/workbook.xml.rels", head + "<Relationships xmlns=\"" + package +
                                          "relationships\"><Relationship Id=\"rId1\" Type=\"" + office +
                                          "/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>"},
       {"xl/worksheets/sheet1.xml", sheet}});
}

}  // namespace taxgate::files
