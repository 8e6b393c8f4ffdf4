// What the fields of a listed invoice mean, whichever form they came in; and the writers of both forms.
#include "protocol/listing.h"

#include <algorithm>

#include "protocol/listing_fields.h"
#include "protocol/text.h"

namespace taxgate::listing {
namespace {

using namespace detail;

constexpr std::size_t kMaxId = 30;                     // taxpayer ids: 20, some documents say 26 or 30
constexpr std::int64_t kLatest = 253'402'214'400'000;  // year 9999
constexpr std::size_t kCodeDigits12 = 12, kShortNumber = 8;

bool digits(std::string_view s) {
  return std::ranges::all_of(s, [](char c) { return c >= '0' && c <= '9'; });
}

// fphm alone, or fpdm and a number of at most eight digits.
bool canonical(const Fields& f, std::string& number) {
  const std::string_view code = f.text[kCode], tail = f.text[kNumber];
  if (code.empty() || tail.size() > kShortNumber) {
    number.assign(tail);
    return true;
  }
  if ((code.size() != 10 && code.size() != kCodeDigits12) || (code.size() == kCodeDigits12 && code[0] != '0'))
    return false;
  if (tail.empty()) return false;
  number.assign(code).append(kShortNumber - tail.size(), '0').append(tail);
  return true;
}

Result<Record> status_of(const Fields& f, std::uint32_t taxpayer, std::string& number) {
  if (!canonical(f, number)) return bad("fpdm");
  const auto key = invoice_key(taxpayer, number);
  if (!key) return bad("fphm");
  Record out{*key, {}};
  for (unsigned i = 0; i < kStatusFields; ++i) {
    const auto code = status_code(f.text[kFirstCode + i]);
    if (!code) return bad(field_name(kFirstCode + i));
    out.status.set(static_cast<StatusField>(i), *code);
  }
  return out;
}

bool take_text(const Fields& f, unsigned field, std::size_t longest, std::string& out) {
  if ((f.escaped & (1U << field)) != 0) {
    auto plain = unescaped(f.text[field]);
    if (!plain) return false;
    out = *std::move(plain);
  } else {
    out.assign(f.text[field]);
  }
  return out.size() <= longest && is_utf8(out) && out.find('\0') == std::string::npos;
}

std::int64_t zigzag(std::uint64_t v) { return static_cast<std::int64_t>((v >> 1U) ^ (~(v & 1U) + 1U)); }

constexpr std::int64_t kMaxFen = 999'999'999'999'999'999;  // (18,2) with a sign
bool take_money(const Fields& f, unsigned field, Fen& out) {
  if (!f.has(field)) return true;
  if (f.numbers) {
    out.value = zigzag(f.integer[field]);
    return out.value <= kMaxFen && out.value >= -kMaxFen;
  }
  const auto parsed = Fen::parse(f.text[field]);
  if (!parsed) return false;
  out = *parsed;
  return true;
}

bool take_time(const Fields& f, LegalTime& out) {
  if (!f.has(kIssuedAt)) return true;
  if (f.numbers) {
    if (f.integer[kIssuedAt] > static_cast<std::uint64_t>(kLatest / 1000)) return false;
    out.ms = static_cast<std::int64_t>(f.integer[kIssuedAt]) * 1000;
    return true;
  }
  if (f.text[kIssuedAt].empty()) return true;
  const auto parsed = LegalTime::parse(f.text[kIssuedAt]);
  if (!parsed) return false;
  out = *parsed;
  return true;
}

bool take_red(const Fields& f, bool& out) {
  if (f.numbers) {
    out = f.integer[kRed] != 0;
    return f.integer[kRed] <= 1;
  }
  out = f.text[kRed] == "1";
  return out || f.text[kRed].empty() || f.text[kRed] == "0";
}

Result<void> facts_of(const Fields& f, Facts& out) {
  if (!take_text(f, kType, 2, out.type) || !digits(out.type)) return bad(field_name(kType));
  if (!take_time(f, out.issued_at)) return bad(field_name(kIssuedAt));
  if (!take_text(f, kSellerId, kMaxId, out.seller_id)) return bad(field_name(kSellerId));
  if (!take_text(f, kBuyerId, kMaxId, out.buyer_id)) return bad(field_name(kBuyerId));
  if (!take_text(f, kSellerName, kMaxNameBytes, out.seller_name)) return bad(field_name(kSellerName));
  if (!take_text(f, kBuyerName, kMaxNameBytes, out.buyer_name)) return bad(field_name(kBuyerName));
  if (!take_money(f, kAmount, out.amount)) return bad(field_name(kAmount));
  if (!take_money(f, kTax, out.tax)) return bad(field_name(kTax));
  if (!take_red(f, out.red)) return bad(field_name(kRed));
  return {};
}

void put_varint(std::string& out, std::uint64_t v) {
  for (; v >= 0x80; v >>= 7U) out += static_cast<char>(v | 0x80U);
  out += static_cast<char>(v);
}
void put_text(std::string& out, unsigned field, std::string_view text) {
  if (text.empty()) return;
  put_varint(out, field << 3U | 2U);
  put_varint(out, text.size());
  out += text;
}
void put_integer(std::string& out, unsigned field, std::uint64_t v) {
  if (v == 0) return;
  put_varint(out, field << 3U);
  put_varint(out, v);
}
std::uint64_t zigzag_of(std::int64_t v) {
  return (static_cast<std::uint64_t>(v) << 1U) ^ static_cast<std::uint64_t>(v >> 63);
}

void append_wire(std::string& page, const Facts& f, PlatformStatus status) {
  std::string r;
  put_text(r, kNumber, f.number);
  put_text(r, kType, f.type);
  put_integer(r, kIssuedAt, static_cast<std::uint64_t>(f.issued_at.ms / 1000));
  put_text(r, kSellerId, f.seller_id);
  put_text(r, kBuyerId, f.buyer_id);
  put_integer(r, kAmount, zigzag_of(f.amount.value));
  put_integer(r, kTax, zigzag_of(f.tax.value));
  put_integer(r, kRed, f.red ? 1 : 0);
  for (unsigned i = 0; i < kStatusFields; ++i) put_text(r, kFirstCode + i, status.text(static_cast<StatusField>(i)));
  put_text(r, kSellerName, f.seller_name);
  put_text(r, kBuyerName, f.buyer_name);
  put_varint(page, 4U << 3U | 2U);
  put_varint(page, r.size());
  page += r;
}

void put_json(std::string& out, std::string_view field, std::string_view text) {
  out += out.back() == '{' ? "\"" : ",\"";
  out.append(field).append("\":\"");
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) {
      constexpr std::string_view kHex = "0123456789abcdef";
      out.append("\\u00").append({kHex[static_cast<unsigned char>(c) >> 4U], kHex[c & 15]});
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

void append_json(std::string& page, const Facts& f, PlatformStatus status) {
  if (!page.empty()) page += ',';
  page += '{';
  put_json(page, "fphm", f.number);
  put_json(page, "fplx", f.type);
  put_json(page, "kprq", f.issued_at.platform_text());
  put_json(page, "xsfnsrsbh", f.seller_id);
  put_json(page, "xsfmc", f.seller_name);
  put_json(page, "gmfnsrsbh", f.buyer_id);
  put_json(page, "gmfmc", f.buyer_name);
  put_json(page, "hjje", f.amount.text());
  put_json(page, "hjse", f.tax.text());
  put_json(page, "lzfpbz", f.red ? "1" : "0");
  for (unsigned i = 0; i < kStatusFields; ++i)
    put_json(page, platform_name(static_cast<StatusField>(i)), status.text(static_cast<StatusField>(i)));
  page += '}';
}

}  // namespace

Result<PageHead> split(Form form, ByteView page, std::vector<Slice>& records) {
  records.clear();
  if (page.size() > kMaxPageBytes)
    return fail(Errc::limit_reached, "listing.too_big", {}, std::to_string(page.size()), std::to_string(kMaxPageBytes));
  auto head = form == Form::protobuf ? split_wire(page, records) : split_json(page, records);
  if (!head) records.clear();
  return head;
}

std::optional<InvoiceKey> quick_key(Form form, std::uint32_t taxpayer, ByteView record, Hint& hint) {
  if (form == Form::json) return quick_key_json(taxpayer, record, hint);
  // The number is the first field of every record a sane writer makes; anything else takes the long way.
  constexpr std::uint8_t kTag = kNumber << 3U | 2U;
  if (record.size() < 2 || record[0] != kTag || record[1] > record.size() - 2) return std::nullopt;
  return invoice_key(taxpayer, as_text(record.subspan(2, record[1])));
}

Result<Record> decode(Form form, std::uint32_t taxpayer, ByteView record, Facts* facts) {
  if (record.size() > kMaxRecordBytes) return bad("record");
  Fields f;
  auto read = form == Form::protobuf ? read_wire(record, f) : read_json(record, f);
  if (!read) return std::unexpected(std::move(read.error()));
  std::string number;
  auto out = status_of(f, taxpayer, number);
  if (out && facts != nullptr) {
    if (auto known = facts_of(f, *facts); !known) return std::unexpected(std::move(known.error()));
    facts->number = std::move(number);
  }
  return out;
}

void append_record(std::string& page, Form form, const Facts& facts, PlatformStatus status) {
  form == Form::protobuf ? append_wire(page, facts, status) : append_json(page, facts, status);
}

std::string page_of(Form form, const PageHead& head, std::string_view records) {
  std::string out;
  if (form == Form::protobuf) {
    put_integer(out, 1, head.number);
    put_integer(out, 2, head.count);
    put_integer(out, 3, head.total);
    return out.append(records);
  }
  out = "{\"returncode\":\"00\",\"returnmsg\":\"\",\"packageno\":" + std::to_string(head.number) +
        ",\"packagecount\":" + std::to_string(head.count) + ",\"total\":" + std::to_string(head.total) +
        ",\"fpxxList\":[";
  return out.append(records).append("]}");
}

}  // namespace taxgate::listing
