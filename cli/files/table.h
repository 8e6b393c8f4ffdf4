#pragma once
// A table as a person's file holds it: rows of text cells, whatever the file was. What cannot be read of a row is a
// fault of that row; the others go on. Plain data. Pure and total on any bytes; thread-safe.
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error.h"

namespace taxgate::files {

struct Row {
  int number = 0;                  // 1-based: line of the CSV file where it begins, row of the sheet
  std::vector<std::string> cells;  // UTF-8, trimmed; at most kMaxColumns
  std::vector<Error> faults;       // field: "row 3, column B"
};
using Rows = std::vector<Row>;

inline constexpr std::size_t kMaxRows = 200'000;     // a batch of a day with room; larger ones are split
inline constexpr std::size_t kMaxColumns = 256;      // the submission has 20
inline constexpr std::size_t kMaxCell = 8192;        // bytes; the longest name of the law is 300
inline constexpr std::size_t kMaxPart = 128U << 20;  // bytes of one part of an xlsx when inflated: a bomb ends here
inline constexpr std::size_t kMaxDigits = 15;        // digits a spreadsheet's number keeps

/// CSV: RFC 4180, separated by comma, or by tab or semicolon where the first line has no comma. UTF-8 with or without
/// BOM, else GB18030; a line that is neither is at fault alone. ="123" and a leading ' are how spreadsheets write text.
Rows read_csv(std::string_view bytes);
/// The first sheet. Numbers come as they are written, at most 15 digits; shared and inline strings; no formula is run.
/// errors  invalid_input files.xlsx (not a workbook, damaged, encrypted, too large)
Result<Rows> read_xlsx(std::string_view bytes);

/// "B" of 1, "AA" of 26.
std::string column_letters(std::size_t index);
/// "row 3, column B".
std::string place(int row, std::size_t column);
/// 2.699E+19: what a spreadsheet made of a long number. `any`: also 2E19, which a taxpayer id may look like.
bool scientific(std::string_view text, bool any);

struct Column {
  std::string heading;
  bool number = false;  // a number in xlsx; everything else is text, so that no digit is lost
};
using TextRows = std::vector<std::vector<std::string>>;
/// UTF-8 with BOM, CRLF. Long digits as ="…", so that a spreadsheet keeps them; a text that would be a formula gets a
/// '.
std::string write_csv(const std::vector<Column>& columns, const TextRows& rows);
/// One sheet. Equal rows give equal bytes.
std::string write_xlsx(const std::vector<Column>& columns, const TextRows& rows);

}  // namespace taxgate::files
