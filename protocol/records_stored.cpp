// RedDocument ⇄ bytes for the store: version byte, then protocol/record.proto.
#include <limits>

#include "protocol/record.pb.h"
#include "protocol/records.h"

namespace taxgate {
namespace {

constexpr char kVersion = 1;

void put(const Party& from, stored::v1::Party& to) {
  to.set_id(from.id);
  to.set_name(from.name);
}
Party get(const stored::v1::Party& from) { return {from.id(), from.name()}; }

std::optional<Decimal> decimal(const std::string& text, bool& ok) {
  if (text.empty()) return std::nullopt;
  const auto parsed = Decimal::parse(text);
  ok = ok && parsed.has_value();
  return parsed ? std::optional(*parsed) : std::nullopt;
}

bool read_lines(const stored::v1::RedDocument& from, RedDocument& out) {
  bool ok = true;
  for (const stored::v1::RedLine& line : from.lines()) {
    RedLine& to = out.lines.emplace_back();
    ok = ok && line.blue_line() <= static_cast<std::uint32_t>(std::numeric_limits<int>::max());
    to.blue_line = static_cast<int>(line.blue_line());
    to.tax_code = line.tax_code();
    to.name = line.name();
    to.spec = line.spec();
    to.unit = line.unit();
    to.quantity = decimal(line.quantity(), ok);
    to.price = decimal(line.price(), ok);
    to.amount = {line.amount()};
    const auto rate = decimal(line.rate(), ok);
    ok = ok && rate.has_value();
    to.rate = rate.value_or(Decimal{});
    to.tax = {line.tax()};
    to.preference = line.preference();
  }
  return ok;
}

}  // namespace

std::string to_stored(const RedDocument& red) {
  stored::v1::RedDocument to;
  to.set_track(static_cast<std::uint32_t>(red.track));
  to.set_initiator(static_cast<std::uint32_t>(red.initiator));
  to.set_blue_number(red.blue_number);
  to.set_blue_type(red.blue_type);
  to.set_blue_issued_at(red.blue_issued_at.ms);
  to.set_blue_amount(red.blue_amount.value);
  to.set_blue_tax(red.blue_tax.value);
  put(red.seller, *to.mutable_seller());
  put(red.buyer, *to.mutable_buyer());
  to.set_reason(static_cast<std::uint32_t>(red.reason));
  for (const RedLine& line : red.lines) {
    stored::v1::RedLine& row = *to.add_lines();
    row.set_blue_line(static_cast<std::uint32_t>(line.blue_line));
    row.set_tax_code(line.tax_code);
    row.set_name(line.name);
    row.set_spec(line.spec);
    row.set_unit(line.unit);
    if (line.quantity) row.set_quantity(line.quantity->text());
    if (line.price) row.set_price(line.price->text());
    row.set_amount(line.amount.value);
    row.set_rate(line.rate.text());
    row.set_tax(line.tax.value);
    row.set_preference(line.preference);
  }
  to.set_amount(red.amount.value);
  to.set_tax(red.tax.value);
  to.set_element(red.element);
  to.set_table_memo(red.table_memo);
  to.set_tax_device(red.tax_device);
  to.set_request_number(red.request_number);
  std::string out(1, kVersion);
  to.AppendToString(&out);
  return out;
}

Result<RedDocument> red_from_stored(std::string_view bytes) {
  const auto refuse = [] { return fail(Errc::corrupt, "record.format"); };
  if (bytes.empty()) return refuse();
  if (bytes[0] != kVersion)
    return fail(Errc::corrupt, "record.version", {}, std::to_string(static_cast<unsigned char>(bytes[0])), "1");
  stored::v1::RedDocument from;
  constexpr std::size_t kMaxInt = std::numeric_limits<int>::max();
  if (bytes.size() - 1 > kMaxInt || !from.ParseFromArray(bytes.data() + 1, static_cast<int>(bytes.size() - 1)))
    return refuse();
  const bool known = from.track() <= static_cast<std::uint32_t>(Track::information_table) &&
                     from.initiator() <= static_cast<std::uint32_t>(Side::buyer) &&
                     from.reason() >= static_cast<std::uint32_t>(Reason::wrong_invoice) &&
                     from.reason() <= static_cast<std::uint32_t>(Reason::allowance);
  RedDocument out;
  if (!known || !read_lines(from, out)) return refuse();
  out.track = static_cast<Track>(from.track());
  out.initiator = static_cast<Side>(from.initiator());
  out.blue_number = from.blue_number();
  out.blue_type = from.blue_type();
  out.blue_issued_at = {from.blue_issued_at()};
  out.blue_amount = {from.blue_amount()};
  out.blue_tax = {from.blue_tax()};
  out.seller = get(from.seller());
  out.buyer = get(from.buyer());
  out.reason = static_cast<Reason>(from.reason());
  out.amount = {from.amount()};
  out.tax = {from.tax()};
  out.element = from.element();
  out.table_memo = from.table_memo();
  out.tax_device = from.tax_device();
  out.request_number = from.request_number();
  // Only what to_stored writes is accepted: a field we would drop, or a second spelling, means damage.
  if (to_stored(out) != bytes) return refuse();
  return out;
}

}  // namespace taxgate
