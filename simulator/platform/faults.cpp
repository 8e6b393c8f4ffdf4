#include "simulator/platform/faults.h"

#include <algorithm>
#include <boost/json.hpp>
#include <iterator>

namespace taxgate::simulator {

namespace json = boost::json;

namespace {

/// A number in [0, 1) from the seed and a text: FNV-1a, then splitmix64's finaliser.
double draw(std::uint64_t seed, std::string_view text) {
  std::uint64_t h = 0xcbf29ce484222325ULL ^ seed;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  h += 0x9e3779b97f4a7c15ULL;
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ULL;
  h = (h ^ (h >> 27)) * 0x94d049bb133111ebULL;
  h ^= h >> 31;
  return static_cast<double>(h >> 11) * 0x1.0p-53;
}

template <class T>
void take(std::optional<T>& into, const std::optional<T>& from) {
  if (!into) into = from;
}

void merge(FaultAction& into, const FaultAction& from) {
  take(into.delay_ms, from.delay_ms);
  take(into.late_arrival_ms, from.late_arrival_ms);
  take(into.late_listing_ms, from.late_listing_ms);
  take(into.status, from.status);
  take(into.retry_after_s, from.retry_after_s);
  take(into.date_off_s, from.date_off_s);
  take(into.truncate_at, from.truncate_at);
  into.drop_before |= from.drop_before;
  into.drop_after |= from.drop_after;
  into.garbage |= from.garbage;
  into.duplicate_answer |= from.duplicate_answer;
  into.wrong_signature |= from.wrong_signature;
  into.stall |= from.stall;
  into.no_issue |= from.no_issue;
  into.handle |= from.handle;
  into.protection &= from.protection;
  if (into.gateway_error.empty()) into.gateway_error = from.gateway_error;
  if (into.page.empty()) into.page = from.page;
  if (into.cursor_moved == 0) into.cursor_moved = from.cursor_moved;
}

bool fits(const std::string& wanted, std::string_view given) { return wanted.empty() || wanted == given; }

}  // namespace

FaultAction Faults::decide(std::string_view service, std::string_view taxpayer, std::string_view blue_number) {
  std::string key(service);
  key.append("|").append(taxpayer).append("|").append(blue_number);
  const std::uint64_t occurrence = ++seen_[key];
  FaultAction action;
  std::size_t place = 0;
  for (Entry& entry : faults_) {
    ++place;
    const Fault& f = entry.fault;
    if (!fits(f.service, service) || !fits(f.taxpayer, taxpayer) || !fits(f.blue_number, blue_number)) continue;
    if (f.probability) {
      const std::string what = key + "|" + std::to_string(occurrence) + "|" + std::to_string(place);
      if (draw(seed_, what) >= *f.probability) continue;
    }
    const int number = ++entry.matched;
    if (number < f.nth || (f.count != 0 && number >= f.nth + f.count)) continue;
    merge(action, f.action);
  }
  return action;
}

namespace {

constexpr std::int64_t kMaxMs = 3'600'000;  // an hour: a longer fault is a stall

std::unexpected<Error> refuse(std::string_view member, std::string_view why) {
  return fail(Errc::invalid_input, "sim.script", std::string(member), std::string(member) + ": " + std::string(why));
}

/// Members by name; each returns false when the value is not of its kind.
bool set_text(const json::value& v, std::string& into) {
  if (!v.is_string()) return false;
  into = std::string(v.get_string());
  return true;
}
template <class T>
bool set_number(const json::value& v, T& into, std::int64_t smallest, std::int64_t largest) {
  if (!v.is_int64() || v.get_int64() < smallest || v.get_int64() > largest) return false;
  into = static_cast<T>(v.get_int64());
  return true;
}
template <class T>
bool set_number(const json::value& v, std::optional<T>& into, std::int64_t smallest, std::int64_t largest) {
  T number{};
  if (!set_number(v, number, smallest, largest)) return false;
  into = number;
  return true;
}
bool set_flag(const json::value& v, bool& into) {
  if (!v.is_bool()) return false;
  into = v.get_bool();
  return true;
}
bool set_probability(const json::value& v, std::optional<double>& into) {
  boost::system::error_code ec;
  const double p = v.to_number<double>(ec);
  if (ec || p < 0 || p > 1) return false;
  into = p;
  return true;
}

bool set_page(const json::value& v, std::string& into) {
  static constexpr std::string_view kKinds[] = {"cut",     "repeat",   "reorder",     "previous", "number",
                                                "missing", "stranger", "other_month", "miscount"};
  return set_text(v, into) && std::ranges::find(kKinds, into) != std::end(kKinds);
}

bool set_member(Fault& f, std::string_view name, const json::value& v) {
  FaultAction& a = f.action;
  if (name == "service") return set_text(v, f.service);
  if (name == "taxpayer") return set_text(v, f.taxpayer);
  if (name == "blue_number") return set_text(v, f.blue_number);
  if (name == "nth") return set_number(v, f.nth, 1, 1'000'000);
  if (name == "count") return set_number(v, f.count, 0, 1'000'000);
  if (name == "probability") return set_probability(v, f.probability);
  if (name == "delay_ms") return set_number(v, a.delay_ms, 0, kMaxMs);
  if (name == "late_arrival_ms") return set_number(v, a.late_arrival_ms, 0, kMaxMs);
  if (name == "late_listing_ms") return set_number(v, a.late_listing_ms, 0, kMaxMs);
  if (name == "status") return set_number(v, a.status, 400, 599);
  if (name == "retry_after") return set_number(v, a.retry_after_s, 0, 86'400);
  if (name == "date_off_s") return set_number(v, a.date_off_s, -86'400, 86'400);
  if (name == "truncate_at") return set_number(v, a.truncate_at, 0, 100'000'000);
  if (name == "drop_before") return set_flag(v, a.drop_before);
  if (name == "drop_after") return set_flag(v, a.drop_after);
  if (name == "garbage") return set_flag(v, a.garbage);
  if (name == "duplicate_answer") return set_flag(v, a.duplicate_answer);
  if (name == "wrong_signature") return set_flag(v, a.wrong_signature);
  if (name == "stall") return set_flag(v, a.stall);
  if (name == "no_issue") return set_flag(v, a.no_issue);
  if (name == "handle") return set_flag(v, a.handle);
  if (name == "protection") return set_flag(v, a.protection);
  if (name == "gateway_error") return set_text(v, a.gateway_error) && !a.gateway_error.empty();
  if (name == "page") return set_page(v, a.page);
  if (name == "cursor_moved") return set_number(v, a.cursor_moved, 1, 1'000'000);
  return false;
}

Result<Fault> read_fault(const json::value& value) {
  if (!value.is_object()) return refuse("fault", "not an object");
  Fault fault;
  bool counted = false;
  for (const auto& [name, member] : value.get_object()) {
    const std::string_view key(name.data(), name.size());
    if (!set_member(fault, key, member)) return refuse(key, "unknown member, or a value it cannot have");
    counted |= key == "count";
  }
  if (fault.action == FaultAction{}) return refuse("fault", "names no effect");
  if (fault.probability && !counted) fault.count = 0;
  return fault;
}

}  // namespace

Result<FaultScript> read_fault_script(std::string_view text) {
  boost::system::error_code ec;
  const json::value value = json::parse(json::string_view(text.data(), text.size()), ec);
  if (ec) return refuse("script", ec.message());
  FaultScript script;
  const json::value* list = &value;
  if (value.is_object() && value.get_object().contains("faults")) {
    const json::object& o = value.get_object();
    for (const auto& [name, member] : o) {
      if (name == "seed" && member.is_int64()) {
        script.seed = static_cast<std::uint64_t>(member.get_int64());
      } else if (name != "faults") {
        return refuse(std::string_view(name.data(), name.size()), "unknown member, or a value it cannot have");
      }
    }
    list = &o.at("faults");
  }
  if (list->is_array()) {
    for (const json::value& item : list->get_array()) {
      auto fault = read_fault(item);
      if (!fault) return std::unexpected(std::move(fault.error()));
      script.faults.push_back(std::move(*fault));
    }
  } else {
    auto fault = read_fault(*list);
    if (!fault) return std::unexpected(std::move(fault.error()));
    script.faults.push_back(std::move(*fault));
  }
  return script;
}

}  // namespace taxgate::simulator
