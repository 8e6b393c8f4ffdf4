#include "protocol/messages.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "protocol/message_areas.h"

namespace taxgate {
namespace {

const std::vector<Message>& catalogue() {
  static const std::vector<Message> rows = [] {
    const std::array<std::span<const Message>, 20> areas{{
        {kProtocolMessages, kProtocolMessageCount}, {kRulesMessages, kRulesMessageCount},
        {kLawMessages, kLawMessageCount},           {kKeysMessages, kKeysMessageCount},
        {kPlatformMessages, kPlatformMessageCount}, {kStoreMessages, kStoreMessageCount},
        {kApiMessages, kApiMessageCount},           {kCliMessages, kCliMessageCount},
        {kSimMessages, kSimMessageCount},           {kWireMessages, kWireMessageCount},
        {kListingMessages, kListingMessageCount},   {kPreflightMessages, kPreflightMessageCount},
        {kDeviceMessages, kDeviceMessageCount},     {kUsbMessages, kUsbMessageCount},
        {kSkfMessages, kSkfMessageCount},           {kDoctorMessages, kDoctorMessageCount},
        {kPipelineMessages, kPipelineMessageCount}, {kCreditMessages, kCreditMessageCount},
        {kJournalMessages, kJournalMessageCount},   {kWordMessages, kWordMessageCount},
    }};
    std::vector<Message> all;
    for (const auto& area : areas) all.insert(all.end(), area.begin(), area.end());
    std::ranges::sort(all, {}, &Message::id);
    return all;
  }();
  return rows;
}

/// Seconds as a time; anything else stays as it is.
std::string time_of_seconds(const std::string& text, Language language) {
  std::int64_t seconds = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  return wrong == std::errc{} && end == text.data() + text.size() ? duration_text(seconds * 1000, language) : text;
}

/// Replaces {field}, {wanted} and {left}. What is filled in is not looked at again: values cannot smuggle placeholders.
std::string filled(std::string_view pattern, const Error& error, Language language) {
  const bool timed = pattern.find("{wanted:time}") != std::string_view::npos;
  const std::string time = timed ? time_of_seconds(error.wanted, language) : std::string();
  const std::array<std::pair<std::string_view, const std::string*>, 4> values{
      {{"{field}", &error.field}, {"{wanted}", &error.wanted}, {"{left}", &error.left}, {"{wanted:time}", &time}}};
  std::string out;
  out.reserve(pattern.size() + error.field.size() + error.wanted.size() + error.left.size());
  while (!pattern.empty()) {
    const auto match = std::ranges::find_if(values, [&](const auto& v) { return pattern.starts_with(v.first); });
    if (match != values.end()) {
      out += *match->second;
      pattern.remove_prefix(match->first.size());
    } else {
      out.push_back(pattern.front());
      pattern.remove_prefix(1);
    }
  }
  return out;
}

}  // namespace

std::span<const Message> message_catalogue() { return catalogue(); }

const Message* find_message(std::string_view id) {
  const auto& rows = catalogue();
  const auto at = std::ranges::lower_bound(rows, id, {}, &Message::id);
  return at != rows.end() && at->id == id ? &*at : nullptr;
}

std::string message_text(const Error& error, Language language) {
  const Message* row = find_message(error.id);
  if (row == nullptr) return error.detail.empty() ? error.id : error.id + ": " + error.detail;
  return filled(language == Language::chinese ? row->text_zh : row->text, error, language);
}

std::string remedy_text(const Error& error, Language language) {
  const Message* row = find_message(error.id);
  if (row == nullptr) return {};
  return filled(language == Language::chinese ? row->remedy_zh : row->remedy, error, language);
}

std::string duration_text(std::int64_t ms, Language language) {
  struct Unit {
    std::int64_t seconds;
    std::string_view english, chinese;
  };
  static constexpr Unit kUnits[] = {
      {86'400, " d", " 天"}, {3'600, " h", " 小时"}, {60, " min", " 分"}, {1, " s", " 秒"}};
  std::int64_t left = std::max<std::int64_t>(ms, 0) / 1000;
  std::size_t unit = 0;
  while (unit + 1 < std::size(kUnits) && left < kUnits[unit].seconds) ++unit;
  std::string out;
  for (const std::size_t last = unit + 1; unit <= last && unit < std::size(kUnits); ++unit) {
    const std::int64_t count = left / kUnits[unit].seconds;
    left %= kUnits[unit].seconds;
    if (count == 0 && !out.empty()) break;
    out += (out.empty() ? "" : " ") + std::to_string(count);
    out += language == Language::chinese ? kUnits[unit].chinese : kUnits[unit].english;
  }
  return out;
}

}  // namespace taxgate
