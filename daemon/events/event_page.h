#pragma once
// The journal as events, page by page: for the API and for webhooks. Most rows are one event; a "status" row stands for
// thousands of changed invoices and becomes one event each, so a place may lie within a row.
// Thread: the readers'.
#include <functional>

#include "daemon/events/event_form.h"
#include "daemon/store/store.h"

namespace taxgate::events {

/// Everything up to journal row `seq` is past; of the row after it, changes up to `change`.
struct Place {
  std::int64_t seq = 0, change = 0;
  friend bool operator==(const Place&, const Place&) = default;
};
/// As cursor_text() where no row is begun.
std::string place_text(const Place& place);
/// Empty text is the beginning. errors  invalid_input events.cursor
Result<Place> read_place(std::string_view text, std::string_view field = "after");

struct Wanted {
  std::function<bool(const store::JournalRow&)> row;  // is it this reader's business; empty: all
  std::function<bool(std::string_view type)> type;    // empty: all
  int limit = 100;                                    // events
  int rows = 1000;                                    // of the journal, at most: a page may be empty and not the end
  std::string_view channel;
};
struct EventPage {
  api::v1::EventList events;  // no cursor of its own
  Place next;
  bool end = false;  // nothing stands behind `next` now
};
/// A change of an invoice's status is "invoice.status"; new invoices and changes of the bytes alone are no events.
/// errors  those of the readers
Result<EventPage> read_page(store::Reader& reader, store::NightReader& night, Place from, const Wanted& wanted);

}  // namespace taxgate::events
