#include "simulator/platform/night_services.h"

#include <fmt/format.h>

#include <algorithm>

#include "simulator/platform/outcomes.h"

namespace taxgate::simulator {
namespace {

namespace s = leqi::service;
using leqi::Direction;

/// The reply that every reader of these services stops at.
std::string refusal(std::string message) { return leqi::bulk_apply_reply_json({refused(std::move(message)), {}}); }

/// "" or why the platform refuses the window.
std::string wrong_window(const leqi::Window& window, bool any_type) {
  if (!leqi::within_one_month(window)) return "查询起止日期有误或跨月";
  const bool none = window.type.empty() && any_type;
  if (!none && window.type.size() != 2) return "发票类型有误";
  return {};
}

bool inside(const leqi::Window& window, LegalTime time) {
  return time >= window.from && time < window.to.plus_ms(kDayMs);
}

const Party& our_side(const Invoice& invoice, Direction direction) {
  return direction == Direction::issued ? invoice.seller : invoice.buyer;
}

listing::Facts facts_of(const Invoice& i) {
  return {.number = i.number,
          .type = i.type,
          .issued_at = i.issued_at,
          .seller_id = i.seller.id,
          .seller_name = i.seller.name,
          .buyer_id = i.buyer.id,
          .buyer_name = i.buyer.name,
          .amount = i.amount,
          .tax = i.tax,
          .red = i.is_red};
}

void set(PlatformStatus& status, StatusField field, std::string_view text, std::string_view otherwise) {
  const auto code = status_code(text.empty() ? otherwise : text);
  if (code) status.set(field, *code);
}

}  // namespace

bool NightServices::known(std::string_view service) {
  return service == s::night_apply || service == s::night_state || service == s::night_package ||
         service == s::night_changes || service == s::night_totals;
}

std::string NightServices::taxpayer_of(std::string_view service, std::string_view json) {
  if (service == s::night_apply) {
    if (const auto r = leqi::read_bulk_apply(json)) return r->window.taxpayer;
  } else if (service == s::night_state) {
    if (const auto r = leqi::read_bulk_state(json)) return r->taxpayer;
  } else if (service == s::night_package) {
    if (const auto r = leqi::read_package(json)) return r->taxpayer;
  } else if (service == s::night_changes) {
    if (const auto r = leqi::read_changes(json)) return r->window.taxpayer;
  } else if (const auto r = leqi::read_totals(json)) {
    return r->taxpayer;
  }
  return {};
}

bool NightServices::budget_spent(std::int64_t machine_ms, Answer& answer) {
  if (behaviour_.calls == 0) return false;
  while (!calls_.empty() && calls_.front() <= machine_ms - behaviour_.window_ms) calls_.pop_front();
  if (calls_.size() < behaviour_.calls) {
    calls_.push_back(machine_ms);
    return false;
  }
  const std::int64_t wait_ms = calls_.front() + behaviour_.window_ms - machine_ms;
  answer.retry_after_s = static_cast<int>((wait_ms + 999) / 1000);
  return true;
}

NightServices::Answer NightServices::handle(std::string_view service, std::string_view json, const FaultAction& fault,
                                            LegalTime now, std::int64_t machine_ms) {
  Answer answer;
  if (budget_spent(machine_ms, answer)) return answer;
  if (service == s::night_apply) {
    answer.page = apply(json, now);
  } else if (service == s::night_state) {
    answer.page = state(json, now);
  } else if (service == s::night_package) {
    answer.page = package(json, fault, now);
  } else if (service == s::night_changes) {
    answer.page = incremental(json, fault, now);
  } else {
    answer.page = totals(json, fault);
  }
  return answer;
}

// ---- what there is -------------------------------------------------------------------------------------------------

PlatformStatus NightServices::world_status(const Invoice& invoice, bool locked) const {
  PlatformStatus status = fresh_status();
  set(status, StatusField::state, invoice.status, "0");
  set(status, StatusField::use, invoice.use, "0");
  set(status, StatusField::booking, invoice.booking, "01");
  set(status, StatusField::lock, locked || invoice.locked ? "Y" : "N", "N");
  const auto changed = overlay_.find(invoice.number);
  return changed == overlay_.end() ? status : status.updated_by(changed->second);
}

std::uint64_t NightServices::Content::total() const {
  std::uint64_t all = others.size();
  for (const Piece& piece : pieces) all += piece.last - piece.first;
  return all;
}

NightServices::Content NightServices::content_of(const leqi::Window& window) const {
  Content content;
  const auto& lots = population_.lots();
  for (std::size_t n = 0; n < lots.size(); ++n) {
    const Lot& lot = lots[n];
    if (lot.taxpayer.id != window.taxpayer || lot.direction != window.direction || lot.type != window.type) continue;
    const auto [first, last] = lot.within(window);
    if (first < last) content.pieces.push_back({n, first, last});
  }
  world_.each_invoice([&](const Invoice& invoice, bool locked) {
    if (our_side(invoice, window.direction).id != window.taxpayer || invoice.type != window.type ||
        !inside(window, invoice.issued_at))
      return;
    content.others.emplace_back(facts_of(invoice), world_status(invoice, locked));
  });
  std::ranges::sort(content.others, {}, [](const Record& r) -> const std::string& { return r.first.number; });
  return content;
}

std::optional<NightServices::Record> NightServices::record(const std::string& number) const {
  if (const auto place = population_.find(number)) {
    const Lot& lot = population_.lots()[place->lot];
    return Record{lot.facts(place->i), lot.status[place->i]};
  }
  if (const Invoice* blue = world_.invoice(number))
    return Record{facts_of(*blue), world_status(*blue, world_.locked(number))};
  std::optional<Record> found;
  world_.each_invoice([&](const Invoice& invoice, bool locked) {
    if (invoice.number == number) found = Record{facts_of(invoice), world_status(invoice, locked)};
  });
  return found;
}

std::optional<leqi::InvoiceStatusReply> NightServices::single(const leqi::InvoiceStatusRequest& request) const {
  const bool worlds_own = world_.invoice(request.number) != nullptr && !overlay_.contains(request.number);
  if (worlds_own && !population_.find(request.number)) return std::nullopt;
  const auto known = record(request.number);
  if (!known || (known->first.seller_id != request.taxpayer && known->first.buyer_id != request.taxpayer))
    return std::nullopt;
  const auto& [facts, status] = *known;
  leqi::InvoiceStatusReply reply;
  reply.outcome = done();
  reply.number = facts.number;
  reply.status = status.text(StatusField::state);
  reply.use = status.text(StatusField::use);
  reply.booking = status.text(StatusField::booking);
  reply.locked = status.text(StatusField::lock) == "Y";
  if (facts.red) return reply;  // nothing of a red is left to reverse
  reply.left_amount = facts.amount;
  reply.left_tax = facts.tax;
  return reply;
}

std::vector<std::string> NightServices::statuses(const std::string& taxpayer, Direction direction) const {
  std::vector<std::string> out;
  const auto add = [&out](std::string line, PlatformStatus status) {
    for (std::size_t f = 0; f < kStatusFields; ++f) line.append("|").append(status.text(static_cast<StatusField>(f)));
    out.push_back(std::move(line));
  };
  for (const Lot& lot : population_.lots())
    if (lot.taxpayer.id == taxpayer && lot.direction == direction)
      for (std::uint64_t i = 0; i < lot.status.size(); ++i) add(lot.number(i), lot.status[i]);
  world_.each_invoice([&](const Invoice& invoice, bool locked) {
    if (our_side(invoice, direction).id == taxpayer) add(invoice.number, world_status(invoice, locked));
  });
  std::ranges::sort(out);
  return out;
}

// ---- changes -------------------------------------------------------------------------------------------------------

void NightServices::enter(const std::string& taxpayer, Direction direction, LegalTime at, std::string number) {
  std::vector<Entry>& entries = streams_[{taxpayer, direction}];
  if (!entries.empty()) at = std::max(at, entries.back().at);  // positions and days rise together
  entries.push_back({at, std::move(number)});
}

std::uint64_t NightServices::change(const Population::Change& order, LegalTime now) {
  const auto changed = population_.change(order);
  for (const Population::Place& place : changed) {
    const Lot& lot = population_.lots()[place.lot];
    enter(lot.taxpayer.id, lot.direction, now, lot.number(place.i));
  }
  return changed.size();
}

bool NightServices::change(const std::string& number, Deed deed, LegalTime now) {
  const auto known = record(number);
  const auto after = known ? done_to(known->second, deed) : std::nullopt;
  if (!after) return false;
  if (const auto place = population_.find(number)) {
    const Lot& lot = population_.lots()[place->lot];
    population_.status(*place) = *after;
    enter(lot.taxpayer.id, lot.direction, now, number);
    return true;
  }
  // Only what the deed changed: the World goes on having its own say about the rest.
  PlatformStatus& kept = overlay_[number];
  for (std::size_t f = 0; f < kStatusFields; ++f) {
    const auto field = static_cast<StatusField>(f);
    if (after->get(field) != known->second.get(field)) kept.set(field, after->get(field));
  }
  enter(known->first.seller_id, Direction::issued, now, number);
  enter(known->first.buyer_id, Direction::received, now, number);
  return true;
}

void NightServices::note(const Effect& effect) {
  for (const std::string& number : {effect.blue_number, effect.red_number}) {
    if (number.empty()) continue;
    enter(effect.seller, Direction::issued, effect.legal, number);
    enter(effect.buyer, Direction::received, effect.legal, number);
  }
}

std::int64_t NightServices::changes(const std::string& taxpayer, Direction direction) const {
  const auto found = streams_.find({taxpayer, direction});
  return found == streams_.end() ? 0 : static_cast<std::int64_t>(found->second.size());
}

std::string NightServices::incremental(std::string_view json, const FaultAction& fault, LegalTime) {
  const auto request = leqi::read_changes(json);
  if (!request) return refusal(malformed(request.error()));
  const leqi::Window& window = request->window;
  if (std::string why = wrong_window(window, true); !why.empty()) return refusal(std::move(why));
  static const std::vector<Entry> kNothing;
  const auto found = streams_.find({window.taxpayer, window.direction});
  const std::vector<Entry>& entries = found == streams_.end() ? kNothing : found->second;
  if (request->cursor > static_cast<std::int64_t>(entries.size())) return refusal("游标无效");
  std::size_t at = std::min(static_cast<std::size_t>(request->cursor + fault.cursor_moved), entries.size());
  // What lies before the window's first day was asked for long ago, or never will be.
  while (at < entries.size() && entries[at].at < window.from && fault.cursor_moved == 0) ++at;
  const bool skipped = at != static_cast<std::size_t>(request->cursor) && fault.cursor_moved == 0;
  leqi::ChangesHead head;
  head.first = skipped ? request->cursor : static_cast<std::int64_t>(at);
  std::string records;
  std::uint64_t written = 0;
  for (; at < entries.size() && written < request->limit && inside(window, entries[at].at); ++at) {
    const auto known = record(entries[at].number);
    if (!known || (!window.type.empty() && known->first.type != window.type)) continue;
    listing::append_record(records, listing::Form::json, known->first, known->second);
    ++written;
  }
  head.next = static_cast<std::int64_t>(at);
  head.more = at < entries.size() && inside(window, entries[at].at);
  std::string page = leqi::changes_page({1, 1, written}, head, records);
  if (fault.page == "cut") page.resize(page.size() / 2);
  return page;
}

std::string NightServices::totals(std::string_view json, const FaultAction& fault) const {
  const auto window = leqi::read_totals(json);
  if (!window) return refusal(malformed(window.error()));
  if (std::string why = wrong_window(*window, false); !why.empty()) return refusal(std::move(why));
  const Content content = content_of(*window);
  leqi::TotalsReply reply;
  reply.outcome = done();
  reply.count = content.total();
  for (const Piece& piece : content.pieces) {
    const Lot& lot = population_.lots()[piece.lot];
    for (std::uint64_t i = piece.first; i < piece.last; ++i) {
      reply.amount = reply.amount + lot.amount(i);
      reply.tax = reply.tax + lot.tax(i);
    }
  }
  for (const auto& [facts, status] : content.others) {
    reply.amount = reply.amount + facts.amount;
    reply.tax = reply.tax + facts.tax;
  }
  if (fault.page == "miscount") ++reply.count;
  return leqi::totals_reply_json(reply);
}

// ---- bulk ----------------------------------------------------------------------------------------------------------

std::string NightServices::apply(std::string_view json, LegalTime now) {
  auto request = leqi::read_bulk_apply(json);
  if (!request) return refusal(malformed(request.error()));
  if (std::string why = wrong_window(request->window, false); !why.empty()) return refusal(std::move(why));
  std::erase_if(receipts_, [&](const auto& r) { return r.second.at.plus_ms(behaviour_.receipt_ms) <= now; });
  const std::string receipt = fmt::format("SIM{:029}", ++receipt_sequence_);  // lsh has 32 characters
  Content content = content_of(request->window);
  receipts_.emplace(receipt, Receipt{std::move(*request), now, 0, std::move(content)});
  return leqi::bulk_apply_reply_json({done(), receipt});
}

std::string NightServices::state(std::string_view json, LegalTime now) {
  const auto request = leqi::read_bulk_state(json);
  if (!request) return refusal(malformed(request.error()));
  leqi::BulkStateReply reply;
  reply.outcome = done();
  const auto found = receipts_.find(request->receipt);
  if (found == receipts_.end() || found->second.request.window.taxpayer != request->taxpayer ||
      found->second.at.plus_ms(behaviour_.receipt_ms) <= now) {
    reply.state = leqi::BulkState::gone;
    return leqi::bulk_state_reply_json(reply);
  }
  Receipt& receipt = found->second;
  if (receipt.polls++ >= behaviour_.ready_polls && receipt.at.plus_ms(behaviour_.ready_ms) <= now) {
    reply.state = leqi::BulkState::ready;
    reply.total = receipt.content.total();
    reply.packages = static_cast<std::uint32_t>(
        std::max<std::uint64_t>((reply.total + behaviour_.package_size - 1) / behaviour_.package_size, 1));
  }
  return leqi::bulk_state_reply_json(reply);
}

std::string NightServices::package(std::string_view json, const FaultAction& fault, LegalTime now) {
  const auto request = leqi::read_package(json);
  if (!request) return refusal(malformed(request.error()));
  const auto found = receipts_.find(request->receipt);
  if (found == receipts_.end() || found->second.request.window.taxpayer != request->taxpayer ||
      found->second.at.plus_ms(behaviour_.receipt_ms) <= now)
    return refusal("未查询到申请或已失效");
  const Receipt& receipt = found->second;
  if (receipt.polls <= behaviour_.ready_polls || receipt.at.plus_ms(behaviour_.ready_ms) > now)
    return refusal("申请处理中");
  const std::uint64_t total = receipt.content.total();
  const auto count = static_cast<std::uint32_t>(
      std::max<std::uint64_t>((total + behaviour_.package_size - 1) / behaviour_.package_size, 1));
  if (request->package > count) return refusal("包号超出范围");
  if (!fault.page.empty()) return spoiled_package(receipt, request->package, count, fault.page);
  return package_text(receipt, request->package, count);
}

std::string NightServices::package_text(const Receipt& receipt, std::uint32_t number, std::uint32_t count) const {
  const Content& content = receipt.content;
  const listing::Form form = receipt.request.form;
  std::uint64_t skip = std::uint64_t{number - 1} * behaviour_.package_size, left = behaviour_.package_size;
  std::string records;
  for (const Piece& piece : content.pieces) {
    const std::uint64_t size = piece.last - piece.first, from = std::min(skip, size);
    skip -= from;
    const std::uint64_t taken = std::min(size - from, left);
    left -= taken;
    if (taken == 0) continue;
    constexpr std::size_t kGuess = 400;
    records.reserve(records.size() + taken * kGuess);
    LotWriter writer(form, population_.lots()[piece.lot]);
    for (std::uint64_t i = piece.first + from; i < piece.first + from + taken; ++i) writer.append(records, i);
  }
  for (std::uint64_t i = skip; i < content.others.size() && left > 0; ++i, --left)
    listing::append_record(records, form, content.others[i].first, content.others[i].second);
  return listing::page_of(form, {number, count, content.total()}, records);
}

std::string NightServices::spoiled_package(const Receipt& receipt, std::uint32_t number, std::uint32_t count,
                                           const std::string& how) const {
  const listing::Form form = receipt.request.form;
  if (how == "cut") {
    std::string page = package_text(receipt, number, count);
    page.resize(page.size() / 2);
    return page;
  }
  // Slowly, record by record: a fault is rare.
  const std::uint32_t source = how == "previous" && number > 1 ? number - 1 : number;
  std::vector<Record> all;
  for (const Piece& piece : receipt.content.pieces) {
    const Lot& lot = population_.lots()[piece.lot];
    for (std::uint64_t i = piece.first; i < piece.last; ++i) all.emplace_back(lot.facts(i), lot.status[i]);
  }
  all.insert(all.end(), receipt.content.others.begin(), receipt.content.others.end());
  const auto first = std::min<std::size_t>(std::size_t{source - 1} * behaviour_.package_size, all.size());
  const auto last = std::min<std::size_t>(first + behaviour_.package_size, all.size());
  std::vector<Record> shown(all.begin() + static_cast<long>(first), all.begin() + static_cast<long>(last));
  if (how == "reorder") std::ranges::reverse(shown);
  if (how == "missing" && !shown.empty()) shown.erase(shown.begin() + static_cast<long>(shown.size() / 2));
  if (!shown.empty() && how == "stranger") {
    listing::Facts& facts = shown[shown.size() / 2].first;
    (receipt.request.window.direction == Direction::issued ? facts.seller_id : facts.buyer_id) = "91999999TGDM99999X";
  }
  if (!shown.empty() && how == "other_month") {
    listing::Facts& facts = shown[shown.size() / 2].first;
    facts.issued_at = facts.issued_at.next_month();
  }
  std::string records;
  for (const auto& [facts, status] : shown)
    for (int times = how == "repeat" ? 2 : 1; times > 0; --times) listing::append_record(records, form, facts, status);
  const listing::PageHead head{how == "number" ? number + 1 : number, count,
                               receipt.content.total() + (how == "miscount" ? 1 : 0)};
  return listing::page_of(form, head, records);
}

}  // namespace taxgate::simulator
