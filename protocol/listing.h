#pragma once
// The platform's status listing, as its pages arrive: protobuf (listing.proto) or JSON. Reading is in two steps, so
// that an unchanged record costs its number and a hash: split() finds where each record lies and refuses a page that is
// not whole; decode() reads one record. Every reader is bounds-checked and total on hostile bytes. Hand-written: the
// generated protobuf reader takes five times as long (docs/sync.md has both grammars and an example).
// Pure; any thread.
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "protocol/decimal.h"
#include "protocol/invoice_key.h"
#include "protocol/legal_time.h"
#include "protocol/platform_status.h"
#include "protocol/sm.h"

namespace taxgate::listing {

enum class Form : std::uint8_t { protobuf, json };

/// Largest page taken: 50,000 records of a kilobyte; what is larger is refused before it is looked at.
inline constexpr std::size_t kMaxPageBytes = 64 * 1024 * 1024;
/// Largest record: a listing tells heads of invoices, never their lines.
inline constexpr std::size_t kMaxRecordBytes = 64 * 1024;
/// Longest name (xsfmc, gmfmc: 300 characters of at most 4 bytes).
inline constexpr std::size_t kMaxNameBytes = 1200;

/// Where one record lies in its page.
struct Slice {
  std::uint32_t at = 0, size = 0;
};

struct PageHead {
  std::uint64_t number = 0, count = 0;  // packageno, packagecount; 0: not told
  std::uint64_t total = 0;              // records of the whole window; 0: not told
};

/// Fills `records` (cleared first) with the place of every record. A page that is cut off or has a broken frame is
/// refused as a whole: its records may be anything.
/// errors  corrupt listing.page, limit_reached listing.too_big, rejected listing.refused (the platform's own code)
Result<PageHead> split(Form form, ByteView page, std::vector<Slice>& records);

/// Where the number was found in the record before: records of one listing look alike. Guesses, checked at each use.
struct Hint {
  std::uint32_t number_at = 0;
};
/// The key alone, when it can be had without reading the rest; nullopt: ask decode().
std::optional<InvoiceKey> quick_key(Form form, std::uint32_t taxpayer, ByteView record, Hint& hint);

/// Facts do not change after issue; the status does.
struct Facts {
  std::string number;  // canonical
  std::string type;    // fplx
  LegalTime issued_at;
  std::string seller_id, seller_name, buyer_id, buyer_name;
  Fen amount, tax;
  bool red = false;
  friend bool operator==(const Facts&, const Facts&) = default;
};
struct Record {
  InvoiceKey key;
  PlatformStatus status;
};

/// The key and the status of one record; the whole record is checked. With `facts` not null they are read too.
/// Unknown fields are skipped, unknown codes kept; a field given twice, a wrong type, bad UTF-8, a code of no known
/// form or a number that is none: refused.
/// errors  corrupt listing.record, with the field; no content of the record
Result<Record> decode(Form form, std::uint32_t taxpayer, ByteView record, Facts* facts = nullptr);

/// Writers, for the simulator, tests and benchmarks.
void append_record(std::string& page, Form form, const Facts& facts, PlatformStatus status);
std::string page_of(Form form, const PageHead& head, std::string_view records);  // records: what append_record made

namespace detail {  // one implementation each
Result<PageHead> split_wire(ByteView page, std::vector<Slice>& records);
Result<PageHead> split_json(ByteView page, std::vector<Slice>& records);
std::optional<InvoiceKey> quick_key_json(std::uint32_t taxpayer, ByteView record, Hint& hint);
struct Fields;  // what both forms are read into
Result<void> read_wire(ByteView record, Fields& fields);
Result<void> read_json(ByteView record, Fields& fields);
}  // namespace detail

}  // namespace taxgate::listing
