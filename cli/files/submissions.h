#pragma once
// A person's file as submissions: JSON lines, CSV or xlsx. One row is one submission; rows that follow each other with
// the same `group` are the lines of one. docs/cli.md has the columns. Pure and total on any bytes; thread-safe.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/api.pb.h"
#include "protocol/error.h"

namespace taxgate::files {

struct Entry {
  int row = 0;  // where it begins
  std::optional<api::v1::SubmissionRequest> request;
  std::vector<Error> faults;  // not empty: there is no request. field: "row 3, column B" or "row 3: lines[0].amount"
};

/// In the order of the file.
/// errors (the file as a whole)  invalid_input files.empty, files.xlsx, files.old_xls, files.column_unknown,
/// files.column_missing, files.column_twice
Result<std::vector<Entry>> read_submissions(std::string_view bytes);

}  // namespace taxgate::files
