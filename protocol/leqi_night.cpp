// Names: nsrsbh, sjlx, fplx, kprqq, kprqz, lsh, packageno, packagecount, scrollId, hjje, hjse are the platform's; bwgs,
// clzt, clztms, gxrqq, gxrqz, qsxh, gengduo, sl and fpsl are ours.
#include "protocol/leqi_night.h"

#include <algorithm>

#include "protocol/leqi_json.h"

namespace taxgate::leqi {
namespace {

constexpr std::string_view kJsonForm = "json", kProtobufForm = "pb";
constexpr std::int64_t kMaxCount = 999'999'999'999;  // of one taxpayer's invoices or changes
constexpr std::size_t kBlock = 16;

void put_window(json::object& o, const Window& w, std::string_view from, std::string_view to) {
  put(o, "nsrsbh", w.taxpayer);
  put(o, "sjlx", direction_code(w.direction));
  put(o, "fplx", w.type);
  put(o, from, day_text(w.from));
  put(o, to, day_text(w.to));
}

Window read_window(Fields& f, std::string_view from, std::string_view to) {
  Window w;
  w.taxpayer = f.need("nsrsbh");
  const int direction = f.integer("sjlx", 1, 2);
  w.direction = direction == 1 ? Direction::received : Direction::issued;
  w.type = f.text("fplx");
  w.from = f.time(from);
  w.to = f.time(to);
  return w;
}

/// Integers of the wire are decimal text, up to kMaxCount.
std::int64_t count_of(Fields& f, std::string_view name) {
  const std::string text = f.need(name);
  std::int64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9' || value > kMaxCount) {
      f.remember(name, "not a count");
      return 0;
    }
    value = value * 10 + (c - '0');
  }
  if (value > kMaxCount) f.remember(name, "not a count");
  return value;
}

template <class T, class Read>
Result<T> parsed(std::string_view text, Read read) {
  auto object = parse_object(text);
  if (!object) return std::unexpected(std::move(object.error()));
  Fields f(*object, {});
  T value;
  read(f, value);
  return finished(f, std::move(value));
}

}  // namespace

std::string_view direction_code(Direction direction) { return direction == Direction::received ? "1" : "2"; }

bool within_one_month(const Window& w) {
  return w.from.is_set() && w.from <= w.to && w.from.year() == w.to.year() && w.from.month() == w.to.month();
}

std::string day_text(LegalTime time) { return time.platform_text().substr(0, 10); }

// ---- bulk ----------------------------------------------------------------------------------------------------------

std::string bulk_apply_json(const BulkApply& request) {
  json::object o;
  put_window(o, request.window, "kprqq", "kprqz");
  put(o, "bwgs", request.form == listing::Form::json ? kJsonForm : kProtobufForm);
  return text_of(o);
}

Result<BulkApply> read_bulk_apply(std::string_view text) {
  return parsed<BulkApply>(text, [](Fields& f, BulkApply& r) {
    r.window = read_window(f, "kprqq", "kprqz");
    const std::string form = f.text("bwgs");
    if (form == kProtobufForm) r.form = listing::Form::protobuf;
    if (!form.empty() && form != kProtobufForm && form != kJsonForm) f.remember("bwgs", "not json or pb");
  });
}

std::string bulk_apply_reply_json(const BulkApplyReply& reply) {
  json::object o;
  put_outcome(o, reply.outcome);
  put(o, "lsh", reply.receipt);
  return text_of(o);
}

Result<BulkApplyReply> read_bulk_apply_reply(std::string_view text) {
  return parsed<BulkApplyReply>(text, [](Fields& f, BulkApplyReply& r) {
    r.outcome = f.outcome();
    if (r.outcome.ok()) r.receipt = f.need("lsh");
  });
}

std::string bulk_state_json(const BulkStateRequest& request) {
  json::object o;
  put(o, "nsrsbh", request.taxpayer);
  put(o, "lsh", request.receipt);
  return text_of(o);
}

Result<BulkStateRequest> read_bulk_state(std::string_view text) {
  return parsed<BulkStateRequest>(text, [](Fields& f, BulkStateRequest& r) {
    r.taxpayer = f.need("nsrsbh");
    r.receipt = f.need("lsh");
  });
}

std::string bulk_state_reply_json(const BulkStateReply& reply) {
  json::object o;
  put_outcome(o, reply.outcome);
  put(o, "clzt", "0" + std::to_string(static_cast<int>(reply.state)));
  if (reply.state == BulkState::ready) {
    put(o, "packagecount", std::to_string(reply.packages));
    put(o, "total", std::to_string(reply.total));
  }
  return text_of(o);
}

