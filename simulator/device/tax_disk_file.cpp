#include "simulator/device/tax_disk_file.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace taxgate::simulator {
namespace {

/// One list of members for both directions, so that what is written is what is read.
class Fields {
 public:
  Fields(StateFile& file, bool writing) : file_(file), writing_(writing) {}

  void operator()(const std::string& key, std::string& value) {
    if (writing_)
      file_.set(key, value);
    else
      value = file_.get(key);
  }
  template <class Number>
  void operator()(const std::string& key, Number& value) {
    if (writing_)
      file_.set(key, std::to_string(value));
    else
      value = static_cast<Number>(file_.get_number(key));
  }

 private:
  StateFile& file_;
  bool writing_;
};

void walk(Fields& field, DiskIdentity& it) {
  field("device", it.device_number);
  field("taxpayer", it.taxpayer);
  field("name", it.name);
  field("bureau_code", it.bureau_code);
  field("bureau_name", it.bureau_name);
  field("firmware", it.firmware);
  field("terminal", it.terminal);
  field("company_type", it.company_type);
  field("activated", it.activated_ms);
}

void walk(Fields& field, const std::string& at, DiskType& it) {
  field(at + "code", it.code);
  field(at + "deadline", it.deadline_ms);
  field(at + "window_start", it.window_start_ms);
  field(at + "window_end", it.window_end_ms);
  field(at + "upload_deadline", it.upload_deadline_ms);
  field(at + "last_report", it.last_report_ms);
  field(at + "reported", it.reported);
  field(at + "invoice_limit", it.invoice_limit);
  field(at + "positive_limit", it.positive_limit);
  field(at + "negative_limit", it.negative_limit);
  field(at + "positive", it.positive);
  field(at + "negative", it.negative);
  field(at + "offline_hours", it.offline_limits.hours);
  field(at + "offline_max", it.offline_limits.count);
  field(at + "offline_max_positive", it.offline_limits.positive);
  field(at + "offline_max_negative", it.offline_limits.negative);
  field(at + "offline_count", it.offline_count);
  field(at + "offline_positive", it.offline_positive);
  field(at + "offline_negative", it.offline_negative);
  field(at + "offline_since", it.offline_since_ms);
}

void walk(Fields& field, const std::string& at, DiskVolume& it) {
  field(at + "type", it.type);
  field(at + "code", it.code);
  field(at + "first", it.first);
  field(at + "last", it.last);
  field(at + "current", it.current);
  field(at + "bought", it.bought_ms);
}

void walk(Fields& field, const std::string& at, std::string& type, int& number, DiskMonth& it) {
  field(at + "type", type);
  field(at + "number", number);
  field(at + "opening", it.opening);
  field(at + "bought", it.bought);
  field(at + "returned", it.returned);
  field(at + "positive", it.positive);
  field(at + "voided", it.voided);
  field(at + "negative", it.negative);
  field(at + "positive_amount", it.positive_amount);
  field(at + "negative_amount", it.negative_amount);
}

// A damaged file must not have us reserve the machine's memory.
constexpr std::size_t kMaxEntries = 10'000;

void walk(Fields& field, DiskContent& it, bool writing) {
  walk(field, it.identity);
  field("clock", it.clock_ms);
  std::size_t types = it.types.size(), volumes = it.volumes.size(), months = it.months.size();
  field("types", types);
  field("volumes", volumes);
  field("months", months);
  if (!writing) {
    it.types.resize(std::min(types, kMaxEntries));
    it.volumes.resize(std::min(volumes, kMaxEntries));
  }
  for (std::size_t i = 0; i < it.types.size(); ++i) walk(field, fmt::format("type.{}.", i), it.types[i]);
  for (std::size_t i = 0; i < it.volumes.size(); ++i) walk(field, fmt::format("volume.{}.", i), it.volumes[i]);
  auto month = it.months.begin();
  for (std::size_t i = 0; i < std::min(months, kMaxEntries); ++i) {
    std::pair<std::string, int> key;
    DiskMonth figures;
    if (writing) {
      key = month->first;
      figures = month->second;
      ++month;
    }
    walk(field, fmt::format("month.{}.", i), key.first, key.second, figures);
    if (!writing) it.months[key] = figures;
  }
}

}  // namespace

Result<DiskContent> load_disk(const std::string& path) {
  auto file = StateFile::load(path);
  if (!file) return std::unexpected(file.error());
  DiskContent content;
  Fields fields(*file, false);
  walk(fields, content, false);
  return content;
}

Result<void> save_disk(const DiskContent& content, const std::string& path) {
  StateFile file;
  Fields fields(file, true);
  DiskContent copy = content;
  walk(fields, copy, true);
  return file.save(path);
}

}  // namespace taxgate::simulator
