#pragma once
// A submission as the command line makes it: from a file, from options, with a key of its own content.
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "protocol/api.pb.h"

namespace taxgate::cli {

/// The file's bytes, or all of stdin for "-". errors  those of read_file
Result<std::string> read_input(const std::string& path);

/// Lays what the options say over `request`. errors  invalid_input cli.line
Result<void> fill_from_options(const Given& given, api::v1::SubmissionRequest& request);

/// "[KIND=]FILE" as a paper: the file is hashed, its bytes stay. errors  those of read_file
Result<api::v1::Evidence> paper_of(const std::string& text);

/// Papers (--evidence [KIND=]FILE, hashed here; the file stays) and circumstances (--declare NAME=VALUE).
struct Declared {
  std::vector<api::v1::Evidence> evidence;
  api::v1::Circumstances circumstances;
};
/// errors  those of read_file; invalid_input cli.declare
Result<Declared> declared_of(const Given& given);
/// Adds the papers; circumstances only where the request says nothing.
void lay_under(const Declared& declared, api::v1::SubmissionRequest& request);
/// Both at once.
Result<void> declare(const Given& given, api::v1::SubmissionRequest& request);

/// Gives a request without an idempotency key one that its content makes, so that the same command given twice is one
/// submission.
void set_content_key(api::v1::SubmissionRequest& request);

}  // namespace taxgate::cli
