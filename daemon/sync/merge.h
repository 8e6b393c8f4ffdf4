#pragma once
// The kernel of the night: one page of the platform's listing against the mirror; what changed comes out as a batch. No
// I/O, no clock, no lock. An unchanged record costs its number, its hash and one comparison.
//
// Order of use (the driver's): Mirror filled → begin() → for each page merge_page() → the batch committed by the store
// together with the cursor → Batch::clear(). If a commit fails, the mirror is ahead of the store: throw it away and
// fill it again. One thread at a time.
#include <cstdint>
#include <string>
#include <vector>

#include "daemon/sync/mirror.h"
#include "daemon/sync/transitions.h"
#include "daemon/sync/window.h"
#include "protocol/invoice.h"
#include "protocol/listing.h"

namespace taxgate::sync {

enum class ChangeKind : std::uint8_t {
  added,    // the mirror did not know it; `facts` is set
  changed,  // another status, and the platform may say so
  touched,  // other bytes, the same status (facts, a new field): only the hash is new; `facts` is set
};
struct Change {
  InvoiceKey key;
  PlatformStatus before, after;
  std::uint64_t hash = 0;
  ChangeKind kind = ChangeKind::changed;
  std::int32_t facts = -1;  // index into Batch::facts
};

enum class Reason : std::uint8_t {
  unreadable,        // the record does not decode; key may be unknown (partition 0)
  transition,        // the status cannot have become this
  too_many_statuses  // more different statuses than a mirror holds: no real platform has them
};
struct Quarantined {
  InvoiceKey key;
  Reason reason = Reason::unreadable;
  std::string field;  // which one was wrong
  PlatformStatus before, after;
  std::uint64_t hash = 0;
  std::string evidence;  // the raw record
};

struct Counts {
  std::uint64_t records = 0, unchanged = 0, added = 0, changed = 0, touched = 0, quarantined = 0;
  std::uint64_t repeated = 0;  // records of invoices already met this night, whatever became of them
  std::uint64_t to_self = 0;   // the same, of invoices issued to oneself: both directions list them
  friend bool operator==(const Counts&, const Counts&) = default;
};

struct Batch {
  std::vector<Change> changes;
  std::vector<listing::Facts> facts;
  std::vector<Quarantined> quarantined;
  Counts counts;  // sums until clear()
  void clear();
};

/// Memory that is used again from page to page.
struct Workspace {
  /// What the first look at a record found, so that nothing of it is done twice.
  struct Look {
    std::uint64_t* tag = nullptr;  // in the mirror; nullptr: not there, or the number was not seen at once
    std::uint64_t hash = 0;
    InvoiceKey key;
    bool keyed = false;
  };
  std::vector<listing::Slice> records;
  std::vector<Look> looks;
  listing::Hint hint;
};

/// What a page was asked for. A record that is new or has other bytes than last time must lie in the window, and so
/// must the first and the last of a page; of the others, one whose bytes are known was looked at when they were new.
struct Asked {
  Window window;                                   // type empty, month 0: any
  std::uint64_t number = 0, count = 0, total = 0;  // of the page's head; 0: any
};

/// Appends to `batch`. A page that is not whole, or is not what was asked for, changes nothing, neither mirror nor
/// batch. taxpayer  our number of the taxpayer whose listing this is, 1..InvoiceKey::kMaxTaxpayer
/// asked     not null: the whole page is checked before the first record of it counts
/// allowed   which status may follow which
/// errors    those of listing::split; corrupt listing.other_page, listing.foreign
Result<listing::PageHead> merge_page(Mirror& mirror, listing::Form form, std::uint32_t taxpayer, ByteView page,
                                     Workspace& workspace, Batch& batch, const Asked* asked = nullptr,
                                     const TransitionTable& allowed = TransitionTable::compiled_in());

/// A new invoice as the ledger keeps it: facts and status, no lines (a listing has none).
Invoice invoice_of(const listing::Facts& facts, PlatformStatus status);

}  // namespace taxgate::sync
