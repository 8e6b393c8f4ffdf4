#include "protocol/leqi_json.h"

#include <charconv>

namespace taxgate::leqi {

Result<json::object> parse_object(std::string_view text) {
  if (text.size() > kMaxJsonBytes) return fail(Errc::corrupt, "leqi.json", {}, {}, {}, "too large");
  json::parse_options options;
  options.max_depth = kMaxJsonDepth;
  boost::system::error_code ec;
  json::value value = json::parse(json::string_view(text.data(), text.size()), ec, {}, options);
  if (ec) return fail(Errc::corrupt, "leqi.json", {}, {}, {}, ec.message());
  if (!value.is_object()) return fail(Errc::corrupt, "leqi.json", {}, {}, {}, "not an object");
  return std::move(value.get_object());
}

const json::value* Fields::find(std::string_view name) const {
  const json::value* found = object_.if_contains(json::string_view(name.data(), name.size()));
  return found == nullptr || found->is_null() ? nullptr : found;
}

void Fields::remember(Error error) {
  if (!first_) first_ = std::move(error);
}

void Fields::remember(std::string_view name, std::string_view why) {
  remember(Error{Errc::corrupt, "leqi.field", path(name), {}, {}, std::string(why)});
}

std::string Fields::text(std::string_view name) {
  const json::value* found = find(name);
  if (found == nullptr) return {};
  if (found->is_string()) return std::string(found->get_string());
  if (found->is_int64()) return std::to_string(found->get_int64());
  if (found->is_uint64()) return std::to_string(found->get_uint64());
  // A fraction has already been through binary floating point here: it is not exact any more, so it is refused.
  remember(name, "neither text nor integer");
  return {};
}

std::string Fields::need(std::string_view name) {
  std::string value = text(name);
  if (value.empty()) remember(name, "missing");
  return value;
}

Fen Fields::fen(std::string_view name) {
  auto parsed = Fen::parse(need(name), path(name));
  if (!parsed) remember(parsed.error());
  return parsed.value_or(Fen{});
}

Fen Fields::fen_or_zero(std::string_view name) { return text(name).empty() ? Fen{} : fen(name); }

Decimal Fields::decimal(std::string_view name) {
  auto parsed = Decimal::parse(need(name), path(name));
  if (!parsed) remember(parsed.error());
  return parsed.value_or(Decimal{});
}

std::optional<Decimal> Fields::maybe_decimal(std::string_view name) {
  if (text(name).empty()) return std::nullopt;
  return decimal(name);
}

LegalTime Fields::time(std::string_view name) {
  auto parsed = LegalTime::parse(need(name), path(name));
  if (!parsed) remember(parsed.error());
  return parsed.value_or(LegalTime{});
}

LegalTime Fields::maybe_time(std::string_view name) { return text(name).empty() ? LegalTime{} : time(name); }

int Fields::integer(std::string_view name, int smallest, int largest) {
  std::string value = need(name);
  int number = 0;
  auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (ec != std::errc{} || end != value.data() + value.size() || number < smallest || number > largest) {
    remember(name, "not an integer in range");
    return smallest;
  }
  return number;
}

bool Fields::flag(std::string_view name) { return text(name) == "Y"; }

Side Fields::side(std::string_view name) { return need(name) == "1" ? Side::buyer : Side::seller; }

Outcome Fields::outcome() { return {need("returncode"), text("returnmsg")}; }

void put(json::object& into, std::string_view name, std::string_view value) {
  into[json::string_view(name.data(), name.size())] = json::string_view(value.data(), value.size());
}

void put_time(json::object& into, std::string_view name, LegalTime time) {
  if (time.is_set()) put(into, name, time.platform_text());
}

void put_outcome(json::object& into, const Outcome& outcome) {
  put(into, "returncode", outcome.code);
  put(into, "returnmsg", outcome.message);
}

void put_parties(json::object& into, const Party& seller, const Party& buyer) {
  put(into, "xsfnsrsbh", seller.id);
  put(into, "xsfmc", seller.name);
  if (!buyer.id.empty()) put(into, "gmfnsrsbh", buyer.id);  // a natural person has none
  put(into, "gmfmc", buyer.name);
}

void read_parties(Fields& fields, Party& seller, Party& buyer) {
  seller = {fields.need("xsfnsrsbh"), fields.text("xsfmc")};
  buyer = {fields.text("gmfnsrsbh"), fields.text("gmfmc")};
}

namespace {

/// "*水泥*P.O 42.5" → {"水泥", "P.O 42.5"}; a name without the category has none.
std::pair<std::string_view, std::string_view> split_name(std::string_view name) {
  if (name.size() > 2 && name.front() == '*') {
    const std::size_t second = name.find('*', 1);
    if (second != std::string_view::npos) return {name.substr(1, second - 1), name.substr(second + 1)};
  }
  return {{}, name};
}

}  // namespace

void put_lines(json::object& into, std::string_view name, const std::vector<RedLine>& lines, bool with_preference) {
  json::array array;
  int sequence = 0;
  for (const RedLine& line : lines) {
    json::object item;
    const auto [category, item_name] = split_name(line.name);
    put(item, "lzmxxh", std::to_string(line.blue_line));
    put(item, "xh", std::to_string(++sequence));
    put(item, "sphfwssflhbbm", line.tax_code);
    put(item, "hwhyslwfwmc", line.name);
    put(item, "spfwjc", category);
    put(item, "xmmc", item_name);
    if (!line.spec.empty()) put(item, "ggxh", line.spec);
    if (!line.unit.empty()) put(item, "dw", line.unit);
    if (line.price) put(item, "fpspdj", line.price->text());
    if (line.quantity) put(item, "fpspsl", line.quantity->text());
    put(item, "je", line.amount.text());
    put(item, "sl1", line.rate.text());
    put(item, "se", line.tax.text());
    if (with_preference && !line.preference.empty()) put(item, "yhzcbs", line.preference);
    array.push_back(std::move(item));
  }
  into[json::string_view(name.data(), name.size())] = std::move(array);
}

std::vector<RedLine> read_lines(Fields& fields, std::string_view name) {
  constexpr int kMaxLineNumber = 99'999'999;  // lzmxxh has 8 characters
  std::vector<RedLine> lines;
  fields.list(name, [&](Fields& item) {
    RedLine line;
    line.blue_line = item.integer("lzmxxh", 0, kMaxLineNumber);
    line.tax_code = item.need("sphfwssflhbbm");
    line.name = item.need("hwhyslwfwmc");
    line.spec = item.text("ggxh");
    line.unit = item.text("dw");
    line.price = item.maybe_decimal("fpspdj");
    line.quantity = item.maybe_decimal("fpspsl");
    line.amount = item.fen("je");
    line.rate = item.decimal("sl1");
    line.tax = item.fen("se");
    line.preference = item.text("yhzcbs");
    lines.push_back(std::move(line));
  });
  return lines;
}

std::string text_of(const json::object& object) { return json::serialize(object); }

}  // namespace taxgate::leqi
