#include "daemon/sync/merge.h"

#include <algorithm>
#include <array>
#include <span>

namespace taxgate::sync {
namespace {

constexpr std::size_t kChunk = 64;  // records whose keys are known before the first is looked up

class PageMerge {
 public:
  PageMerge(Mirror& mirror, listing::Form form, std::uint32_t taxpayer, Batch& batch, const TransitionTable& allowed)
      : mirror_(mirror), form_(form), taxpayer_(taxpayer), batch_(batch), allowed_(allowed) {}

  void compare(const Workspace::Look& look, ByteView record) {
    std::uint64_t* tag = look.tag;
    if (added_ && look.keyed) tag = mirror_.locate(look.key).tag;  // entries may have moved since
    // Compared once more: an earlier record of this page may have been the same invoice with other content.
    if (tag != nullptr && Mirror::hash_of(*tag) == look.hash) return unchanged(*tag, record);
    read(look, tag, record);
  }
  /// Places of looks from now on are those of the mirror as it is.
  void looked_again() { added_ = false; }

 private:
  void unchanged(std::uint64_t& tag, ByteView record) {
    meet(tag, record);
    ++batch_.counts.unchanged;
  }

  void read(const Workspace::Look& look, std::uint64_t* tag, ByteView record) {
    const std::uint64_t hash = look.hash;
    auto decoded = listing::decode(form_, taxpayer_, record);
    if (!decoded) {
      // Not met: nobody knows what it says. The guess only helps a person to find it.
      return hold_back(look.keyed ? look.key : InvoiceKey{}, Reason::unreadable, decoded.error().field, {}, {}, hash,
                       record);
    }
    const InvoiceKey key = decoded->key;
    const bool guessed = look.keyed && look.key == key;
    const Mirror::Place place = guessed ? Mirror::Place{tag} : mirror_.locate(key);
    if (place.tag == nullptr) return add(key, record, decoded->status, hash);
    if (Mirror::hash_of(*place.tag) == hash)
      return unchanged(*place.tag, record);  // the quick look had missed the number
    meet(*place.tag, record);
    const PlatformStatus before = mirror_.status_of(*place.tag);
    const PlatformStatus after = before.updated_by(decoded->status);
    if (const auto field = allowed_.forbidden(before, after))
      return hold_back(key, Reason::transition, std::string(platform_name(*field)), before, after, hash, record);
    if (before == after) return touch(key, record, before, hash);
    if (!mirror_.put(key, after, hash))
      return hold_back(key, Reason::too_many_statuses, {}, before, after, hash, record);
    batch_.changes.push_back({key, before, after, hash, ChangeKind::changed, -1});
    ++batch_.counts.changed;
  }

  void add(const InvoiceKey& key, ByteView record, PlatformStatus status, std::uint64_t hash) {
    listing::Facts facts;
    if (auto all = listing::decode(form_, taxpayer_, record, &facts); !all)
      return hold_back(key, Reason::unreadable, all.error().field, {}, status, hash, record);
    if (!mirror_.put(key, status, hash)) return hold_back(key, Reason::too_many_statuses, {}, {}, status, hash, record);
    added_ = true;
    if (const auto place = mirror_.locate(key); place.tag != nullptr) Mirror::mark(*place.tag);
    push(key, {}, status, hash, ChangeKind::added, std::move(facts));
    ++batch_.counts.added;
  }

  void touch(const InvoiceKey& key, ByteView record, PlatformStatus status, std::uint64_t hash) {
    listing::Facts facts;
    if (auto all = listing::decode(form_, taxpayer_, record, &facts); !all)
      return hold_back(key, Reason::unreadable, all.error().field, status, status, hash, record);
    mirror_.put(key, status, hash);  // a known status: always room
    push(key, status, status, hash, ChangeKind::touched, std::move(facts));
    ++batch_.counts.touched;
  }

  void push(const InvoiceKey& key, PlatformStatus before, PlatformStatus after, std::uint64_t hash, ChangeKind kind,
            listing::Facts facts) {
    batch_.changes.push_back({key, before, after, hash, kind, static_cast<std::int32_t>(batch_.facts.size())});
    batch_.facts.push_back(std::move(facts));
  }

  void meet(std::uint64_t& tag, ByteView record) {
    if (Mirror::seen(tag)) again(record);
    Mirror::mark(tag);
  }

  void again(ByteView record) {
    listing::Facts facts;
    const bool to_self = listing::decode(form_, taxpayer_, record, &facts) && !facts.seller_id.empty() &&
                         facts.seller_id == facts.buyer_id;
    ++(to_self ? batch_.counts.to_self : batch_.counts.repeated);
  }

  void hold_back(const InvoiceKey& key, Reason reason, std::string field, PlatformStatus before, PlatformStatus after,
                 std::uint64_t hash, ByteView record) {
    batch_.quarantined.push_back({key, reason, std::move(field), before, after, hash, std::string(as_text(record))});
    ++batch_.counts.quarantined;
  }

