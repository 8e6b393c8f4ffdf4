// RedDocument ⇄ bytes for the store: version byte, then protocol/record.proto. Written by hand, because every
// acceptance waits for it and a message in between would be some fifty allocations; what protobuf itself would write is
// the test's yardstick. Source: protobuf encoding guide (tags, varints, zigzag; defaults are not written).
#include <limits>

#include "protocol/record.pb.h"
#include "protocol/records.h"

namespace taxgate {
namespace {

constexpr char kVersion = 1;

/// One message, its fields in ascending order.
class MessageWriter {
 public:
  explicit MessageWriter(std::string& out) : out_(out) {}
  void number(unsigned field, std::uint64_t v) {
    if (v == 0) return;
    varint(field << 3U);
    varint(v);
  }
  void integer(unsigned field, std::int64_t v) {
    number(field, (static_cast<std::uint64_t>(v) << 1U) ^ static_cast<std::uint64_t>(v >> 63));
  }
  void text(unsigned field, std::string_view s) {
    if (!s.empty()) part(field, s);
  }
  /// A message inside this one; written even when it is empty.
  void part(unsigned field, std::string_view bytes) {
    varint(field << 3U | 2U);
    varint(bytes.size());
    out_ += bytes;
  }

 private:
  void varint(std::uint64_t v) {
    for (; v >= 0x80; v >>= 7U) out_ += static_cast<char>(v | 0x80U);
    out_ += static_cast<char>(v);
  }
  std::string& out_;
};

void put(const Party& from, std::string& to) {
  to.clear();
  MessageWriter w(to);
  w.text(1, from.id);
  w.text(2, from.name);
}
void put(const RedLine& from, std::string& to) {
  to.clear();
  MessageWriter w(to);
  w.number(1, static_cast<std::uint32_t>(from.blue_line));
  w.text(2, from.tax_code);
  w.text(3, from.name);
  w.text(4, from.spec);
  w.text(5, from.unit);
  if (from.quantity) w.text(6, from.quantity->text());
  if (from.price) w.text(7, from.price->text());
  w.integer(8, from.amount.value);
  w.text(9, from.rate.text());
  w.integer(10, from.tax.value);
  w.text(11, from.preference);
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
  std::string out(1, kVersion), part;
  out.reserve(1024);  // an invoice of a few lines
  part.reserve(256);
  MessageWriter w(out);
  w.number(1, static_cast<std::uint64_t>(red.track));
  w.number(2, static_cast<std::uint64_t>(red.initiator));
  w.text(3, red.blue_number);
  w.text(4, red.blue_type);
  w.integer(5, red.blue_issued_at.ms);
  w.integer(6, red.blue_amount.value);
  w.integer(7, red.blue_tax.value);
  put(red.seller, part);
  w.part(8, part);
  put(red.buyer, part);
  w.part(9, part);
  w.number(10, static_cast<std::uint64_t>(red.reason));
  for (const RedLine& line : red.lines) {
    put(line, part);
    w.part(11, part);
  }
  w.integer(12, red.amount.value);
  w.integer(13, red.tax.value);
  w.text(14, red.element);
  w.text(15, red.table_memo);
  w.text(16, red.tax_device);
  w.text(17, red.request_number);
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