Result<BulkStateReply> read_bulk_state_reply(std::string_view text) {
  return parsed<BulkStateReply>(text, [](Fields& f, BulkStateReply& r) {
    r.outcome = f.outcome();
    if (!r.outcome.ok()) return;
    r.state = static_cast<BulkState>(f.integer("clzt", 0, 3));
    if (r.state != BulkState::ready) return;
    r.packages = static_cast<std::uint32_t>(f.integer("packagecount", 1, static_cast<int>(kMaxPackages)));
    r.total = static_cast<std::uint64_t>(count_of(f, "total"));
  });
}

std::string package_json(const PackageRequest& request) {
  json::object o;
  put(o, "nsrsbh", request.taxpayer);
  put(o, "lsh", request.receipt);
  put(o, "packageno", std::to_string(request.package));
  return text_of(o);
}

Result<PackageRequest> read_package(std::string_view text) {
  return parsed<PackageRequest>(text, [](Fields& f, PackageRequest& r) {
    r.taxpayer = f.need("nsrsbh");
    r.receipt = f.need("lsh");
    r.package = static_cast<std::uint32_t>(f.integer("packageno", 1, static_cast<int>(kMaxPackages)));
  });
}

// ---- incremental ---------------------------------------------------------------------------------------------------

std::string changes_json(const ChangesRequest& request) {
  json::object o;
  put_window(o, request.window, "gxrqq", "gxrqz");
  put(o, "scrollId", std::to_string(request.cursor));
  put(o, "sl", std::to_string(request.limit));
  return text_of(o);
}

Result<ChangesRequest> read_changes(std::string_view text) {
  return parsed<ChangesRequest>(text, [](Fields& f, ChangesRequest& r) {
    r.window = read_window(f, "gxrqq", "gxrqz");
    r.cursor = count_of(f, "scrollId");
    r.limit = static_cast<std::uint32_t>(f.integer("sl", 1, static_cast<int>(kMaxChanges)));
  });
}

std::string changes_page(const listing::PageHead& head, const ChangesHead& changes, std::string_view records) {
  std::string page = listing::page_of(listing::Form::json, head, records);
  page.insert(1, "\"qsxh\":\"" + std::to_string(changes.first) + "\",\"scrollId\":\"" + std::to_string(changes.next) +
                     "\",\"gengduo\":\"" + (changes.more ? "Y" : "N") + "\",");
  return page;
}

Result<ChangesHead> read_changes_head(ByteView page) {
  // Quotes inside a string are escaped, so this can only be the member's name. The records are split()'s matter.
  constexpr std::string_view kRecords = "\"fpxxList\"";
  const std::string_view text = as_text(page);
  std::string head(text.substr(0, std::min(text.find(kRecords), text.size())));
  if (head.size() < text.size()) head += "\"fpxxList\":[]}";
  auto object = parse_object(head);
  if (!object) return std::unexpected(std::move(object.error()));
  Fields f(*object, {});
  if (const Outcome outcome = f.outcome(); !outcome.ok()) {
    if (f.error()) return finished(f, ChangesHead{});
    return fail(Errc::rejected, "listing.refused", {}, outcome.code, {}, outcome.message);
  }
  ChangesHead out;
  out.first = count_of(f, "qsxh");
  out.next = count_of(f, "scrollId");
  out.more = f.flag("gengduo");
  if (out.next < out.first) f.remember("scrollId", "before the first record");
  return finished(f, out);
}

// ---- totals --------------------------------------------------------------------------------------------------------

std::string totals_json(const Window& window) {
  json::object o;
  put_window(o, window, "kprqq", "kprqz");
  return text_of(o);
}

Result<Window> read_totals(std::string_view text) {
  return parsed<Window>(text, [](Fields& f, Window& w) { w = read_window(f, "kprqq", "kprqz"); });
}

std::string totals_reply_json(const TotalsReply& reply) {
  json::object o;
  put_outcome(o, reply.outcome);
  if (reply.outcome.ok()) {
    put(o, "fpsl", std::to_string(reply.count));
    put(o, "hjje", reply.amount.text());
    put(o, "hjse", reply.tax.text());
  }
  return text_of(o);
}

Result<TotalsReply> read_totals_reply(std::string_view text) {
  return parsed<TotalsReply>(text, [](Fields& f, TotalsReply& r) {
    r.outcome = f.outcome();
    if (!r.outcome.ok()) return;  // a sum that is missing must not read as zero
    r.count = static_cast<std::uint64_t>(count_of(f, "fpsl"));
    r.amount = f.fen("hjje");
    r.tax = f.fen("hjse");
  });
}

std::optional<PlatformStatus> status_of(const InvoiceStatusReply& reply) {
  PlatformStatus status;
  const auto set = [&status](StatusField field, std::string_view text) {
    const auto code = status_code(text);
    if (code) status.set(field, *code);
    return code.has_value();
  };
  if (!set(StatusField::state, reply.status) || !set(StatusField::use, reply.use) ||
      !set(StatusField::booking, reply.booking) || !set(StatusField::lock, reply.locked ? "Y" : "N"))
    return std::nullopt;
  return status;
}

