#pragma once
// The wire of the night: what is asked of the platform to learn the status of every invoice, and its answers. Four
// ways:
//   bulk         one window (taxpayer, direction, type, days of one month): apply → state until ready → packages 1..n
//   incremental  what changed since a cursor, likewise within one month
//   totals       how many invoices a window holds and their sums, to compare with what was received
//   single       FPZTXXCX of leqi.h, one invoice a call
// Packages and incremental answers are pages of protocol/listing.h. Both sides use these structs; every reader is total
// on hostile bytes. Pure; any thread. Source: rules.md C (services, one call per type, no crossing of months, packages
// from 1, cursor scrollId); names marked "ours" in leqi_night.cpp are explained in docs/fidelity.md.
#include "protocol/leqi.h"
#include "protocol/listing.h"
#include "protocol/platform_status.h"
#include "protocol/wire_kernels.h"

namespace taxgate::leqi {

namespace service {
inline constexpr std::string_view night_apply = "PLFPXZSQ",  // the bulk download's application
    night_state = "PLFPXZZT", night_package = "PLFPXZJG",    // ours
    night_changes = "FPTSTXXXCX",                            // incremental, with a cursor
    night_totals = "FPHZTJCX";                               // ours
}

enum class Direction : std::uint8_t { received = 1, issued = 2 };  // sjlx: 1 进项, 2 销项
std::string_view direction_code(Direction direction);              // "1", "2"

/// What one listing covers: every invoice of one type that `taxpayer` received or issued on the days from `from` to
/// `to`, both included, by the invoice's own date (kprq).
struct Window {
  std::string taxpayer;
  Direction direction = Direction::issued;
  std::string type;    // fplx, two digits
  LegalTime from, to;  // midnights (+08:00); `to` is the last day itself
  friend bool operator==(const Window&, const Window&) = default;
};
/// Both days are set, in order and of one month: the platform refuses any other window.
bool within_one_month(const Window& window);
/// The date alone, "2026-11-22".
std::string day_text(LegalTime time);

// ---- bulk ----------------------------------------------------------------------------------------------------------
struct BulkApply {
  Window window;
  listing::Form form = listing::Form::json;  // of the packages
};
std::string bulk_apply_json(const BulkApply& request);
Result<BulkApply> read_bulk_apply(std::string_view json);
struct BulkApplyReply {
  Outcome outcome;
  std::string receipt;  // lsh(32)
};
std::string bulk_apply_reply_json(const BulkApplyReply& reply);
Result<BulkApplyReply> read_bulk_apply_reply(std::string_view json);

struct BulkStateRequest {
  std::string taxpayer, receipt;
};
std::string bulk_state_json(const BulkStateRequest& request);
Result<BulkStateRequest> read_bulk_state(std::string_view json);
enum class BulkState : std::uint8_t { ready = 0, working = 1, failed = 2, gone = 3 };  // gone: apply again
struct BulkStateReply {
  Outcome outcome;
  BulkState state = BulkState::working;
  std::uint32_t packages = 0;  // when ready; a window without invoices has one package without records
  std::uint64_t total = 0;     // records of the whole window, when ready
};
std::string bulk_state_reply_json(const BulkStateReply& reply);
Result<BulkStateReply> read_bulk_state_reply(std::string_view json);

/// Answered with a page whose head says the package's number, the count and the total; the same number may be fetched
/// again as long as the receipt lives.
struct PackageRequest {
  std::string taxpayer, receipt;
  std::uint32_t package = 1;
};
inline constexpr std::uint32_t kMaxPackages = 1'000'000;
std::string package_json(const PackageRequest& request);
Result<PackageRequest> read_package(std::string_view json);

// ---- incremental ---------------------------------------------------------------------------------------------------
/// Every invoice whose status changed on the days of `window` (by the day of the change; type may be empty: all), after
/// position `cursor` of this taxpayer and direction. Positions count changes from 0 and never go back.
struct ChangesRequest {
  Window window;
  std::int64_t cursor = 0;
  std::uint32_t limit = 1000;  // at most so many records
};
inline constexpr std::uint32_t kMaxChanges = 50'000;  // a page of listing.h, at about 360 bytes a record
std::string changes_json(const ChangesRequest& request);
Result<ChangesRequest> read_changes(std::string_view json);
/// Stands before the records in a JSON page. When `first` is not the cursor that was asked for, another program has
/// moved it: what lies between was not shown to us and must be read in bulk.
struct ChangesHead {
  std::int64_t first = 0, next = 0;  // position of the first record; where to go on
  bool more = false;                 // there are others in this window
};
/// records  what listing::append_record() made, JSON
std::string changes_page(const listing::PageHead& head, const ChangesHead& changes, std::string_view records);
/// errors  corrupt leqi.field, leqi.json. rejected listing.refused (the platform's own code)
Result<ChangesHead> read_changes_head(ByteView page);

// ---- totals --------------------------------------------------------------------------------------------------------
std::string totals_json(const Window& window);
Result<Window> read_totals(std::string_view json);
struct TotalsReply {
  Outcome outcome;
  std::uint64_t count = 0;
  Fen amount, tax;  // sums; reds count negative
};
std::string totals_reply_json(const TotalsReply& reply);
Result<TotalsReply> read_totals_reply(std::string_view json);

/// What a single query says, as a status; what it does not say is absent. nullopt: a code of no known form.
std::optional<PlatformStatus> status_of(const InvoiceStatusReply& reply);

// ---- the envelope, for pages ---------------------------------------------------------------------------------------
/// Codes of Response.Error that mean "later", whatever was asked (ours; the real ones are unknown).
inline constexpr std::string_view kSessionLost = "SIM-401", kMaintenance = "SIM-503";

struct PageReply {
  ByteView page;           // lies in `buffer`
  std::string error_code;  // gateway-level Error.Code, else empty
  std::string error_message;
};
/// The same as read_reply() for answers of megabytes: Base64 is decoded where it stands, once, by the wire kernels.
/// buffer  grows to the largest answer and is kept by the caller. key  one thread at a time
/// errors  corrupt leqi.envelope, leqi.base64, leqi.cipher
Result<PageReply> open_page(std::string_view http_body, const wire::Sm4Decryptor& key, Bytes& buffer);

/// The other side of it: the whole HTTP body, byte for byte what make_reply() makes of the page.
std::string seal_page(std::string_view page, const wire::Sm4Encryptor& key);

}  // namespace taxgate::leqi
