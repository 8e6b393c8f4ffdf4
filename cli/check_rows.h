#pragma once
// A file of submissions checked row by row through the local API. Used by `check` and by `red --from`.
#include <functional>
#include <string>
#include <vector>

#include "cli/files/submissions.h"
#include "cli/session.h"

namespace taxgate::cli {

struct CheckedRow {
  files::Entry entry;
  api::v1::CheckReply reply;  // answer "unreadable" when there is no request
  bool allowed() const { return reply.answer() != "refused" && reply.answer() != "unreadable"; }
};

/// --seller, --reason, --initiator and --codes stand for cells that are empty; --evidence and --declare are for every
/// row. errors  those of read_input, read_submissions and declared_of
Result<std::vector<CheckedRow>> read_rows(const Given& given, const std::string& path);

/// Asks for every row in order and tells `each`; progress on stderr when it takes longer than a second.
/// errors  the first answer that is no verdict
std::optional<Failed> check_rows(Session& session, std::vector<CheckedRow>& rows,
                                 const std::function<void(const CheckedRow&)>& each);

/// "checked 500 of 3,000" on stderr, at most once a second and never in the first; to(n, n) ends the line.
class Progress {
 public:
  Progress(const Screen& screen, std::string_view english, std::string_view zh, std::size_t of);
  void to(std::size_t done);

 private:
  std::string what_;
  std::size_t of_;
  std::int64_t next_ms_;
  bool shown_ = false;
};

}  // namespace taxgate::cli
