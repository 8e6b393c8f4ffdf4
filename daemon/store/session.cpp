#include "daemon/store/session.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "daemon/store/codec.h"

namespace taxgate::store {
namespace {

// Reds are asked for by lane and by blue number; normally these are the same text.
bool separate_blue(std::string_view lane, std::string_view blue) { return !blue.empty() && blue != lane; }

std::int64_t milliseconds_of(std::string_view uuid) {
  if (!is_uuid(uuid)) return 0;
  std::int64_t ms = 0;
  for (const std::string_view part : {uuid.substr(0, 8), uuid.substr(9, 4)}) {
    std::uint64_t v = 0;
    std::from_chars(part.data(), part.data() + part.size(), v, 16);
    ms = static_cast<std::int64_t>((static_cast<std::uint64_t>(ms) << (4 * part.size())) | v);
  }
  return ms;
}

}  // namespace

Result<void> Session::load() {
  for (auto& count : shared_.counts) count = 0;
  std::string last_id;
  {
    auto q = db_.query("SELECT seq, state, idempotency_key, lane, blue_number, id FROM submission ORDER BY seq");
    while (q.row()) {
      const auto seq = q.integer(0);
      const auto state = q.integer(1);
      if (state < 0 || state >= kStateCount) {
        q.damaged("a submission has an unknown state");
        break;
      }
      ++shared_.counts[static_cast<std::size_t>(state)];
      shared_.ids.add(q.view(5), seq);
      if (!is_final(static_cast<State>(state))) shared_.open.set(seq, true);
      shared_.keys.add(q.view(2), seq);
      const std::string_view lane = q.view(3), blue = q.view(4);
      shared_.lanes.add(lane, seq);
      if (separate_blue(lane, blue)) shared_.lanes.add(blue, seq);
      last_id.assign(q.view(5));
    }
  }
  // Keeps new ids behind the old ones even when the clock was set back meanwhile.
  ids_.start_after(milliseconds_of(last_id));
  {
    auto q = db_.query("SELECT coalesce(max(seq), 0) FROM journal");
    if (q.row()) last_seq_ = committed_seq_ = q.integer(0);
  }
  {
    auto q = db_.query("SELECT last_seq, digest FROM chain ORDER BY last_seq DESC LIMIT 1");
    const bool some = q.row();
    const auto digest = some ? as_bytes(q.view(1)) : ByteView{};
    if (!db_.failure() && ((some ? q.integer(0) : 0) != last_seq_ || (some && digest.size() != digest_.size())))
      return fail(Errc::corrupt, "store.chain", "chain", std::to_string(some ? q.integer(0) : 0),
                  std::to_string(last_seq_));
    if (some) std::copy(digest.begin(), digest.end(), digest_.begin());
  }
  {
    auto q = db_.query("SELECT id FROM taxpayer");
    while (q.row()) numbered_.insert(q.text(0));
  }
  if (db_.failure()) return std::unexpected(*db_.failure());
  shared_.last_seq = last_seq_;
  db_.shrink();
  return {};
}

void Session::begin() {
  canonical_.clear();
  issued_.clear();
  numbered_now_.clear();
  added_.clear();
  closed_.clear();
  moved_.fill(0);
  db_.query("BEGIN IMMEDIATE").run();
}

bool Session::commit() {
  for (const auto& [key, sum] : issued_) add_issued_total(db_, key, sum);
  if (!canonical_.empty()) {
    next_digest_ = sm3_of({digest_, as_bytes(canonical_)});
    db_.query("INSERT INTO chain(last_seq, digest) VALUES(?, ?)").bind(last_seq_).bind_bytes(next_digest_).run();
  }
  db_.query("COMMIT").run();
  if (db_.failure()) return false;
  if (!canonical_.empty()) digest_ = next_digest_;
  committed_seq_ = last_seq_;
  shared_.last_seq.store(last_seq_, std::memory_order_release);
  for (const auto* s : added_) shared_.open.set(s->seq, true);
  for (const auto seq : closed_) shared_.open.set(seq, false);
  for (std::size_t i = 0; i < moved_.size(); ++i)
    if (moved_[i] != 0) shared_.counts[i].fetch_add(moved_[i], std::memory_order_relaxed);
  return true;
}

void Session::rollback() {
  // Some failures (a full disk) have rolled back already. The failure itself must not stop this statement.
  const auto failure = db_.failure();
  db_.clear_failure();
  if (db_.in_transaction()) db_.query("ROLLBACK").run();
  if (failure && !db_.failure()) db_.restore_failure(*failure);
  last_seq_ = committed_seq_;
  for (const auto* s : added_) {
    shared_.ids.remove(s->id, s->seq);
    shared_.keys.remove(s->idempotency_key, s->seq);
    shared_.lanes.remove(s->lane, s->seq);
    if (separate_blue(s->lane, s->blue_number)) shared_.lanes.remove(s->blue_number, s->seq);
  }
  added_.clear();
  canonical_.clear();
  issued_.clear();
  for (const auto& taxpayer : std::exchange(numbered_now_, {})) numbered_.erase(taxpayer);
}

std::int64_t Session::append(JournalRow& row, std::int64_t previous, std::string_view content, std::string_view request,
                             std::string_view document) {
  row.seq = ++last_seq_;
  if (!row.at.is_set()) row.at = now();
  append_canonical(canonical_, row, content);
  auto q = db_.query(
      "INSERT INTO journal(seq, previous, at, submission, taxpayer, blue_number, event, state, step, principal, "
      "detail, "
      "reference, content, request, document) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  q.bind(row.seq).bind(previous).bind(row.at.ms).bind(row.submission).bind(row.taxpayer).bind(row.blue_number);
  q.bind(row.event).bind(row.state).bind(row.step).bind(row.principal).bind(row.detail).bind(row.reference);
  q.bind_bytes_or_null(content);
  // Only an acceptance keeps bytes, and there an empty text is a text: verify_chain tells the two kinds apart by NULL.
  if (row.event == "accepted")
    q.bind_bytes(request).bind_bytes(document);
  else
    q.bind_null().bind_null();
  q.run();
  return row.seq;
}

void Session::added(const Submission& s) {
  shared_.ids.add(s.id, s.seq);
  shared_.keys.add(s.idempotency_key, s.seq);
  shared_.lanes.add(s.lane, s.seq);
  if (separate_blue(s.lane, s.blue_number)) shared_.lanes.add(s.blue_number, s.seq);
  added_.push_back(&s);
  ++moved_[static_cast<std::size_t>(s.state)];
}

void Session::moved(std::int64_t seq, State from, State to) {
  if (is_final(to)) closed_.push_back(seq);
  --moved_[static_cast<std::size_t>(from)];
  ++moved_[static_cast<std::size_t>(to)];
}

}  // namespace taxgate::store
