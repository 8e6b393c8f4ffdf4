#include "daemon/store/codec.h"

#include <cstring>

namespace taxgate::store {
namespace {

constexpr char kInvoiceVersion = 1;
constexpr std::size_t kMaxLines =
    100'000;  // an invoice has at most 2,000 lines (rules.md B.6); room for what we were told wrongly

constexpr std::size_t kUsual = 192;  // bytes of a listed invoice: grown once, not five times

class ByteWriter {
 public:
  ByteWriter() { out_.reserve(kUsual); }
  void number(std::uint64_t v) {  // LEB128: small numbers, one byte
    while (v >= 0x80) {
      out_ += static_cast<char>(v | 0x80U);
      v >>= 7U;
    }
    out_ += static_cast<char>(v);
  }
  void integer(std::int64_t v) {
    number((static_cast<std::uint64_t>(v) << 1U) ^ static_cast<std::uint64_t>(v >> 63));
  }  // zigzag
  void text(std::string_view s) {
    number(s.size());
    out_ += s;
  }
  void decimal(const Decimal& d) { text(d.text()); }
  void optional(const std::optional<Decimal>& d) { d ? decimal(*d) : text({}); }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

class ByteReader {
 public:
  explicit ByteReader(std::string_view in) : in_(in) {}
  std::uint64_t number() {
    std::uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (in_.empty()) break;
      const auto b = static_cast<std::uint8_t>(in_.front());
      in_.remove_prefix(1);
      if (shift == 63 && b > 1) break;  // more than 64 bits
      v |= static_cast<std::uint64_t>(b & 0x7FU) << shift;
      if ((b & 0x80U) == 0) {
        if (b == 0 && shift != 0) break;  // a longer spelling of a smaller number
        return v;
      }
    }
    good_ = false;
    return 0;
  }
  std::int64_t integer() {
    const std::uint64_t v = number();
    return static_cast<std::int64_t>((v >> 1U) ^ (~(v & 1U) + 1U));
  }
  std::string text() {
    const std::uint64_t n = number();
    if (!good_ || n > in_.size()) {
      good_ = false;
      return {};
    }
    std::string s(in_.substr(0, n));
    in_.remove_prefix(n);
    return s;
  }
  Decimal decimal() {
    const std::string s = text();
    const auto d = Decimal::parse(s);
    if (!d || d->text() != s) {
      good_ = false;
      return {};
    }
    return *d;
  }
  std::optional<Decimal> optional() {
    if (!in_.empty() && in_.front() == '\0') {
      in_.remove_prefix(1);
      return std::nullopt;
    }
    return decimal();
  }
  std::size_t remaining() const { return in_.size(); }
  bool good() const { return good_; }
  bool done() const { return good_ && in_.empty(); }
  void refuse() { good_ = false; }

