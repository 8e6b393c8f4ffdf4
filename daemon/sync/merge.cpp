#include "daemon/sync/merge.h"

#include <algorithm>
#include <array>

#include "daemon/sync/transitions.h"

namespace taxgate::sync {
namespace {

constexpr std::size_t kChunk = 64;  // records whose keys are known before the first is looked up

class PageMerge {
 public:
  PageMerge(Mirror& mirror, listing::Form form, std::uint32_t taxpayer, Batch& batch)
      : mirror_(mirror), form_(form), taxpayer_(taxpayer), batch_(batch) {}

  void compare(const std::optional<InvoiceKey>& key, ByteView record) {
    const std::uint64_t hash = fingerprint(record);
    if (key) {
      const auto place = mirror_.locate(*key);
      if (place.tag != nullptr && Mirror::hash_of(*place.tag) == hash) {
        unchanged(*place.tag);
        return;
      }
    }
    read(key, record, hash);
  }

 private:
  void unchanged(std::uint64_t& tag) {
    if (Mirror::seen(tag)) ++batch_.counts.repeated;
    Mirror::mark(tag);
    ++batch_.counts.unchanged;
  }

  void read(const std::optional<InvoiceKey>& guess, ByteView record, std::uint64_t hash) {
    auto decoded = listing::decode(form_, taxpayer_, record);
    if (!decoded) {
      // Not met: nobody knows what it says. The guess only helps a person to find it.
      return hold_back(guess.value_or(InvoiceKey{}), Reason::unreadable, decoded.error().field, {}, {}, hash, record);
    }
    const InvoiceKey key = decoded->key;
    const auto place = mirror_.locate(key);
    if (place.tag == nullptr) return add(key, record, decoded->status, hash);
    if (Mirror::hash_of(*place.tag) == hash) return unchanged(*place.tag);  // the quick look had missed the number
    meet(*place.tag);
    const PlatformStatus before = mirror_.status_of(*place.tag);
    const PlatformStatus after = before.updated_by(decoded->status);
    if (const auto field = forbidden(before, after))
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

  void meet(std::uint64_t& tag) {
    if (Mirror::seen(tag)) ++batch_.counts.repeated;
    Mirror::mark(tag);
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

/// Records that cannot be read are the merge's matter.
Result<void> check_records(Mirror& mirror, listing::Form form, std::uint32_t taxpayer, ByteView page, Workspace& w,
                           const Window& window) {
  listing::Facts facts;
  for (const auto& r : w.records) {
    const ByteView record = page.subspan(r.at, r.size);
    if (const auto key = listing::quick_key(form, taxpayer, record, w.hint)) {
      const auto place = mirror.locate(*key);
      if (place.tag != nullptr && Mirror::hash_of(*place.tag) == fingerprint(record)) continue;
    }
    if (!listing::decode(form, taxpayer, record, &facts)) continue;
    const auto foreign = [](const char* field, std::string wanted) {
      return fail(Errc::corrupt, "listing.foreign", field, {}, std::move(wanted));
    };
    const std::string& side = window.direction == Direction::issued ? facts.seller_id : facts.buyer_id;
    if (side != window.taxpayer) return foreign("taxpayer", window.taxpayer);
    if (!window.type.empty() && facts.type != window.type) return foreign("type", window.type);
    if (window.month.index != 0 && Month::of(facts.issued_at) != window.month)
      return foreign("month", window.month.text());
  }
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
                                     Workspace& w, Batch& batch, const Asked* asked) {
  auto head = listing::split(form, page, w.records);
  if (!head) return head;
  if (asked != nullptr) {
    if (auto ok = check_head(*head, *asked); !ok) return std::unexpected(std::move(ok.error()));
    if (auto ok = check_records(mirror, form, taxpayer, page, w, asked->window); !ok)
      return std::unexpected(std::move(ok.error()));
  }
  PageMerge merge(mirror, form, taxpayer, batch);
  std::array<std::optional<InvoiceKey>, kChunk> keys;
  std::array<InvoiceKey, kChunk> wanted;
  for (std::size_t from = 0; from < w.records.size(); from += kChunk) {
    const std::size_t n = std::min(kChunk, w.records.size() - from);
    std::size_t known = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const auto& r = w.records[from + i];
      keys[i] = listing::quick_key(form, taxpayer, page.subspan(r.at, r.size), w.hint);
      if (keys[i]) wanted[known++] = *keys[i];
    }
    // In order the next entry is at hand; otherwise every search would wait for memory by itself.
    const bool in_order = known == n && mirror.follows(wanted[0]) && std::is_sorted(wanted.begin(), wanted.begin() + n);
    if (!in_order) mirror.prefetch(wanted.data(), known);
    for (std::size_t i = 0; i < n; ++i) {
      const auto& r = w.records[from + i];
      merge.compare(keys[i], page.subspan(r.at, r.size));
    }
    batch.counts.records += n;
  }
  return head;
}

}  // namespace taxgate::sync
