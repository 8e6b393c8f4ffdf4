#include "cli/files/submissions.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "cli/files/table.h"
#include "protocol/json_form.h"
#include "protocol/text.h"

namespace taxgate::files {
namespace {

using api::v1::SubmissionRequest;

enum class Kind : std::uint8_t { text, number, line, group, ignored };

struct Heading {
  std::string_view name;  // of the column
  Kind kind;
  void (*set)(SubmissionRequest&, std::string);
  std::array<std::string_view, 5> also;
};

api::v1::WantedLine& last_line(SubmissionRequest& request) { return *request.mutable_lines()->rbegin(); }

// Reasons lose their zero in a spreadsheet.
std::string reason_of(std::string text) {
  return text.size() == 1 && text[0] >= '1' && text[0] <= '4' ? "0" + text : text;
}

/// "return_slip=slip.pdf; report.pdf": read and hashed by whoever may open files.
void add_papers(SubmissionRequest& request, std::string cell) {
  std::string_view rest = cell;
  while (!rest.empty()) {
    const auto end = std::min(rest.find(';'), rest.size());
    std::string_view paper = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    while (paper.starts_with(' ')) paper.remove_prefix(1);
    while (paper.ends_with(' ')) paper.remove_suffix(1);
    if (!paper.empty()) request.add_evidence()->set_name(std::string(paper));
  }
}

constexpr auto nothing = [](SubmissionRequest&, std::string) {};

constexpr Heading kHeadings[] = {
    {"seller",
     Kind::text,
     [](SubmissionRequest& r, std::string v) { r.set_seller(std::move(v)); },
     {"销售方纳税人识别号", "销方税号", "销售方税号", "纳税人识别号", {}}},
    {"blue_number",
     Kind::number,
     [](SubmissionRequest& r, std::string v) { r.set_blue_number(std::move(v)); },
     {"原蓝字发票号码", "蓝字发票号码", "数电发票号码", "发票号码", "蓝票号码"}},
    {"reason",
     Kind::text,
     [](SubmissionRequest& r, std::string v) { r.set_reason(reason_of(std::move(v))); },
     {"红冲原因", "原因", "冲红原因", "开具原因", {}}},
    {"line", Kind::line, nothing, {"明细行号", "行号", "蓝字发票明细序号", "明细序号", {}}},
    {"quantity",
     Kind::number,
     [](SubmissionRequest& r, std::string v) { last_line(r).set_quantity(std::move(v)); },
     {"数量", {}, {}, {}, {}}},
    {"amount",
     Kind::number,
     [](SubmissionRequest& r, std::string v) { last_line(r).set_amount(std::move(v)); },
     {"金额", "不含税金额", {}, {}, {}}},
    {"total",
     Kind::number,
     [](SubmissionRequest& r, std::string v) { last_line(r).set_total(std::move(v)); },
     {"价税合计", "含税金额", {}, {}, {}}},
    {"initiator",
     Kind::text,
     [](SubmissionRequest& r, std::string v) {
       r.set_initiator(v == "销售方" || v == "销方" ? "seller" : v == "购买方" || v == "购方" ? "buyer" : v);
     },
     {"发起方", "录入方身份", "我方身份", {}, {}}},
    {"tax_device",
     Kind::number,
     [](SubmissionRequest& r, std::string v) { r.set_tax_device(std::move(v)); },
     {"税控设备编号", "设备编号", {}, {}, {}}},
    {"codes",
     Kind::text,
     [](SubmissionRequest& r, std::string v) { r.set_codes(std::move(v)); },
     {"代码渠道", {}, {}, {}, {}}},
    {"idempotency_key",
     Kind::text,
     [](SubmissionRequest& r, std::string v) { r.set_idempotency_key(std::move(v)); },
     {"幂等键", {}, {}, {}, {}}},
    {"order",
     Kind::text,
     [](SubmissionRequest& r, std::string v) { r.mutable_context()->set_order(std::move(v)); },
     {"订单", "订单号", {}, {}, {}}},
    {"contract",
     Kind::text,
     [](SubmissionRequest& r, std::string v) { r.mutable_context()->set_contract(std::move(v)); },
     {"合同", "合同号", {}, {}, {}}},
    {"project",
     Kind::text,
     [](SubmissionRequest& r, std::string v) { r.mutable_context()->set_project(std::move(v)); },
     {"项目", {}, {}, {}, {}}},
    {"org_unit",
     Kind::text,
     [](SubmissionRequest& r, std::string v) { r.mutable_context()->set_org_unit(std::move(v)); },
     {"部门", {}, {}, {}, {}}},
    {"operator",
     Kind::text,
     [](SubmissionRequest& r, std::string v) { r.mutable_context()->set_operator_(std::move(v)); },
     {"经办人", {}, {}, {}, {}}},
    {"approver",
     Kind::text,
     [](SubmissionRequest& r, std::string v) { r.mutable_context()->set_approver(std::move(v)); },
     {"审批人", {}, {}, {}, {}}},
    {"planned_reissue",
     Kind::text,
     [](SubmissionRequest& r, std::string v) { r.mutable_context()->set_planned_reissue(std::move(v)); },
     {"拟重开", {}, {}, {}, {}}},
    {"replaces",
     Kind::text,
     [](SubmissionRequest& r, std::string v) { r.mutable_context()->set_replaces(std::move(v)); },
     {"替代的提交", {}, {}, {}, {}}},
    {"performed",
     Kind::number,
     [](SubmissionRequest& r, std::string v) { r.mutable_circumstances()->set_performed(std::move(v)); },
     {"履约进度", {}, {}, {}, {}}},
    {"customer_class",
     Kind::text,
     [](SubmissionRequest& r, std::string v) { r.mutable_circumstances()->set_customer_class(std::move(v)); },
     {"客户类型", {}, {}, {}, {}}},
    {"settlement_cycle",
     Kind::text,
     [](SubmissionRequest& r, std::string v) { r.mutable_circumstances()->set_settlement_cycle(std::move(v)); },
     {"结算周期", {}, {}, {}, {}}},
    {"province",
     Kind::text,
     [](SubmissionRequest& r, std::string v) { r.mutable_circumstances()->set_province(std::move(v)); },
     {"省份", {}, {}, {}, {}}},
    {"evidence", Kind::text, add_papers, {"附件", "证明材料", {}, {}, {}}},
    {"group", Kind::group, nothing, {"组", "分组", {}, {}, {}}},
    // Columns that people keep beside; what is not known at all is refused, because a misspelt "quantity" would turn a
    // part into the whole.
    {"remark", Kind::ignored, nothing, {"备注", "note", "序号", "no", {}}},
    {"buyer", Kind::ignored, nothing, {"购买方名称", "购方名称", "销售方名称", "销方名称", {}}},
    {"issued_at", Kind::ignored, nothing, {"开票日期", {}, {}, {}, {}}},
};

const Heading* heading_named(std::string_view text) {
  std::string name;
  for (const char c : text)
    if (c != ' ' && c != '*') name += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  for (const auto& heading : kHeadings)
    if (name == heading.name || std::ranges::find(heading.also, std::string_view(name)) != heading.also.end())
      return &heading;
  return nullptr;
}

Error whole(std::string id, std::string field, std::string wanted = {}, std::string left = {}) {
  return {Errc::invalid_input, std::move(id), std::move(field), std::move(wanted), std::move(left), {}};
}

struct Layout {
  std::vector<const Heading*> columns;  // null: ignored
  std::optional<std::size_t> line, group;
};

Result<Layout> layout_of(const Row& head) {
  Layout layout;
  bool number = false;
  for (std::size_t i = 0; i < head.cells.size(); ++i) {
    const std::string& cell = head.cells[i];
    if (cell.empty() || cell.starts_with('#')) {
      layout.columns.push_back(nullptr);
      continue;
    }
    const Heading* heading = heading_named(cell);
    if (heading == nullptr) return std::unexpected(whole("files.column_unknown", place(head.number, i), shown(cell)));
    if (heading->kind != Kind::ignored && std::ranges::find(layout.columns, heading) != layout.columns.end())
      return std::unexpected(whole("files.column_twice", place(head.number, i), shown(cell)));
    layout.columns.push_back(heading);
    if (heading->kind == Kind::line) layout.line = i;
    if (heading->kind == Kind::group) layout.group = i;
    number = number || heading->name == "blue_number";
  }
  if (!number) return std::unexpected(whole("files.column_missing", place(head.number, 0), "blue_number"));
  return layout;
}

std::string cell_of(const Row& row, std::optional<std::size_t> column) {
  return column && *column < row.cells.size() ? row.cells[*column] : std::string();
}

/// Adds what the row says to the entry: the whole submission, or one more line of it.
void take(const Layout& layout, const Row& row, Entry& entry, SubmissionRequest& request) {
  std::ranges::copy(row.faults, std::back_inserter(entry.faults));
  const auto fault = [&](const char* id, std::size_t column) {
    entry.faults.push_back({Errc::invalid_input, id, place(row.number, column), shown(row.cells[column]), {}, {}});
  };
  const auto given = [&](std::string_view name) {
    for (std::size_t i = 0; i < layout.columns.size(); ++i)
      if (layout.columns[i] != nullptr && layout.columns[i]->name == name) return !cell_of(row, i).empty();
    return false;
  };
  bool line = false;
  if (layout.line && !cell_of(row, layout.line).empty()) {
    const std::string& text = row.cells[*layout.line];
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc{} && end == text.data() + text.size() && number > 0) {
      request.add_lines()->set_blue_line(number);
      line = true;
    } else {
      fault(scientific(text, true) ? "files.scientific" : "files.number", *layout.line);
      return;
    }
  } else if (given("quantity") || given("amount") || given("total")) {
    // Of which line? One must not guess: without a line the wish would be a full red.
    entry.faults.push_back(
        {Errc::invalid_input, "files.no_line", place(row.number, layout.line.value_or(0)), {}, {}, {}});
    return;
  }
  for (std::size_t i = 0; i < std::min(row.cells.size(), layout.columns.size()); ++i) {
    const Heading* heading = layout.columns[i];
    if (heading == nullptr || row.cells[i].empty() || heading->kind == Kind::ignored) continue;
    if (scientific(row.cells[i], heading->kind == Kind::number)) {
      fault("files.scientific", i);
      continue;
    }
    if (!line && (heading->name == "quantity" || heading->name == "amount" || heading->name == "total")) continue;
    std::string value = row.cells[i];
    // Thousands are written with commas by people, never by the schema.
    if (heading->kind == Kind::number && heading->name != "blue_number") std::erase(value, ',');
    heading->set(request, std::move(value));
  }
}

/// One more line of a group's submission. What else the row says must be what the first row said, or nothing: the last
/// of two reasons would win unseen. False: it is another submission, or one of the two is a red of all that is left.
bool add_to_group(SubmissionRequest said, SubmissionRequest& group) {
  if (said.lines().empty() || group.lines().empty()) return false;
  for (const auto& paper : group.evidence())  // a paper that every row repeats is one paper
    for (int i = said.evidence_size() - 1; i >= 0; --i)
      if (said.evidence(i).name() == paper.name()) said.mutable_evidence()->DeleteSubrange(i, 1);
  SubmissionRequest both = group;
  both.MergeFrom(said);
  SubmissionRequest head = group;
  head.mutable_lines()->MergeFrom(said.lines());
  head.mutable_evidence()->MergeFrom(said.evidence());
  if (both.SerializeAsString() != head.SerializeAsString()) return false;
  group = std::move(both);
  return true;
}

Result<std::vector<Entry>> entries_of(const Rows& rows) {
  if (rows.empty()) return std::unexpected(whole("files.empty", {}));
  const auto layout = layout_of(rows.front());
  if (!layout) return std::unexpected(layout.error());
  // A heading alone is an export that went wrong; that all of nothing is allowed would hide it.
  if (rows.size() == 1) return std::unexpected(whole("files.empty", {}));
  std::vector<Entry> entries;
  std::string group;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const std::string of_row = cell_of(rows[i], layout->group);
    const bool same = !of_row.empty() && of_row == group && !entries.empty();
    group = of_row;
    if (!same) {
      entries.push_back({.row = rows[i].number, .request = SubmissionRequest(), .faults = {}});
    }
    Entry& entry = entries.back();
    SubmissionRequest said;
    take(*layout, rows[i], entry, said);
    if (!same)
      *entry.request = std::move(said);
    else if (entry.faults.empty() && !add_to_group(std::move(said), *entry.request))
      entry.faults.push_back({Errc::invalid_input,
                              "files.group",
                              place(rows[i].number, layout->group.value_or(0)),
                              shown(of_row),
                              {},
                              {}});
  }
  for (Entry& entry : entries)
    if (!entry.faults.empty()) entry.request.reset();
  return entries;
}