 private:
  std::string_view in_;
  bool good_ = true;
};

std::unexpected<Error> damaged(std::string_view what) {
  return fail(Errc::corrupt, "store.record", {}, std::string(what));
}

constexpr unsigned kRed = 1, kLocked = 2;

void write_line(ByteWriter& w, const InvoiceLine& line) {
  w.integer(line.number);
  w.text(line.tax_code);
  w.text(line.name);
  w.text(line.spec);
  w.text(line.unit);
  w.optional(line.quantity);
  w.optional(line.price);
  w.integer(line.amount.value);
  w.decimal(line.rate);
  w.integer(line.tax.value);
  w.number(static_cast<std::uint64_t>(line.kind));
  w.text(line.preference);
}

InvoiceLine read_line(ByteReader& r) {
  InvoiceLine line;
  const std::int64_t number = r.integer();
  if (number < INT32_MIN || number > INT32_MAX) r.refuse();
  line.number = static_cast<int>(number);
  line.tax_code = r.text();
  line.name = r.text();
  line.spec = r.text();
  line.unit = r.text();
  line.quantity = r.optional();
  line.price = r.optional();
  line.amount.value = r.integer();
  line.rate = r.decimal();
  line.tax.value = r.integer();
  const std::uint64_t kind = r.number();
  if (kind > static_cast<std::uint64_t>(LineKind::discounted)) r.refuse();
  line.kind = static_cast<LineKind>(kind);
  line.preference = r.text();
  return line;
}

void append_part(std::string& out, std::string_view s) {
  append_u64(out, s.size());
  out += s;
}

}  // namespace

std::string encode_invoice(const Invoice& i) {
  ByteWriter w;
  w.number(kInvoiceVersion);
  w.text(i.number);
  w.text(i.type);
  w.integer(i.issued_at.ms);
  w.text(i.seller.id);
  w.text(i.seller.name);
  w.text(i.buyer.id);
  w.text(i.buyer.name);
  w.integer(i.amount.value);
  w.integer(i.tax.value);
  w.text(i.use);
  w.text(i.booking);
  w.text(i.status);
  w.number((i.is_red ? kRed : 0U) | (i.locked ? kLocked : 0U));
  w.text(i.element);
  w.text(i.difference);
  w.number(i.lines.size());
  for (const auto& line : i.lines) write_line(w, line);
  return w.take();
}

Result<Invoice> decode_invoice(std::string_view bytes) {
  ByteReader r(bytes);
  if (r.number() != kInvoiceVersion) return damaged("invoice: version");
  Invoice i;
  i.number = r.text();
  i.type = r.text();
  i.issued_at.ms = r.integer();
  i.seller.id = r.text();
  i.seller.name = r.text();
  i.buyer.id = r.text();
  i.buyer.name = r.text();
  i.amount.value = r.integer();
  i.tax.value = r.integer();
  i.use = r.text();
  i.booking = r.text();
  i.status = r.text();
  const std::uint64_t flags = r.number();
  if (flags > (kRed | kLocked)) r.refuse();
  i.is_red = (flags & kRed) != 0;
  i.locked = (flags & kLocked) != 0;
  i.element = r.text();
  i.difference = r.text();
  const std::uint64_t lines = r.number();
  if (!r.good() || lines > kMaxLines || lines > r.remaining()) return damaged("invoice");
  for (std::uint64_t n = 0; n < lines && r.good(); ++n) i.lines.push_back(read_line(r));
  if (!r.done()) return damaged("invoice");
  return i;
}

std::string encode_names(const std::vector<std::string>& names) {
  ByteWriter w;
  w.number(names.size());
  for (const auto& n : names) w.text(n);
  return w.take();
}

Result<std::vector<std::string>> decode_names(std::string_view bytes) {
  ByteReader r(bytes);
  const std::uint64_t count = r.number();
  std::vector<std::string> out;
  if (!r.good() || count > r.remaining()) return damaged("names");
  for (std::uint64_t n = 0; n < count && r.good(); ++n) out.push_back(r.text());
  if (!r.done()) return damaged("names");
  return out;
}

void append_canonical(std::string& out, const JournalRow& row, std::string_view content) {
  append_u64(out, static_cast<std::uint64_t>(row.seq));
  append_u64(out, static_cast<std::uint64_t>(row.at.ms));
  for (const std::string* text : {&row.submission, &row.taxpayer, &row.blue_number, &row.event, &row.state, &row.step,
                                  &row.principal, &row.detail, &row.reference})
    append_part(out, *text);
  append_part(out, content);
}

Digest content_of_acceptance(std::string_view request, std::string_view document) {
  std::string length;
  append_u64(length, request.size());
  return sm3_of({as_bytes(length), as_bytes(request), as_bytes(document)});
}

Sm3Job content_job(std::string_view request, std::string_view document, std::string& length, Digest& digest) {
  length.clear();
  append_u64(length, request.size());
  return {{length, request, document}, &digest};
}

Digest content_of_evidence(const std::vector<SignedEnvelope>& evidence) {
  std::string all;
  for (const auto& e : evidence) {
    append_part(all, as_text(e.bytes));
    append_part(all, as_text(e.signature));
    append_part(all, as_text(e.certificate));
    append_part(all, e.signer_id);
    append_part(all, e.key_serial);
  }
  return sm3(as_bytes(all));
}

}  // namespace taxgate::store
