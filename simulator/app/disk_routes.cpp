#include "simulator/app/disk_routes.h"

#include <boost/json.hpp>

#include <fmt/format.h>

#include "protocol/decimal.h"
#include "protocol/legal_time.h"
#include "simulator/app/simulator.h"
#include "simulator/platform/control.h"

namespace taxgate::simulator::app {
namespace json = boost::json;
namespace {

constexpr std::int64_t kMostIssued = 10'000;  // at a time; more than any volume here has

json::object type_json(const TaxDisk& disk, const DiskType& type) {
  const auto time = [](std::int64_t ms) { return LegalTime{ms}.platform_text(); };
  const auto money = [](std::uint64_t fen) { return Fen{static_cast<std::int64_t>(fen)}.text(); };
  return {{"type", type.code},
          {"lock_date", time(type.deadline_ms)},
          {"window_start", time(type.window_start_ms)},
          {"window_end", time(type.window_end_ms)},
          {"reported", type.reported},
          {"numbers_left", disk.numbers_left(type.code)},
          {"positive", money(type.positive)},
          {"negative", money(type.negative)},
          {"upload_deadline", time(type.upload_deadline_ms)},
          {"offline_since", time(type.offline_since_ms)},
          {"offline_hours", type.offline_limits.hours},
          {"offline_count", type.offline_count},
          {"offline_count_limit", type.offline_limits.count},
          {"offline_positive", money(type.offline_positive)},
          {"offline_negative", money(type.offline_negative)}};
}

json::object disk_json(const TaxDisk& disk) {
  json::array types;
  for (const auto& type : disk.content().types) types.push_back(type_json(disk, type));
  return {{"device_number", disk.content().identity.device_number},
          {"clock", LegalTime{disk.content().clock_ms}.platform_text()},
          {"types", std::move(types)}};
}

ControlReply misread(std::string field, std::string wanted) {
  return control_error(400, {Errc::invalid_input, "sim.scenario", std::move(field), {}, std::move(wanted), {}});
}

/// One wish at a disk: reads what it needs from `body`, acts, and answers 200 when the disk did it.
class DiskWish {
 public:
  DiskWish(TaxDisk& disk, const json::object& body, std::int64_t now) : disk_(disk), body_(body), now_(now) {}

  ControlReply act() {
    type_ = text("type");
    const std::string what = text("do");
    if (what == "set") return set();
    if (what == "issue") return issue();
    if (what == "upload") return done(disk_.uploaded(type_, moment("next").value_or(LegalTime{}).ms));
    if (what == "report") {
      const auto sealed = disk_.report(type_, now_);
      return sealed ? ControlReply{} : refused(sealed.error());
    }
    if (what == "clear") {
      const auto next = moment("next");
      if (!next) return misread("next", "the new lock date");
      const auto& number = disk_.content().identity.device_number;
      return done(disk_.clear(type_, TaxDisk::clearance(number, type_, next->ms), now_));
    }
    if (what == "buy") {
      const auto count = number("count");
      if (!count || *count == 0) return misread("count", "a number of invoices");
      return done(disk_.buy({.type = type_, .code = text("code"), .first = 1, .last = *count}, now_));
    }
    return misread("do", "set, issue, upload, report, clear or buy");
  }

 private:
  std::string text(std::string_view name) const {
    const auto* value = body_.if_contains(name);
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
  }
  std::optional<std::uint64_t> number(std::string_view name) const {
    const auto* value = body_.if_contains(name);
    if (!value || !value->is_int64() || value->get_int64() < 0) return std::nullopt;
    return static_cast<std::uint64_t>(value->get_int64());
  }
  std::optional<LegalTime> moment(std::string_view name) const {
    const auto time = LegalTime::parse(text(name));
    return time && time->is_set() ? std::optional(*time) : std::nullopt;
  }
  static ControlReply refused(const bot::Sense& why) {
    return control_error(409, {Errc::rejected, "key.disk_refused", {}, why.text(), {}, {}});
  }
  static ControlReply done(const TaxDisk::Answer<void>& answer) {
    return answer ? ControlReply{} : refused(answer.error());
  }

  ControlReply set() {
    for (const char* name : {"lock_date", "window_start", "window_end", "upload_deadline", "offline_since"})
      if (body_.contains(name) && !text(name).empty() && !moment(name)) return misread(name, "a day or a time");
    for (const char* name : {"offline_hours", "offline_count", "offline_count_limit"})
      if (body_.contains(name) && !number(name)) return misread(name, "a number");
    return done(disk_.change(type_, [this](DiskType& type) {
      const auto time = [this](std::string_view name, std::int64_t& into) {
        if (body_.contains(name)) into = moment(name).value_or(LegalTime{}).ms;
      };
      const auto figure = [this](std::string_view name, std::uint64_t& into) { into = number(name).value_or(into); };
      time("lock_date", type.deadline_ms);
      time("window_start", type.window_start_ms);
      time("window_end", type.window_end_ms);
      time("upload_deadline", type.upload_deadline_ms);
      time("offline_since", type.offline_since_ms);
      figure("offline_hours", type.offline_limits.hours);
      figure("offline_count", type.offline_count);
      figure("offline_count_limit", type.offline_limits.count);
    }));
  }

  ControlReply issue() {
    const auto count = number("count");
    const auto amount = Fen::parse(text("amount"));
    if (!count || *count > kMostIssued) return misread("count", fmt::format("a number up to {}", kMostIssued));
    if (!amount || amount->value < 0) return misread("amount", "an amount");
    const auto* red = body_.if_contains("red");
    for (std::uint64_t i = 0; i < *count; ++i)
      if (const auto issued = disk_.issue(type_, static_cast<std::uint64_t>(amount->value),
                                          red && red->is_bool() && red->get_bool(), now_);
          !issued)
        return refused(issued.error());
    return {};
  }

  TaxDisk& disk_;
  const json::object& body_;
  std::int64_t now_;
  std::string type_;
};

}  // namespace

void add_disk_routes(Simulator& simulator) {
  const auto with = [&simulator](const ControlRequest& request, auto act) -> ControlReply {
    Simulator::Key* key = simulator.find(request.captured.at("serial"));
    ControlReply reply;
    const bool disk = key && key->device->with_disk([&](TaxDisk& one, std::int64_t now) {
      reply = act(one, now);
      if (reply.status == 200) reply.body = json::serialize(disk_json(one));
    });
    if (disk) return reply;
    return control_error(404, {Errc::invalid_input, "sim.unknown_disk", {}, request.captured.at("serial"), {}, {}});
  };
  simulator.platform().add_route("GET", "/keys/{serial}/disk", [with](const ControlRequest& request) {
    return with(request, [](TaxDisk&, std::int64_t) { return ControlReply{}; });
  });
  simulator.platform().add_route("POST", "/keys/{serial}/disk", [with](const ControlRequest& request) {
    boost::system::error_code failed;
    const json::value body = json::parse(request.body, failed);
    if (failed || !body.is_object()) return misread("the whole", "an object");
    return with(request, [&](TaxDisk& disk, std::int64_t now) { return DiskWish(disk, body.get_object(), now).act(); });
  });
}

}  // namespace taxgate::simulator::app
