#include "daemon/events/event_form.h"

#include <fmt/format.h>

#include <charconv>

namespace taxgate::events {
namespace {

// The letter names the cursor's version: another layout takes another letter and the old ones stay readable.
constexpr char kVersion = 'c';
constexpr std::size_t kMaxCursor = 24;

}  // namespace

std::string cursor_text(std::int64_t seq) { return fmt::format("{}{:x}", kVersion, seq < 0 ? 0 : seq); }

Result<std::int64_t> read_cursor(std::string_view text, std::string_view field) {
  if (text.empty()) return 0;
  const auto bad = [&] {
    return fail(Errc::invalid_input, "events.cursor", std::string(field), std::string(text.substr(0, 64)));
  };
  if (text.size() > kMaxCursor || text.front() != kVersion) return bad();
  std::int64_t seq = 0;
  const auto [end, ec] = std::from_chars(text.data() + 1, text.data() + text.size(), seq, 16);
  // Only what cursor_text writes: no sign, no capitals, no leading zeros.
  if (ec != std::errc{} || end != text.data() + text.size() || seq < 0 || cursor_text(seq) != text) return bad();
  return seq;
}

std::string event_type(const store::JournalRow& row) {
  if (!row.submission.empty()) return "submission." + (row.event == "state" ? row.state : row.event);
  if (row.event == "hold") return "hold.set";
  if (row.event == "release") return "hold.released";
  if (row.event == "ledger") return "ledger.imported";
  if (row.event == "inbox") return "inbox.form";
  if (row.event == "key_leased" || row.event == "key_released") return "key." + row.event.substr(4);
  if (row.event.starts_with("disk_")) return "disk." + row.event.substr(5);
  if (row.event == "caller") return "caller.changed";
  if (row.event == "night") return "sync." + row.state;
  return "gateway." + row.event;
}

api::v1::Event to_event(const store::JournalRow& row, std::string_view channel) {
  api::v1::Event event;
  event.set_cursor(cursor_text(row.seq));
  event.set_id(std::to_string(row.seq));
  event.set_at(row.at.rfc3339());
  event.set_type(event_type(row));
  event.set_taxpayer(row.taxpayer);
  event.set_submission(row.submission);
  event.set_blue_number(row.blue_number);
  event.set_state(row.state);
  event.set_principal(row.principal);
  event.set_channel(std::string(channel));
  event.set_detail(row.detail);
  event.set_reference(row.reference);
  return event;
}

}  // namespace taxgate::events
