#include "protocol/messages.h"

#include <algorithm>
#include <array>
#include <vector>

#include "protocol/message_areas.h"

namespace taxgate {
namespace {

const std::vector<Message>& catalogue() {
  static const std::vector<Message> rows = [] {
    const std::array<std::span<const Message>, 18> areas{{
        {kProtocolMessages, kProtocolMessageCount},
        {kRulesMessages, kRulesMessageCount},
        {kLawMessages, kLawMessageCount},
        {kKeysMessages, kKeysMessageCount},
        {kPlatformMessages, kPlatformMessageCount},
        {kStoreMessages, kStoreMessageCount},
        {kApiMessages, kApiMessageCount},
        {kCliMessages, kCliMessageCount},
        {kSimMessages, kSimMessageCount},
        {kWireMessages, kWireMessageCount},
        {kListingMessages, kListingMessageCount},
        {kPreflightMessages, kPreflightMessageCount},
        {kDeviceMessages, kDeviceMessageCount},
        {kUsbMessages, kUsbMessageCount},
        {kSkfMessages, kSkfMessageCount},
        {kDoctorMessages, kDoctorMessageCount},
        {kPipelineMessages, kPipelineMessageCount},
        {kCreditMessages, kCreditMessageCount},
    }};
    std::vector<Message> all;
    for (const auto& area : areas) all.insert(all.end(), area.begin(), area.end());
    std::ranges::sort(all, {}, &Message::id);
    return all;
  }();
  return rows;
}

/// Replaces {field}, {wanted} and {left}. What is filled in is not looked at again: values cannot smuggle placeholders.
std::string filled(std::string_view pattern, const Error& error) {
  const std::array<std::pair<std::string_view, const std::string*>, 3> values{
      {{"{field}", &error.field}, {"{wanted}", &error.wanted}, {"{left}", &error.left}}};
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
  return filled(language == Language::chinese ? row->text_zh : row->text, error);
}

std::string remedy_text(const Error& error, Language language) {
  const Message* row = find_message(error.id);
  if (row == nullptr) return {};
  return filled(language == Language::chinese ? row->remedy_zh : row->remedy, error);
}

}  // namespace taxgate
