// What is left of a blue invoice: three cumulative caps, per line and in total (quantity, amount, tax; R2), full
// reversal (R4) and the invoice's status. Everything that is not void counts, issued or not.
#include <algorithm>

#include "simulator/platform/world_records.h"

namespace taxgate::simulator {

namespace {

struct LineCap {
  std::optional<Decimal> quantity;
  Fen amount, tax;
};

/// Caps by line number; a discount row (fphxz 01) reduces the line before it, as on the form, which shows merged lines.
std::map<int, LineCap> caps_of(const Invoice& invoice) {
  std::map<int, LineCap> caps;
  LineCap* previous = nullptr;
  for (const InvoiceLine& line : invoice.lines) {
    if (line.kind == LineKind::discount && previous != nullptr) {
      previous->amount += line.amount;
      previous->tax += line.tax;
      continue;
    }
    previous = &caps[line.number];
    *previous = {line.quantity, line.amount, line.tax};
  }
  return caps;
}

/// Takes the red lines (negative) off the caps. False: a sum that cannot be computed exactly.
bool take_off(std::map<int, LineCap>& caps, const std::vector<RedLine>& lines) {
  for (const RedLine& line : lines) {
    const auto cap = caps.find(line.blue_line);
    if (cap == caps.end()) continue;
    cap->second.amount += line.amount;
    cap->second.tax += line.tax;
    if (cap->second.quantity && line.quantity) {
      auto left = *cap->second.quantity + *line.quantity;
      if (!left) return false;
      cap->second.quantity = *left;
    }
  }
  return true;
}

}  // namespace

World::Left World::left_of(const Blue& blue) const {
  Left left{blue.invoice.amount, blue.invoice.tax};
  for (const std::string& uuid : blue.forms) {
    const FormRecord& record = forms_.at(uuid);
    if (!record.form.valid) continue;
    // With the protection off one form may have been turned into several reds.
    const auto times = static_cast<std::int64_t>(std::max<std::size_t>(1, record.reds.size()));
    left.amount.value += record.form.amount.value * times;
    left.tax.value += record.form.tax.value * times;
  }
  for (const std::string& id : blue.tables) {
    const TableRecord& record = tables_.at(id);
    if (!record.live()) continue;
    left.amount += record.row.red.amount;
    left.tax += record.row.red.tax;
  }
  return left;
}

bool World::has_open_document(const Blue& blue) const {
  if (blue.invoice.locked && blue.forms.empty() && blue.tables.empty()) return true;  // staged as locked
  return std::ranges::any_of(blue.forms,
                             [this](const std::string& uuid) {
                               const leqi::Form& form = forms_.at(uuid).form;
                               return form.valid && !form.issued;
                             }) ||
         std::ranges::any_of(blue.tables, [this](const std::string& id) {
           const auto cls = table::table_class(tables_.at(id).row.status);
           return cls == table::TableClass::approved || cls == table::TableClass::pending;
         });
}

std::string World::cap_breach(const Blue& blue, const RedDocument& red) const {
  const Left left = left_of(blue);
  if (left.amount.value <= 0 && left.tax.value <= 0) return "没有可红冲的金额";
  if (red.amount.abs() > left.amount) return "红字金额超过蓝字发票可红冲金额";
  if (red.tax.abs() > left.tax) return "红字税额超过蓝字发票可红冲税额";
  if (red.track == Track::information_table) return {};  // a table does not say which blue lines it takes from

  std::map<int, LineCap> caps = caps_of(blue.invoice);
  for (const std::string& uuid : blue.forms) {
    const FormRecord& record = forms_.at(uuid);
    if (record.form.valid && !take_off(caps, record.form.lines)) return "红字数量无法计算";
  }
  for (const RedLine& line : red.lines)
    if (!caps.contains(line.blue_line)) return "红字明细行在蓝字发票中不存在";
  if (!take_off(caps, red.lines)) return "红字数量无法计算";
  for (const auto& [number, cap] : caps) {
    if (cap.amount.value < 0) return "红字明细金额超过蓝字发票可红冲金额";
    if (cap.tax.value < 0) return "红字明细税额超过蓝字发票可红冲税额";
    if (cap.quantity && cap.quantity->sign() < 0) return "红字明细数量超过蓝字发票可红冲数量";
  }
  if (red.reason == Reason::wrong_invoice && (left.amount != blue.invoice.amount || left.tax != blue.invoice.tax ||
                                              red.amount != -blue.invoice.amount || red.tax != -blue.invoice.tax)) {
    return "冲红原因为开票有误时须全额红冲";
  }
  return {};
}

void World::refresh_status(Blue& blue) {
  Fen amount, tax;
  for (const std::string& uuid : blue.forms) {
    const FormRecord& record = forms_.at(uuid);
    const auto times = static_cast<std::int64_t>(record.reds.size());
    amount.value += record.form.amount.value * times;
    tax.value += record.form.tax.value * times;
  }
  for (const std::string& id : blue.tables) {
    const TableRecord& record = tables_.at(id);
    if (table::table_class(record.row.status) != table::TableClass::written_off) continue;
    amount += record.row.red.amount;
    tax += record.row.red.tax;
  }
  if (amount.value == 0 && tax.value == 0) {
    blue.invoice.status = blue.issued_status;
  } else {
    const bool fully = amount.abs() >= blue.invoice.amount && tax.abs() >= blue.invoice.tax;
    blue.invoice.status = fully ? "8" : "7";
  }
}

std::optional<RedDocument> World::full_red(const std::string& blue_number, Side initiator, Reason reason) const {
  const auto found = blues_.find(blue_number);
  if (found == blues_.end()) return std::nullopt;
  const Blue& blue = found->second;
  std::map<int, LineCap> caps = caps_of(blue.invoice);
  for (const std::string& uuid : blue.forms) {
    const FormRecord& record = forms_.at(uuid);
    if (record.form.valid && !take_off(caps, record.form.lines)) return std::nullopt;
  }
  RedDocument red;
  red.initiator = initiator;
  red.blue_number = blue.invoice.number;
  red.blue_type = blue.invoice.type;
  red.blue_issued_at = blue.invoice.issued_at;
  red.blue_amount = blue.invoice.amount;
  red.blue_tax = blue.invoice.tax;
  red.seller = blue.invoice.seller;
  red.buyer = blue.invoice.buyer;
  red.reason = reason;
  red.element = blue.invoice.element;
  for (const InvoiceLine& line : blue.invoice.lines) {
    const auto cap = caps.find(line.number);
    if (line.kind == LineKind::discount || cap == caps.end() ||
        (cap->second.amount.value <= 0 && cap->second.tax.value <= 0))
      continue;
    RedLine back{line.number, line.tax_code,       line.name, line.spec,        line.unit,      {},
                 {},          -cap->second.amount, line.rate, -cap->second.tax, line.preference};
    if (cap->second.quantity && line.price && line.kind == LineKind::normal) {
      back.quantity = cap->second.quantity->negated();
      back.price = line.price;
    }
    red.amount += back.amount;
    red.tax += back.tax;
    red.lines.push_back(std::move(back));
  }
  if (red.lines.empty()) return std::nullopt;
  return red;
}

}  // namespace taxgate::simulator
