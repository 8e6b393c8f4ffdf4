// Checks the SM3 chain: whoever changes, removes or inserts a journal row, the bytes it vouches for, or a digest, is
// found.
#include <algorithm>

#include "daemon/store/codec.h"
#include "daemon/store/night_rows.h"
#include "daemon/store/rows.h"
#include "daemon/store/sqlite_store.h"

namespace taxgate::store {
namespace {

std::unexpected<Error> broken(std::int64_t seq, std::string_view what) {
  return fail(Errc::corrupt, "store.chain", "journal row " + std::to_string(seq), std::string(what));
}

// What the row vouches for, computed again from what is stored now; empty: nothing.
std::string content_now(Connection& db, const Query& row, std::int64_t seq) {
  constexpr int kRequest = 12, kDocument = 13;
  if (!row.null(kRequest)) return std::string(as_text(content_of_acceptance(row.view(kRequest), row.view(kDocument))));
  if (row.view(5) == "status") return content_of_changes(db, row.view(10));
  std::vector<SignedEnvelope> evidence;
  auto q = db.query(
      "SELECT bytes, signature, certificate, signer_id, key_serial FROM envelope WHERE journal = ? ORDER BY id");
  q.bind(seq);
  while (q.row()) evidence.push_back(read_envelope_row(q));
  return evidence.empty() ? std::string() : std::string(as_text(content_of_evidence(evidence)));
}

/// Checks one commit: its rows follow `last` without a gap to `end`, vouch for what is stored, and give, after
/// `digest` of the commit before, the one that is stored. `last` and `digest` move to its end.
Result<void> verify_link(Connection& db, std::int64_t end, std::string_view stored, std::int64_t& last,
                         Digest& digest) {
  std::string canonical;
  auto rows = db.query("SELECT " TAXGATE_JOURNAL_COLUMNS
                       ", content, request, document FROM journal "
                       "WHERE seq > ? AND seq <= ? ORDER BY seq");
  rows.bind(last).bind(end);
  while (rows.row()) {
    const JournalRow row = read_journal_row(rows);
    if (row.seq != last + 1) return broken(last + 1, "missing");
    last = row.seq;
    if (rows.view(11) != content_now(db, rows, row.seq)) return broken(row.seq, "its bytes were changed");
    append_canonical(canonical, row, rows.view(11));
  }
  if (db.failure()) return std::unexpected(*db.failure());
  if (last != end) return broken(last + 1, "missing");
  digest = sm3_of({digest, as_bytes(canonical)});
  if (stored != as_text(digest)) return broken(end, "the digest does not match");
  return {};
}

}  // namespace

Result<void> verify_chain_of(Connection& db) {
  db.execute("BEGIN");  // one snapshot: commits that arrive meanwhile are not part of the question
  Digest digest{};
  std::int64_t last = 0;
  auto links = db.query("SELECT last_seq, digest FROM chain ORDER BY last_seq");
  while (links.row()) {
    if (auto link = verify_link(db, links.integer(0), links.view(1), last, digest); !link) return link;
  }
  auto rest = db.query("SELECT count(*) FROM journal WHERE seq > ?");
  rest.bind(last);
  if (rest.row() && rest.integer(0) != 0) return broken(last + 1, "not covered by the chain");
  if (db.failure()) return std::unexpected(*db.failure());
  return {};
}

Result<void> verify_chain_around(Connection& db, std::span<const std::int64_t> rows) {
  std::int64_t checked = 0;
  for (const std::int64_t seq : rows) {
    if (seq <= checked) continue;  // of the same commit as the one before
    std::int64_t last = 0;
    Digest digest{};
    {
      auto before = db.query("SELECT last_seq, digest FROM chain WHERE last_seq < ? ORDER BY last_seq DESC LIMIT 1");
      before.bind(seq);
      if (before.row()) {
        last = before.integer(0);
        const auto bytes = before.view(1);
        if (bytes.size() != digest.size()) return broken(last, "the digest does not match");
        std::ranges::copy(as_bytes(bytes), digest.begin());
      }
    }
    auto link = db.query("SELECT last_seq, digest FROM chain WHERE last_seq >= ? ORDER BY last_seq LIMIT 1");
    link.bind(seq);
    if (!link.row()) return db.failure() ? std::unexpected(*db.failure()) : broken(seq, "not covered by the chain");
    if (auto whole = verify_link(db, link.integer(0), link.view(1), last, digest); !whole) return whole;
    checked = last;
  }
  return {};
}

}  // namespace taxgate::store
