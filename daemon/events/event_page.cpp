#include "daemon/events/event_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace taxgate::events {
namespace {

constexpr char kWithinRow = 'd';  // the cursor's letter where a row is begun: "d<seq>.<change>", hexadecimal
constexpr std::size_t kMaxPlace = 48;
constexpr int kChangesAtOnce = 1000;
constexpr int kChangesLookedAt = 20'000;  // for one page: a first night's millions are no events and must be passed
constexpr std::string_view kStatusEvent = "invoice.status";

struct Range {
  std::int64_t first = 0, last = 0;
};
Range range_of(std::string_view reference) {
  Range r;
  const auto dash = reference.find('-');
  if (dash == std::string_view::npos) return r;
  std::from_chars(reference.data(), reference.data() + dash, r.first);
  std::from_chars(reference.data() + dash + 1, reference.data() + reference.size(), r.last);
  return r;
}

/// "state 0 to 7, lock N to Y".
std::string difference(PlatformStatus before, PlatformStatus after) {
  std::string out;
  for (std::size_t f = 0; f < kStatusFields; ++f) {
    const auto field = static_cast<StatusField>(f);
    if (before.get(field) == after.get(field)) continue;
    const std::string from = before.text(field);
    out += fmt::format("{}{} {} to {}", out.empty() ? "" : ", ", name(field), from.empty() ? "-" : from,
                       after.text(field));
  }
  return out;
}

api::v1::Event status_event(const store::JournalRow& row, const store::StatusChange& c, const Place& after,
                            std::string_view channel) {
  api::v1::Event event;
  event.set_cursor(place_text(after));
  event.set_id(fmt::format("{}.{}", row.seq, c.seq));
  event.set_at(c.at.rfc3339());
  event.set_type(std::string(kStatusEvent));
  event.set_taxpayer(row.taxpayer);
  event.set_blue_number(invoice_number(c.key));
  event.set_principal(row.principal);
  event.set_channel(std::string(channel));
  event.set_detail(difference(c.before, c.after));
  event.set_reference(c.run == 0 ? "day" : fmt::format("night {}", c.run));
  return event;
}

/// Of one "status" row, from out.next on. True: the row is past; false: the page is full.
Result<bool> expand(store::NightReader& night, const store::JournalRow& row, const Wanted& wanted, EventPage& out,
                    int& looked_at) {
  const Range range = range_of(row.reference);
  std::int64_t at = std::max(out.next.change, range.first - 1);
  while (at < range.last) {
    auto changes = night.changes_after(at, kChangesAtOnce);
    if (!changes) return std::unexpected(changes.error());
    if (changes->empty()) break;
    looked_at += static_cast<int>(changes->size());
    for (const auto& c : *changes) {
      at = c.seq;
      if (c.seq > range.last) break;
      if (c.before == c.after || c.before.bits == 0) continue;
      out.next.change = c.seq;
      *out.events.add_events() = status_event(row, c, out.next, wanted.channel);
      if (out.events.events_size() >= wanted.limit && c.seq < range.last) return false;
    }
    if (looked_at >= kChangesLookedAt && at < range.last) {
      out.next.change = at;
      return false;
    }
  }
  return true;
}

}  // namespace

std::string place_text(const Place& place) {
  if (place.change == 0) return cursor_text(place.seq);
  return fmt::format("{}{:x}.{:x}", kWithinRow, place.seq, place.change);
}

Result<Place> read_place(std::string_view text, std::string_view field) {
  if (!text.starts_with(kWithinRow)) {
    auto seq = read_cursor(text, field);
    if (!seq) return std::unexpected(seq.error());
    return Place{*seq, 0};
  }
  Place place;
  const auto dot = text.find('.');
  if (text.size() <= kMaxPlace && dot != std::string_view::npos) {
    std::from_chars(text.data() + 1, text.data() + dot, place.seq, 16);
    std::from_chars(text.data() + dot + 1, text.data() + text.size(), place.change, 16);
    // Only what place_text writes.
    if (place.seq >= 0 && place.change > 0 && place_text(place) == text) return place;
  }
  return fail(Errc::invalid_input, "events.cursor", std::string(field), std::string(text.substr(0, 64)));
}

Result<EventPage> read_page(store::Reader& reader, store::NightReader& night, Place from, const Wanted& wanted) {
  EventPage out;
  out.next = from;
  auto rows = reader.journal_after(from.seq, wanted.rows);
  if (!rows) return std::unexpected(rows.error());
  int looked_at = 0;
  for (const auto& row : *rows) {
    if (out.events.events_size() >= wanted.limit || looked_at >= kChangesLookedAt) return out;
    if (!wanted.row || wanted.row(row)) {
      if (row.event == "status") {
        if (!wanted.type || wanted.type(kStatusEvent)) {
          auto past = expand(night, row, wanted, out, looked_at);
          if (!past) return std::unexpected(past.error());
          if (!*past) return out;
        }
      } else if (!wanted.type || wanted.type(event_type(row))) {
        *out.events.add_events() = to_event(row, wanted.channel);
      }
    }
    out.next = {row.seq, 0};
    // The last event of a row that is past goes on behind the row.
    if (row.event == "status" && out.events.events_size() > 0) {
      auto& last = *out.events.mutable_events(out.events.events_size() - 1);
      if (last.id().starts_with(std::to_string(row.seq) + ".")) last.set_cursor(place_text(out.next));
    }
  }
  out.end = rows->size() < static_cast<std::size_t>(wanted.rows);
  return out;
}

}  // namespace taxgate::events
