#include "tests/unit/daemon/sync/night.h"

#include <boost/json.hpp>

#include "daemon/sync/transitions.h"
#include "protocol/listing.pb.h"
#include "protocol/text.h"

namespace taxgate::sync {
namespace {

namespace json = boost::json;

std::string line(std::string_view what, std::string_view number, PlatformStatus before, PlatformStatus after) {
  return std::string(what) + " " + std::string(number) + " " + std::to_string(before.bits) + " " +
         std::to_string(after.bits);
}

bool all_digits(std::string_view s) {
  for (const char c : s)
    if (c < '0' || c > '9') return false;
  return true;
}

struct Read {
  std::string number;
  std::array<std::string, kStatusFields> codes;
  bool facts_good = true;
};

std::optional<Read> read_protobuf(const std::string& bytes) {
  listing::v1::Record r;
  if (!r.ParseFromString(bytes)) return std::nullopt;
  Read out{r.number(), {r.state(), r.lock(), r.use(), r.booking(), r.abnormal(), r.risk(), r.agriculture()}, true};
  out.facts_good = all_digits(r.type()) && r.type().size() <= 2;
  return out;
}

std::optional<Read> read_json(const std::string& bytes) {
  boost::system::error_code ec;
  const auto v = json::parse(bytes, ec);
  if (ec || !v.is_object()) return std::nullopt;
  const auto text = [&](const char* key) {
    const auto* found = v.as_object().if_contains(key);
    return found != nullptr && found->is_string() ? std::string(found->as_string()) : std::string();
  };
  Read out{text("fphm"),
           {text("fpzt"), text("hzsdbs"), text("fpyt"), text("rzzt"), text("ycpzzt"), text("nsryjjb"), text("zzsyhyt")},
           true};
  out.facts_good = all_digits(text("fplx")) && text("fplx").size() <= 2;
  return out;
}

}  // namespace

PlatformStatus status_from(const std::array<std::string, kStatusFields>& texts) {
  PlatformStatus out;
  for (std::size_t f = 0; f < kStatusFields; ++f) out.set(static_cast<StatusField>(f), *status_code(texts[f]));
  return out;
}

Shown random_invoice(std::mt19937_64& random, std::uint64_t serial) {
  Shown s;
  std::string tail = std::to_string(serial);
  const auto padded = [&](std::size_t digits) { return std::string(digits - tail.size(), '0') + tail; };
  switch (random() % 5) {
    case 0:
      s.facts.number = "110024113" + padded(9);
      break;
    case 1:
      s.facts.number = "01100241130" + padded(9);
      break;
    default:
      s.facts.number = std::array{"26", "29", "30", "99"}[random() % 4] + padded(18);
  }
  s.facts.type = "81";
  s.facts.issued_at = {1'790'000'000'000 + static_cast<std::int64_t>(random() % 1'000'000) * 1000};
  s.facts.seller_id = "91110000123456788M";
  s.facts.buyer_id = "91440300876543210T";
  s.facts.buyer_name = random() % 2 == 0 ? "某\"公司\\" : "";
  s.facts.amount = {static_cast<std::int64_t>(random() % 10'000'000) - 1'000'000};
  s.facts.tax = {s.facts.amount.value / 13};
  s.facts.red = random() % 10 == 0;
  s.status = status_from({"0", "N", "0", "01", "01", random() % 3 == 0 ? "03" : "", ""});
  return s;
}

std::string raw(listing::Form form, const Shown& shown) {
  std::string framed;
  listing::append_record(framed, form, shown.facts, shown.status);
  if (form == listing::Form::json) return framed;
  std::size_t at = 1;  // the tag
  while ((static_cast<unsigned char>(framed[at]) & 0x80U) != 0) ++at;
  return framed.substr(at + 1);
}

std::string page_of_raw(listing::Form form, const std::vector<std::string>& records) {
  std::string body;
  for (const auto& r : records) {
    if (form == listing::Form::json) {
      body += (body.empty() ? "" : ",") + r;
      continue;
    }
    body += '\x22';
    std::size_t n = r.size();
    for (; n >= 0x80; n >>= 7U) body += static_cast<char>(n | 0x80U);
    body += static_cast<char>(n);
    body += r;
  }
  return listing::page_of(form, {1, 1, records.size()}, body);
}

void Twin::begin() {
  for (auto& [number, k] : known) k.seen = false;
}

bool Twin::page(listing::Form form, const std::string& bytes, Expected& out) {
  if (form == listing::Form::protobuf) {
    // The generated reader would reject the whole page for one bad record: frames first, records one by one.
    struct Frames {
      std::vector<std::string> records;
    } frames;
    std::size_t at = 0;
    const auto varint = [&](std::uint64_t& v) {
      v = 0;
      for (unsigned shift = 0; shift < 64 && at < bytes.size(); shift += 7) {
        const auto b = static_cast<unsigned char>(bytes[at++]);
        v |= std::uint64_t{b & 0x7FU} << shift;
        if (b < 0x80) return true;
      }
      return false;
    };
    while (at < bytes.size()) {
      std::uint64_t tag = 0, n = 0;
      if (!varint(tag) || !varint(n)) return false;
      if (tag != 0x22) continue;  // heads of test pages are varints
      if (n > bytes.size() - at) return false;
      frames.records.push_back(bytes.substr(at, n));
      at += n;
    }
    for (const auto& r : frames.records) record(form, r, out);
    return true;
  }
  boost::system::error_code ec;
  json::parse(bytes, ec);
  std::vector<std::string> records;
  // Bounds by counting braces outside of strings.
  const auto list = bytes.find("\"fpxxList\":[");
  if (list == std::string::npos) return false;
  int depth = 0;
  bool in_string = false, closed = false;
  std::size_t from = 0;
  for (std::size_t i = list + 12; i < bytes.size() && !closed; ++i) {
    const char c = bytes[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (depth++ == 0) from = i;
    } else if (c == '}' || c == ']') {
      if (depth == 0) closed = true;
      if (--depth == 0) records.push_back(bytes.substr(from, i + 1 - from));
    }
  }
  if (!closed || !bytes.ends_with("]}")) return false;
  for (const auto& r : records) record(form, r, out);
  return true;
}

void Twin::record(listing::Form form, const std::string& bytes, Expected& out) {
  ++out.counts.records;
  const auto read = form == listing::Form::protobuf ? read_protobuf(bytes) : read_json(bytes);
  const auto unreadable = [&] {
    ++out.counts.quarantined;
    out.lines.push_back("unreadable " + std::to_string(bytes.size()));
  };
  if (!read || !invoice_key(1, read->number)) return unreadable();
  const auto found = known.find(read->number);
  const bool is_known = found != known.end();
  if (is_known && found->second.bytes == bytes) {
    if (found->second.seen) ++out.counts.repeated;
    found->second.seen = true;
    ++out.counts.unchanged;
    return;
  }
  PlatformStatus observed;
  for (std::size_t f = 0; f < kStatusFields; ++f) {
    const auto code = status_code(read->codes[f]);
    if (!code) return unreadable();
    observed.set(static_cast<StatusField>(f), *code);
  }
  if (is_known) {
    if (found->second.seen) ++out.counts.repeated;
    found->second.seen = true;
  }
  if (!is_known) {
    if (!read->facts_good) return unreadable();
    known[read->number] = {observed, bytes, true};
    ++out.counts.added;
    out.lines.push_back(line("added", read->number, {}, observed));
    return;
  }
  const PlatformStatus before = found->second.status, after = before.updated_by(observed);
  if (TransitionTable::compiled_in().forbidden(before, after)) {
    ++out.counts.quarantined;
    out.lines.push_back(line("transition", read->number, before, after));
    return;
  }
  if (before == after) {
    if (!read->facts_good) return unreadable();
    ++out.counts.touched;
  } else {
    ++out.counts.changed;
  }
  out.lines.push_back(line(before == after ? "touched" : "changed", read->number, before, after));
  found->second.status = after;
  found->second.bytes = bytes;
}

std::set<std::string> Twin::missing() const {
  std::set<std::string> out;
  for (const auto& [number, k] : known)
    if (!k.seen) out.insert(number);
  return out;
}

std::vector<std::string> lines_of(const Batch& batch) {
  std::vector<std::string> out;
  constexpr std::array kKinds{"added", "changed", "touched"};
  for (const auto& c : batch.changes)
    out.push_back(line(kKinds[static_cast<std::size_t>(c.kind)], invoice_number(c.key), c.before, c.after));
  for (const auto& q : batch.quarantined)
    out.push_back(q.reason == Reason::unreadable ? "unreadable " + std::to_string(q.evidence.size())
                                                 : line("transition", invoice_number(q.key), q.before, q.after));
  return out;
}

}  // namespace taxgate::sync