  Mirror& mirror_;
  const listing::Form form_;
  const std::uint32_t taxpayer_;
  Batch& batch_;
  const TransitionTable& allowed_;
  bool added_ = false;  // since the looks were made
};

Result<void> check_head(const listing::PageHead& head, const Asked& asked) {
  const auto differs = [](const char* field, std::uint64_t told, std::uint64_t wanted) {
    return fail(Errc::corrupt, "listing.other_page", field, std::to_string(told), std::to_string(wanted));
  };
  if (asked.number != 0 && head.number != 0 && head.number != asked.number)
    return differs("packageno", head.number, asked.number);
  if (asked.count != 0 && head.count != 0 && head.count != asked.count)
    return differs("packagecount", head.count, asked.count);
  if (asked.total != 0 && head.total != 0 && head.total != asked.total)
    return differs("total", head.total, asked.total);
  return {};
}

/// Number, hash and place of a run of records.
void look_at(Mirror& mirror, listing::Form form, std::uint32_t taxpayer, ByteView page, listing::Hint& hint,
             std::span<const listing::Slice> records, Workspace::Look* looks) {
  std::array<InvoiceKey, kChunk> wanted;
  std::array<Mirror::Place, kChunk> places;
  std::size_t known = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto key = listing::quick_key(form, taxpayer, page.subspan(records[i].at, records[i].size), hint);
    looks[i].keyed = key.has_value();
    if (key) looks[i].key = wanted[known++] = *key;
  }
  // In order the next entry is at hand; otherwise every search would wait for memory by itself.
  const bool in_order = known == records.size() && mirror.follows(wanted[0]) &&
                        std::is_sorted(wanted.begin(), wanted.begin() + static_cast<std::ptrdiff_t>(known));
  if (in_order)
    for (std::size_t i = 0; i < known; ++i) places[i] = mirror.locate(wanted[i]);
  else
    mirror.locate_many({wanted.data(), known}, places.data());
  for (std::size_t i = 0, k = 0; i < records.size(); ++i) {
    looks[i].hash = fingerprint(page.subspan(records[i].at, records[i].size));
    looks[i].tag = looks[i].keyed ? places[k++].tag : nullptr;
  }
}

/// Records that cannot be read are the merge's matter.
Result<void> check_record(listing::Form form, std::uint32_t taxpayer, ByteView record, const Window& window,
                          listing::Facts& facts) {
  if (!listing::decode(form, taxpayer, record, &facts)) return {};
  const auto foreign = [](const char* field, std::string wanted) {
    return fail(Errc::corrupt, "listing.foreign", field, {}, std::move(wanted));
  };
  const std::string& side = window.direction == Direction::issued ? facts.seller_id : facts.buyer_id;
  if (side != window.taxpayer) return foreign("taxpayer", window.taxpayer);
  if (!window.type.empty() && facts.type != window.type) return foreign("type", window.type);
  if (window.month.index != 0 && Month::of(facts.issued_at) != window.month)
    return foreign("month", window.month.text());
  return {};
}

}  // namespace

void Batch::clear() {
  changes.clear();
  facts.clear();
  quarantined.clear();
  counts = {};
}

Invoice invoice_of(const listing::Facts& facts, PlatformStatus status) {
  Invoice out;
  out.number = facts.number;
  out.type = facts.type;
  out.issued_at = facts.issued_at;
  out.seller = {facts.seller_id, facts.seller_name};
  out.buyer = {facts.buyer_id, facts.buyer_name};
  out.amount = facts.amount;
  out.tax = facts.tax;
  out.is_red = facts.red;
  out.status = status.text(StatusField::state);
  out.use = status.text(StatusField::use);
  out.booking = status.text(StatusField::booking);
  out.locked = status.text(StatusField::lock) == "Y";
  return out;
}

Result<listing::PageHead> merge_page(Mirror& mirror, listing::Form form, std::uint32_t taxpayer, ByteView page,
                                     Workspace& w, Batch& batch, const Asked* asked, const TransitionTable& allowed) {
  auto head = listing::split(form, page, w.records);
  if (!head) return head;
  if (asked != nullptr)
    if (auto ok = check_head(*head, *asked); !ok) return std::unexpected(std::move(ok.error()));
  const std::span<const listing::Slice> records(w.records);
  // With a check first all records are looked at, then all are merged; without one chunk after chunk, in the cache.
  w.looks.resize(asked != nullptr ? records.size() : kChunk);
  listing::Facts facts;
  for (std::size_t from = 0; asked != nullptr && from < records.size(); from += kChunk) {
    const auto chunk = records.subspan(from, std::min(kChunk, records.size() - from));
    Workspace::Look* looks = w.looks.data() + from;
    look_at(mirror, form, taxpayer, page, w.hint, chunk, looks);
    for (std::size_t i = 0; i < chunk.size(); ++i) {
      // Known bytes were looked at when they were new; but a whole page of another window may hold nothing else.
      const bool outermost = from + i == 0 || from + i + 1 == records.size();
      if (!outermost && looks[i].tag != nullptr && Mirror::hash_of(*looks[i].tag) == looks[i].hash) continue;
      const ByteView record = page.subspan(chunk[i].at, chunk[i].size);
      if (auto ok = check_record(form, taxpayer, record, asked->window, facts); !ok)
        return std::unexpected(std::move(ok.error()));
    }
  }
  PageMerge merge(mirror, form, taxpayer, batch, allowed);
  for (std::size_t from = 0; from < records.size(); from += kChunk) {
    const auto chunk = records.subspan(from, std::min(kChunk, records.size() - from));
    Workspace::Look* looks = w.looks.data() + (asked != nullptr ? from : 0);
    if (asked == nullptr) {
      look_at(mirror, form, taxpayer, page, w.hint, chunk, looks);
      merge.looked_again();
    }
    for (std::size_t i = 0; i < chunk.size(); ++i) merge.compare(looks[i], page.subspan(chunk[i].at, chunk[i].size));
    batch.counts.records += chunk.size();
  }
  return head;
}

}  // namespace taxgate::sync
