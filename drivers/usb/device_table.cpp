#include "drivers/usb/device_table.h"

#include <fmt/core.h>

#include <toml++/toml.h>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "drivers/usb/table_reader.h"

namespace taxgate::usb {
namespace {

// A table for every device ever seen is a few kilobytes; more is another file by mistake.
constexpr std::size_t kMaxFile = 256 * 1024;
constexpr std::int64_t kMaxRetries = 1000, kMaxPauseMs = 10'000, kMaxTimeoutMs = 60'000;
constexpr std::int64_t kMinTransfer = 512, kMaxTransfer = bot::kCardHead + bot::kMaxCardBytes;

/// A command descriptor in hexadecimal digits.
void read_cdb(TableReader& reader, const toml::table& table, std::string_view key, Bytes& into) {
  const std::string digits = reader.text(key);
  if (digits.empty()) return;
  auto bytes = from_hex(digits);
  if (!bytes || bytes->size() > bot::kMaxCdb)
    return reader.report("keyd.config_value", key, *table.get(key), "1 to 16 bytes in hexadecimal digits");
  into = std::move(*bytes);
}

DeviceRow read_row(const toml::table& table, const std::string& prefix, const std::string& file,
                   std::optional<Error>& error) {
  TableReader reader(table, prefix, file, error);
  DeviceRow row;
  row.name = reader.text("name");
  if (const auto id = reader.number("vendor", 0, 0xFFFF)) row.vendor = static_cast<std::uint16_t>(*id);
  if (const auto id = reader.number("product", 0, 0xFFFF)) row.product = static_cast<std::uint16_t>(*id);
  row.manufacturer = reader.text("manufacturer");
  row.product_name = reader.text("product_name");
  row.strings_required = reader.flag("strings_required", row.strings_required);
  row.use = reader.flag("use", row.use);
  Quirks& quirks = row.quirks;
  if (const auto n = reader.number("not_ready_retries", 0, kMaxRetries))
    quirks.not_ready_retries = static_cast<unsigned>(*n);
  if (const auto ms = reader.number("not_ready_pause_ms", 0, kMaxPauseMs))
    quirks.not_ready_pause = std::chrono::milliseconds(*ms);
  quirks.status_first = reader.flag("status_first", quirks.status_first);
  quirks.zero_data_length = reader.flag("zero_data_length", quirks.zero_data_length);
  if (const auto n = reader.number("max_transfer", kMinTransfer, kMaxTransfer))
    quirks.max_transfer = static_cast<std::uint32_t>(*n);
  if (const auto ms = reader.number("timeout_ms", 1, kMaxTimeoutMs)) quirks.timeout = std::chrono::milliseconds(*ms);
  quirks.inquiry_vendor = reader.text("inquiry_vendor");
  quirks.inquiry_product = reader.text("inquiry_product");
  read_cdb(reader, table, "send_cdb", quirks.send_cdb);
  read_cdb(reader, table, "receive_cdb", quirks.receive_cdb);
  reader.finish();
  // A row that fits everything would have us open every stick in the machine.
  const bool by_id = row.vendor && row.product;
  if (!by_id && row.manufacturer.empty() && row.product_name.empty())
    reader.report("keyd.config_value", "vendor", table, "vendor and product, or a string to look for");
  return row;
}

/// `wanted` inside what the device gave: a stray byte before or after does not matter.
bool fits(const std::string& wanted, const std::string& given, bool required) {
  if (wanted.empty()) return true;
  if (given.empty()) return !required;
  return given.find(wanted) != std::string::npos;
}

}  // namespace

Result<DeviceTable> DeviceTable::parse(std::string_view text, const std::string& file_name) {
  toml::table root;
  try {
    root = toml::parse(text, file_name);
  } catch (const toml::parse_error& problem) {
    return fail(Errc::invalid_input, "keyd.config_syntax", {}, std::string(problem.description()),
                fmt::format("{}:{}", file_name, problem.source().begin.line));
  }
  std::optional<Error> error;
  DeviceTable table;
  for (const auto& [key, node] : root) {
    const auto at = fmt::format("{}:{}", file_name, node.source().begin.line);
    if (key.str() != "device") return fail(Errc::invalid_input, "keyd.config_unknown", std::string(key.str()), {}, at);
    const toml::array* array = node.as_array();
    if (!array || !array->is_homogeneous<toml::table>())
      return fail(Errc::invalid_input, "keyd.config_type", "device", "[[device]] tables", at);
    for (std::size_t i = 0; i < array->size(); ++i)
      table.rows_.push_back(read_row(*array->get_as<toml::table>(i), fmt::format("device[{}].", i), file_name, error));
  }
  if (error) return std::unexpected(std::move(*error));
  return table;
}

Result<DeviceTable> DeviceTable::load(const std::string& file) {
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  std::string text;
  if (in) {
    text.resize(kMaxFile + 1);
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
  }
  if (!in.is_open() || in.bad() || text.size() > kMaxFile)
    return fail(Errc::invalid_input, "keyd.config_file", {}, file, {}, std::strerror(errno));
  return parse(text, file);
}

const DeviceRow* DeviceTable::find(const UsbFacts& device) const {
  for (const DeviceRow& row : rows_) {
    if (row.vendor && *row.vendor != device.vendor) continue;
    if (row.product && *row.product != device.product) continue;
    // Without both numbers the strings are all there is to go by.
    const bool required = row.strings_required || !row.vendor || !row.product;
    if (fits(row.manufacturer, device.manufacturer, required) && fits(row.product_name, device.product_name, required))
      return &row;
  }
  return nullptr;
}

}  // namespace taxgate::usb