/// A long number that a spreadsheet spoiled before it was exported as JSON.
void look_for_scientific(const SubmissionRequest& request, Entry& entry) {
  const auto look = [&](const std::string& text, const char* field) {
    if (scientific(text, true))
      entry.faults.push_back({Errc::invalid_input,
                              "files.scientific",
                              "row " + std::to_string(entry.row) + ": " + field,
                              shown(text),
                              {},
                              {}});
  };
  look(request.blue_number(), "blue_number");
  look(request.tax_device(), "tax_device");
  for (const auto& line : request.lines()) {
    look(line.quantity(), "lines.quantity");
    look(line.amount(), "lines.amount");
    look(line.total(), "lines.total");
  }
}

std::vector<Entry> read_lines(std::string_view text) {
  std::vector<Entry> entries;
  int number = 0;
  while (!text.empty() && entries.size() < kMaxRows) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    Entry entry;
    entry.row = number;
    SubmissionRequest request;
    if (auto read = from_json(line, request); !read) {
      Error fault = read.error();
      fault.field = "row " + std::to_string(number) + (fault.field.empty() ? "" : ": " + fault.field);
      entry.faults.push_back(std::move(fault));
    } else {
      look_for_scientific(request, entry);
    }
    if (entry.faults.empty()) entry.request = std::move(request);
    entries.push_back(std::move(entry));
  }
  if (!text.empty())
    entries.push_back({number + 1,
                       std::nullopt,
                       {whole("files.too_long", "row " + std::to_string(number + 1), {}, std::to_string(kMaxRows))}});
  return entries;
}

}  // namespace

Result<std::vector<Entry>> read_submissions(std::string_view bytes) {
  if (bytes.starts_with("PK\x03\x04")) {
    const auto rows = read_xlsx(bytes);
    if (!rows) return std::unexpected(rows.error());
    return entries_of(*rows);
  }
  if (bytes.starts_with("\xD0\xCF\x11\xE0")) return std::unexpected(whole("files.old_xls", {}));
  if (bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF")) return std::unexpected(whole("files.utf16", {}));
  std::string_view text = bytes;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return std::unexpected(whole("files.empty", {}));
  if (text[first] == '{') return read_lines(text);
  if (text[first] == '[') return std::unexpected(whole("files.json_array", {}));
  return entries_of(read_csv(bytes));
}

}  // namespace taxgate::files
