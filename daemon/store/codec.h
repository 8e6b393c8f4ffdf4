#pragma once
// Bytes of the records that are stored as one column: ledger invoices, lists of names, and the canonical form of a
// journal row that the SM3 chain covers. Private to this room; grammar in docs/store.md. Readers are total on hostile
// bytes and accept exactly what the writers produce.
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/store/records.h"
#include "daemon/store/sm3_batch.h"

namespace taxgate::store {

std::string encode_invoice(const Invoice& invoice);
/// errors  corrupt store.record
Result<Invoice> decode_invoice(std::string_view bytes);

std::string encode_names(const std::vector<std::string>& names);
/// errors  corrupt store.record
Result<std::vector<std::string>> decode_names(std::string_view bytes);

/// Appends 8 bytes, big-endian.
inline void append_u64(std::string& out, std::uint64_t v) {
  if constexpr (std::endian::native == std::endian::little) v = std::byteswap(v);
  out.append(reinterpret_cast<const char*>(&v), sizeof v);
}
/// Appends the canonical bytes of one row. content  32 bytes or empty: digest of what the row vouches for.
void append_canonical(std::string& out, const JournalRow& row, std::string_view content);
/// What an "accepted" row vouches for: the caller's bytes and the wanted document.
Digest content_of_acceptance(std::string_view request, std::string_view document);
/// The same as a job for sm3_batch. length  filled here; must stay, like the texts, until the batch is done
Sm3Job content_job(std::string_view request, std::string_view document, std::string& length, Digest& digest);
/// What a row with evidence vouches for: every envelope stored with it, in order.
Digest content_of_evidence(const std::vector<SignedEnvelope>& evidence);

}  // namespace taxgate::store