// ---- the envelope --------------------------------------------------------------------------------------------------

namespace {

constexpr std::string_view kSealedHead = R"({"httpStatusCode":"200","body":"{\"Response\":{\"Data\":\")";
constexpr std::string_view kSealedTail = R"(\"}}"})";

/// The Base64 of {"httpStatusCode":"200","body":"{\"Response\":{\"Data\":\"…\"}}"} where it stands; empty: another
/// shape.
std::string_view data_in_place(std::string_view body) {
  constexpr std::string_view kBefore = R"("body":"{\"Response\":{\"Data\":\")", kAfter = kSealedTail;
  constexpr std::size_t kFarthest = 64;  // httpStatusCode stands before it
  if (!body.starts_with('{') || !body.ends_with(kAfter)) return {};
  const std::size_t at = body.substr(0, kBefore.size() + kFarthest).find(kBefore);
  if (at == std::string_view::npos || at + kBefore.size() + kAfter.size() > body.size()) return {};
  body.remove_prefix(at + kBefore.size());
  body.remove_suffix(kAfter.size());
  return body;
}

}  // namespace

Result<PageReply> open_page(std::string_view http_body, const wire::Sm4Decryptor& key, Bytes& buffer) {
  PageReply out;
  std::string copy;
  std::string_view data = data_in_place(http_body);
  if (data.empty()) {
    // An error, or the same written differently: rare, so it may take the slow way.
    auto broken = [](std::string_view why) {
      return fail(Errc::corrupt, "leqi.envelope", {}, {}, {}, std::string(why));
    };
    auto outer = parse_object(http_body);
    if (!outer) return broken(outer.error().detail);
    Fields fields(*outer, {});
    auto inner = parse_object(fields.need("body"));
    if (!inner) return broken("body is missing or no object");
    const json::value* response = inner->if_contains("Response");
    if (response == nullptr || !response->is_object()) return broken("Response is missing");
    if (const json::value* error = response->get_object().if_contains("Error");
        error != nullptr && error->is_object()) {
      Fields parts(error->get_object(), "Response.Error.");
      out.error_code = parts.need("Code");
      out.error_message = parts.text("Message");
      if (parts.error()) return broken("Error without a code");
      return out;
    }
    Fields parts(response->get_object(), "Response.");
    copy = parts.need("Data");
    if (parts.error()) return broken("neither Data nor Error");
    data = copy;
  }
  const std::size_t room = wire::base64_room(data.size());
  if (buffer.size() < room) buffer.resize(room);
  const auto decoded = wire::base64_decode(data, buffer.data(), true);
  if (!decoded) return fail(Errc::corrupt, "leqi.base64");
  const std::size_t size = *decoded;
  if (size == 0 || size % kBlock != 0) return fail(Errc::corrupt, "leqi.cipher", {}, {}, {}, "not whole blocks");
  key.decrypt(buffer.data(), buffer.data(), size);
  const std::size_t padding = buffer[size - 1];
  bool sound = padding >= 1 && padding <= kBlock;
  for (std::size_t i = 0; sound && i < padding; ++i) sound = buffer[size - 1 - i] == padding;
  if (!sound) return fail(Errc::corrupt, "leqi.cipher", {}, {}, {}, "padding");
  out.page = ByteView(buffer).first(size - padding);
  return out;
}

std::string seal_page(std::string_view page, const wire::Sm4Encryptor& key) {
  // Piece by piece: whole pages of ciphertext would leave the cache between the steps. A piece is whole blocks and
  // whole groups of Base64, so that pieces follow each other without padding.
  constexpr std::size_t kPiece = 512 * kBlock * 3;
  const std::size_t padding = kBlock - page.size() % kBlock, size = page.size() + padding;
  std::string body;
  body.reserve(kSealedHead.size() + (size + 2) / 3 * 4 + kSealedTail.size());
  body.append(kSealedHead);
  Bytes cipher(std::min(size, kPiece));
  for (std::size_t at = 0; at < size; at += kPiece) {
    const std::size_t now = std::min(kPiece, size - at), text = std::min(now, page.size() - std::min(at, page.size()));
    std::copy_n(page.data() + std::min(at, page.size()), text, cipher.begin());
    std::fill_n(cipher.begin() + static_cast<std::ptrdiff_t>(text), now - text, static_cast<std::uint8_t>(padding));
    key.encrypt(cipher.data(), cipher.data(), now);
    body.append(base64(ByteView(cipher).first(now)));
  }
  return body.append(kSealedTail);
}

}  // namespace taxgate::leqi
