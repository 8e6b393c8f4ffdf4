#include "cli/selection.h"

#include <map>

#include "cli/files/table.h"
#include "cli/requests.h"
#include "protocol/text.h"

namespace taxgate::cli {
namespace {

constexpr std::string_view kFilters = "seller buyer product from to status";

}  // namespace

Result<std::string> selection_target(const Given& given) {
  std::map<std::string, std::string, std::less<>> wanted;
  for (const std::string& text : given.values("--filter")) {
    std::string* value = nullptr;
    for (const std::string_view word : words(text)) {
      const auto equals = word.find('=');
      if (equals == word.npos) {
        if (value == nullptr) return fail(Errc::invalid_input, "cli.filter", "--filter", text, std::string(kFilters));
        value->append(" ").append(word);
        continue;
      }
      const std::string name(word.substr(0, equals));
      if (!has_word(kFilters, name) || wanted.contains(name) || equals + 1 == word.size())
        return fail(Errc::invalid_input, "cli.filter", "--filter", std::string(word), std::string(kFilters));
      value = &(wanted[name] = word.substr(equals + 1));
    }
  }
  if (wanted.empty()) return fail(Errc::invalid_input, "cli.filter", "--filter", {}, std::string(kFilters));
  wanted.try_emplace("status", "reversible");
  std::string target = "/v1/invoices";
  for (const auto& [name, value] : wanted) add_query(target, name, value);
  add_query(target, "limit", kLargestPage);
  return target;
}

Answer<std::vector<CheckedRow>> select_rows(Session& session) {
  const auto target = selection_target(session.given());
  if (!target) return std::unexpected(failed(target.error()));
  const auto declared = declared_of(session.given());
  if (!declared) return std::unexpected(failed(declared.error()));
  std::vector<CheckedRow> rows;
  std::string after;
  do {
    std::string page = *target;
    add_query(page, "after", after);
    auto list = session.get_whole<api::v1::InvoiceList>(page);
    if (!list) return std::unexpected(list.error());
    for (const auto& invoice : list->invoices()) {
      if (rows.size() == files::kMaxRows)
        return std::unexpected(
            failed({Errc::invalid_input, "cli.filter_too_many", "--filter", {}, std::to_string(files::kMaxRows), {}}));
      api::v1::SubmissionRequest request;
      request.set_seller(invoice.seller().id());
      request.set_blue_number(invoice.number());
      if (auto filled = fill_from_options(session.given(), request); !filled)
        return std::unexpected(failed(filled.error()));
      lay_under(*declared, request);
      rows.push_back({.entry = {.row = static_cast<int>(rows.size()) + 1, .request = std::move(request), .faults = {}},
                      .reply = {}});
    }
    after = list->next();
  } while (!after.empty());
  return rows;
}

}  // namespace taxgate::cli
