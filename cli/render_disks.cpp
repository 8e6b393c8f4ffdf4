// Tax disks as text: what each type has left, and when issuing stops.
#include <fmt/format.h>

#include "cli/render.h"

namespace taxgate::cli {
namespace {

std::string level_word(const Screen& screen, std::string_view level) {
  return level == "stopped" ? screen.pick("STOPPED", "已停止") : level == "near" ? screen.pick("soon", "临近") : "";
}

std::string name_of(const Screen& screen, const api::v1::KeyInfo& key) {
  std::string out =
      fmt::format("{} {}  {}", screen.pick("tax disk", "税控设备"), key.serial(), key.disk().device_number());
  std::string signs_for;
  for (const auto& number : key.tax_devices()) signs_for += (signs_for.empty() ? "" : ", ") + number;
  if (!signs_for.empty()) out += fmt::format("  {} {}", screen.pick("signs for device", "用于设备"), signs_for);
  return out;
}

}  // namespace

std::string disks_text(const Screen& screen, const google::protobuf::RepeatedPtrField<api::v1::KeyInfo>& keys,
                       bool all) {
  std::string out;
  for (const auto& key : keys) {
    if (!key.has_disk()) continue;
    out += name_of(screen, key) + "\n";
    if (const auto trouble = screen.pick(key.disk().trouble(), key.disk().trouble_zh()); !trouble.empty())
      out += "  " + trouble + "\n";
    Grid grid({screen.pick("type", "票种"), screen.pick("lock date", "开票截止日期"),
               screen.pick("numbers", "剩余份数"), "", ""});
    for (const auto& type : key.disk().types()) {
      std::string first[] = {type.type(), short_time(type.lock_date()), type.numbers_left()};
      const auto add = [&](std::string_view word, std::string what) {
        grid.add({first[0], first[1], first[2], std::string(word), std::move(what)});
        for (auto& cell : first) cell.clear();
      };
      for (const auto& end : type.forecasts()) {
        add(level_word(screen, end.level()), screen.pick(end.message(), end.message_zh()));
        if (!end.level().empty()) add("", "→ " + screen.pick(end.remedy(), end.remedy_zh()));
        if (!all && end.level().empty()) break;
      }
      if (type.forecasts().empty()) add("", screen.pick("nothing known stops it", "未发现停止开票的原因"));
    }
    out += grid.text({2}, "  ");
  }
  return out;
}

}  // namespace taxgate::cli
