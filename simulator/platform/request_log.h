#pragma once
// What the virtual platform really booked, told independently of everything the gateway believes: one JSON line for
// each effect (form created, answered, void; red issued; table created, cancelled, written off), appended to a file and
// kept in memory. From it comes the only answer that counts to "was anything lost or doubled?".
//
// Thread: one at a time (the platform's loop). Lines are flushed one by one, not synced: the log must survive the
// gateway, not the machine.
#include <cstdint>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/decimal.h"
#include "protocol/error.h"
#include "protocol/legal_time.h"

namespace taxgate::simulator {

enum class EffectKind : std::uint8_t {
  form_created,
  form_confirmed,
  form_void,  // state says why: 05–13
  red_issued,
  table_created,
  table_approved,
  table_cancelled,
  table_written_off,
};
std::string_view effect_name(EffectKind kind);  // "form_created"

/// Who caused it. Only `request` came through the platform's services; the others were staged by the laboratory.
enum class Origin : std::uint8_t { request, counterparty, stranger, platform };
std::string_view origin_name(Origin origin);

struct Effect {
  std::uint64_t number = 0;     // 1, 2, … set by the log
  std::int64_t arrived_ms = 0;  // machine time the request arrived (Unix ms); set by the log when 0
  LegalTime legal;              // legal time it took effect
  EffectKind kind = EffectKind::form_created;
  Origin origin = Origin::request;
  std::string service;        // fwbm of the request, empty for effects of time
  std::string taxpayer;       // on whose behalf
  std::string seller, buyer;  // ids; a natural person's is empty
  std::string blue_number;    // empty: a table under memo 1100000000
  std::string reason;         // "01".."04"; empty for tables
  Fen amount, tax;            // negative
  std::string state;          // form or table state after the effect
  std::string document;       // the form's uuid or the table's own id: joins the effects of one document
  std::string number_text;    // form number, table number
  std::string red_number;
  std::string request_number;  // tables
  std::string request_sha256;  // of the plain request JSON
  bool protection = true;      // false: booked while the duplicate protection was off
};

/// What the billing server was promised, or told, by the gateway.
enum class Promised : std::uint8_t {
  live,         // accepted, and not known to be void: exactly one document that is not void
  issued,       // said to be issued: exactly one live document, and its red exists (tables: approved)
  void_,        // ended void: exactly one document, void
  none,         // refused or cancelled before it left: no document
  at_most_one,  // handed to a person: none or one
};
struct Promise {
  std::string seller, blue_number, reason;  // reason "" matches any
  Fen amount, tax;                          // negative
  Promised outcome = Promised::live;
  std::string buyer;           // optional; tells tables without a blue number apart
  std::string request_number;  // optional: a table's; then nothing else of a table is compared
  std::string label;           // echoed in the findings, e.g. the submission id
};

/// The documents the log holds for one promise's key {seller, blue number, reason, amount, tax}, from requests only.
struct Count {
  int created = 0;  // documents ever; a form on which two reds were issued counts twice
  int live = 0;     // of them not void, counted likewise
  int issued = 0;   // of them with a red (tables: approved or written off)
};

struct Finding {
  std::string what, label, seller, blue_number, reason;
  Fen amount, tax;
  int expected = 0, found = 0;
};
struct Verdict {
  int lost = 0;        // documents promised but not there
  int doubled = 0;     // documents there beyond what was promised
  int unpromised = 0;  // documents no promise speaks of; also counted in `doubled`
  std::vector<Finding> findings;
};

class RequestLog {
 public:
  RequestLog() = default;
  /// Appends to `path` (created when missing); empty: memory only. errors  invalid_input sim.log_file
  Result<void> open(const std::string& path);
  void append(Effect effect);
  std::span<const Effect> effects() const { return effects_; }

  /// The clear query: how many documents exist for this promise.
  Count count(const Promise& promise) const;
  /// Promises with equal keys are judged together: two partial returns of equal amounts are two promises and two
  /// documents.
  Verdict judge(std::span<const Promise> promises) const;

 private:
  std::ofstream file_;
  std::vector<Effect> effects_;
};

std::string to_json(const Effect& effect);  // one line
/// {"promises":[{"seller","blue_number","reason","amount","tax","outcome","buyer","request_number","label"}]}; outcome
/// is "live", "issued", "void", "none" or "at_most_one". errors  invalid_input sim.promises
Result<std::vector<Promise>> read_promises(std::string_view json);
std::string to_json(const Verdict& verdict);

}  // namespace taxgate::simulator
