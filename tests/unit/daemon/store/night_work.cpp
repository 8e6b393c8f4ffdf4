#include "tests/unit/daemon/store/night_work.h"

namespace taxgate::store {
namespace {

constexpr int kNights = 4;
constexpr std::uint64_t kInvoices = 40;
// The last night is one large batch: its commit takes several transactions, and so does its apply.
constexpr std::uint64_t kBulkFrom = 1000, kBulk = 4500;
constexpr std::size_t kBatch = 7;
constexpr const char* kCursor = "night:test";

struct Local {
  PlatformStatus status;
  std::uint64_t hash;
};
std::uint64_t hash_of(PlatformStatus s) { return s.bits + 1; }

// One page: the batch a driver would make of it against what is stored now.
NightBatch batch_of(int night, std::uint32_t taxpayer, const NightStatuses& listing, std::uint64_t from,
                    std::map<InvoiceKey, Local>& mirror) {
  NightBatch batch;
  batch.run = night;
  batch.taxpayer = kOurs;
  const bool bulk = night == kNights;
  const std::uint64_t begin = bulk ? kBulkFrom : from;
  const std::uint64_t end = bulk ? kBulkFrom + kBulk : std::min(from + kBatch, kInvoices);
  for (std::uint64_t serial = begin; serial < end; ++serial) {
    const auto shown = listing.find(serial);
    if (shown == listing.end()) continue;
    const auto key = *invoice_key(taxpayer, listed_number(serial));
    const auto known = mirror.find(key);
    StatusChange c;
    c.key = key;
    c.after = shown->second;
    c.hash = hash_of(c.after);
    if (known != mirror.end()) {
      if (known->second.hash == c.hash) continue;
      c.before = known->second.status;
      if (c.before.text(StatusField::state) == "2") {  // finished: not believed
        QuarantinedRecord r;
        r.number = listed_number(serial);
        r.reason = "transition";
        r.field = "fpzt";
        r.before = c.before;
        r.after = c.after;
        r.hash = c.hash;
        r.evidence = "raw";
        batch.quarantined.push_back(r);
        continue;
      }
    } else if (!bulk) {
      Invoice i = sample_invoice(listed_number(serial));
      i.lines.clear();
      batch.invoices.push_back(i);
    }
    mirror[key] = {c.after, c.hash};
    batch.changes.push_back(c);
  }
  batch.cursor = kCursor;
  batch.cursor_value = night * 1000 + static_cast<std::int64_t>(bulk ? kInvoices : end);
  return batch;
}

bool finish_nights(Store& store, const Confirm& confirm) {
  const auto taxpayer = number(store);
  if (!taxpayer) return false;
  auto night_reader = store.night().reader();
  auto reader = store.reader();
  if (!night_reader || !reader) return false;
  const auto done = (*reader)->cursor(kCursor);
  if (!done) return false;
  std::map<InvoiceKey, Local> mirror;
  if (!(*night_reader)->each_status([&](const InvoiceKey& key, PlatformStatus s, std::uint64_t hash) {
        mirror[key] = {s, hash};
      }))
    return false;
  const auto apply_all = [&] {
    for (;;) {
      auto plan = (*night_reader)->plan(2000);
      if (!plan) return false;
      if (plan->rows.empty()) return true;
      const auto upto = plan->upto;
      if (!apply(store, *std::move(plan))) return false;
      confirm("applied " + std::to_string(upto));
    }
  };
  int night = static_cast<int>(*done / 1000);
  auto from = static_cast<std::uint64_t>(*done % 1000);
  if (night == 0 || from >= kInvoices) {
    ++night;
    from = 0;
  }
  for (; night <= kNights; ++night, from = 0) {
    const NightStatuses listing = listing_of(night);
    for (; from < kInvoices; from += night == kNights ? kInvoices : kBatch) {
      auto batch = batch_of(night, *taxpayer, listing, from, mirror);
      const auto cursor = batch.cursor_value;
      if (!commit(store, std::move(batch))) return false;
      confirm("cursor " + std::to_string(cursor));
      if (from % 3 == 0 && !apply_all()) return false;
    }
  }
  return apply_all();
}

std::vector<std::string> whole(Store& store) {
  std::vector<std::string> out;
  auto reader = *store.night().reader();
  const auto p = *reader->progress();
  if (p.last_change != p.applied_seq) out.push_back("pending");
  (void)reader->each_status([&](const InvoiceKey& key, PlatformStatus s, std::uint64_t hash) {
    out.push_back("status " + invoice_number(key) + " " + std::to_string(s.bits) + " " + std::to_string(hash));
  });
  for (const auto& c : *reader->changes_after(0, 100'000))
    out.push_back("change " + std::to_string(c.run) + " " + invoice_number(c.key) + " " +
                  std::to_string(c.before.bits) + " " + std::to_string(c.after.bits));
  for (const auto& q : *reader->quarantined_after(0, 1000))
    out.push_back("quarantined " + std::to_string(q.run) + " " + q.number + " " + std::to_string(q.after.bits));
  auto ledger = *store.reader();
  out.push_back("cursor " + std::to_string(*ledger->cursor(kCursor)));
  for (std::uint64_t serial = 0; serial < kInvoices; ++serial)
    if (const auto i = *ledger->invoice(listed_number(serial)))
      out.push_back("ledger " + i->invoice.number + " " + i->invoice.status);
  return out;
}

}  // namespace

NightStatuses listing_of(int night) {
  NightStatuses out;
  if (night == kNights)
    for (std::uint64_t serial = kBulkFrom; serial < kBulkFrom + kBulk; ++serial) out[serial] = status_of("0");
  for (std::uint64_t serial = 0; serial < kInvoices; ++serial) {
    if (serial % 10 == 9 && night == 1) continue;  // new on the second night
    std::string state = "0";
    if (serial % 5 == 1 && night == 1) state = "2";  // void, and on later nights "0": not believed
    if (serial % 4 == 2 && night >= 2) state = "7";
    if (serial % 8 == 2 && night >= 3) state = "8";
    out[serial] = status_of(state, serial % 3 == 0 && night >= 3 ? "1" : "0");
  }
  return out;
}

bool run_nights(const std::function<Options()>& options, const Confirm& confirm) {
  auto store = Store::open(options());
  return store && finish_nights(**store, confirm);
}

std::vector<std::string> night_differences(const Options& options) {
  static const std::vector<std::string> undisturbed = [] {
    std::string pattern = fast_directory() + "/taxgate_nightXXXXXX";
    const std::string dir = ::mkdtemp(pattern.data());
    ManualClock clock;
    Options o;
    o.path = dir + "/taxgate.db";
    o.clock = &clock;
    std::vector<std::string> all;
    {
      auto store = *Store::open(o);
      (void)finish_nights(*store, [](const std::string&) {});
      all = whole(*store);
    }
    std::filesystem::remove_all(dir);
    return all;
  }();
  auto store = Store::open(options);
  if (!store) return {"does not open: " + store.error().id + " " + store.error().detail};
  if (!finish_nights(**store, [](const std::string&) {})) return {"cannot be finished"};
  std::vector<std::string> out;
  if (const auto chain = (*store)->verify_chain(); !chain) out.push_back("chain: " + chain.error().wanted);
  const auto now = whole(**store);
  for (std::size_t i = 0; i < std::max(now.size(), undisturbed.size()) && out.size() < 5; ++i) {
    const std::string wanted = i < undisturbed.size() ? undisturbed[i] : "nothing";
    const std::string found = i < now.size() ? now[i] : "nothing";
    if (wanted != found) out.push_back("wanted " + wanted + ", found " + found);
  }
  return out;
}

}  // namespace taxgate::store
