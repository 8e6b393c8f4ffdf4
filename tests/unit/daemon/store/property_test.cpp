// Random operations against an obvious twin in memory. The seed is printed; TAXGATE_SEED repeats a run.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "tests/unit/daemon/store/store_fixture.h"

namespace taxgate::store {
namespace {

// The twin: a list and loops.
struct Twin {
  struct Item {
    Submission s;
    std::vector<std::string> events;
    std::map<Step, std::size_t> envelopes;
    std::map<Step, std::string> bodies;
  };
  std::vector<Item> items;
  std::map<std::string, Invoice> invoices;
  std::set<std::pair<std::string, std::string>> holds;
  std::map<std::string, std::int64_t> cursors;
  std::vector<std::string> journal;  // every event in order

  Item* find(const std::string& caller, const std::string& key) {
    for (auto& i : items)
      if (i.s.caller == caller && i.s.idempotency_key == key) return &i;
    return nullptr;
  }
};

class PropertyTest : public StoreTest {
 protected:
  std::uint64_t below(std::uint64_t n) { return random_() % n; }

  void accept_something() {
    auto s = wanted("key-" + std::to_string(below(60)), "B" + std::to_string(below(6)));
    s.caller = below(4) == 0 ? "shop" : "erp";
    s.request = "request " + std::to_string(below(3));
    if (below(5) == 0) s.state = State::waiting_approval;
    auto* known = twin_.find(s.caller, s.idempotency_key);
    const auto r = accept(*store_, s);
    ASSERT_TRUE(r);
    if (known != nullptr) {
      ASSERT_EQ(r->outcome, known->s.request == s.request ? AcceptOutcome::same : AcceptOutcome::conflict);
      ASSERT_EQ(r->submission.id, known->s.id);
      return;
    }
    ASSERT_EQ(r->outcome, AcceptOutcome::created);
    twin_.items.push_back({r->submission, {"accepted"}, {}, {}});
    twin_.journal.push_back("accepted");
  }

  void advance_something() {
    if (twin_.items.empty()) return;
    auto& item = twin_.items[below(twin_.items.size())];
    Advance a;
    a.next = item.s;
    a.next.body = item.bodies[a.next.step];
    a.next.state = static_cast<State>(below(kStateCount));
    if (below(6) == 0) a.next.step = below(2) == 0 ? Step::apply : Step::upload;
    if (below(3) == 0)
      a.next.body = below(4) == 0 ? std::string() : "body " + std::to_string(below(100));
    else
      a.next.body = item.bodies[a.next.step];
    if (below(4) == 0) a.next.document = "document " + std::to_string(below(3));
    if (below(8) == 0) a.next.version -= 1;
    if (below(5) == 0) a.next.form_uuid = "form-" + item.s.id;
    a.next.attempts = static_cast<int>(below(9));
    for (std::uint64_t i = below(3) + 1; i > 0; --i) a.rows.push_back(journal_row("e" + std::to_string(below(5))));
    for (std::uint64_t i = below(4) == 0 ? 2 : 0; i > 0; --i) a.evidence.push_back(sample_envelope('x'));
    const auto r = advance(*store_, a);
    const bool stale = a.next.version != item.s.version;
    const bool may = item.s.state == a.next.state || allowed(item.s.state, a.next.state);
    ASSERT_EQ(r.has_value(), !stale && may);
    if (!r) {
      ASSERT_EQ(r.error().id, stale ? "store.stale" : "store.transition");
      return;
    }
    a.next.version += 1;
    a.next.updated_at = clock_.now();
    item.bodies[a.next.step] = a.next.body;
    item.envelopes[a.next.step] += a.evidence.size();
    item.s = a.next;
    for (const auto& row : a.rows) {
      item.events.push_back(row.event);
      twin_.journal.push_back(row.event);
    }
  }

  void other_write() {
    switch (below(4)) {
      case 0: {
        std::vector<Invoice> invoices;
        bool changed = false;
        for (std::uint64_t i = 0; i < below(5) + 1; ++i) {
          auto invoice = sample_invoice("I" + std::to_string(below(10)));
          invoice.locked = below(2) == 0;
          const auto known = twin_.invoices.find(invoice.number);
          changed = changed || known == twin_.invoices.end() || !(known->second == invoice);
          twin_.invoices[invoice.number] = invoice;
          invoices.push_back(invoice);
        }
        ASSERT_TRUE(wait_for<Store::ImportCounts>(
            [&](Done<Store::ImportCounts> d) { store_->import_invoices(invoices, kErp, std::move(d)); }));
        if (changed) twin_.journal.emplace_back("ledger");
        break;
      }
      case 1: {
        const Hold h{"T" + std::to_string(below(3)), "reason", "operator", "cause", {}, "taxgated"};
        ASSERT_TRUE(wait_for<void>([&](Done<void> d) { store_->set_hold(h, std::move(d)); }));
        if (twin_.holds.insert({h.taxpayer, h.reason}).second) twin_.journal.emplace_back("hold");
        break;
      }
      case 2: {
        const std::string taxpayer = "T" + std::to_string(below(3));
        ASSERT_TRUE(
            wait_for<void>([&](Done<void> d) { store_->release_hold(taxpayer, "reason", kErp, std::move(d)); }));
        if (twin_.holds.erase({taxpayer, "reason"}) != 0) twin_.journal.emplace_back("release");
        break;
      }
      default: {
        const std::string cursor = "c" + std::to_string(below(3));
        const auto value = static_cast<std::int64_t>(below(1000));
        ASSERT_TRUE(wait_for<void>([&](Done<void> d) { store_->set_cursor(cursor, value, std::move(d)); }));
        twin_.cursors[cursor] = value;
      }
    }
  }

  void compare() {
    std::vector<std::string> journal;
    for (std::int64_t at = 0;;) {
      const auto rows = *reader_->journal_after(at, 100);
      if (rows.empty()) break;
      for (const auto& r : rows) {
        ASSERT_EQ(r.seq, at + 1);
        at = r.seq;
        journal.push_back(r.event);
      }
    }
    ASSERT_EQ(journal, twin_.journal);
    std::map<State, std::int64_t> counts;
    std::map<std::string, std::vector<std::string>> lanes, reds;
    std::size_t open_count = 0;
    for (const auto& item : twin_.items) {
      ++counts[item.s.state];
      const auto f = *reader_->submission(item.s.id);
      ASSERT_TRUE(f);
      ASSERT_EQ(f->state, item.s.state);
      ASSERT_EQ(f->step, item.s.step);
      ASSERT_EQ(f->version, item.s.version);
      ASSERT_EQ(f->request, item.s.request);
      ASSERT_EQ(f->document, item.s.document);
      ASSERT_EQ(f->attempts, item.s.attempts);
      const auto body = item.bodies.find(item.s.step);
      ASSERT_EQ(f->body, body == item.bodies.end() ? "" : body->second);
      std::vector<std::string> events;
      for (const auto& r : *reader_->journal_of(item.s.id)) events.push_back(r.event);
      ASSERT_EQ(events, item.events);
      for (const auto& [step, n] : item.envelopes) ASSERT_EQ(reader_->envelopes(item.s.id, step)->size(), n);
      if (!item.s.form_uuid.empty()) ASSERT_EQ((*reader_->owner_of_form(item.s.form_uuid))->id, item.s.id);
      if (!is_final(item.s.state)) {
        ++open_count;
        lanes[item.s.lane].push_back(item.s.id);
      }
      if (!is_final(item.s.state) || item.s.state == State::issued) reds[item.s.blue_number].push_back(item.s.id);
    }
    for (const auto& [state, n] : *reader_->counts()) ASSERT_EQ(n, counts[state]);
    ASSERT_EQ(reader_->open_entries(0, 1000)->size(), open_count);
    for (int b = 0; b < 6; ++b) {
      const std::string blue = "B" + std::to_string(b);
      std::vector<std::string> ids;
      for (const auto& s : *reader_->open_on_lane(blue)) ids.push_back(s.id);
      ASSERT_EQ(ids, lanes[blue]);
      ids.clear();
      for (const auto& s : *reader_->reds_on(blue)) ids.push_back(s.id);
      ASSERT_EQ(ids, reds[blue]);
    }
    for (const auto& [number, invoice] : twin_.invoices) ASSERT_EQ((*reader_->invoice(number))->invoice, invoice);
    for (const auto& [cursor, value] : twin_.cursors) ASSERT_EQ(*reader_->cursor(cursor), value);
    ASSERT_EQ(reader_->holds()->size(), twin_.holds.size());
    ASSERT_TRUE(store_->verify_chain());
  }

  std::mt19937_64 random_;
  Twin twin_;
};

TEST_F(PropertyTest, RandomOperationsLeaveTheStoreAndItsTwinAlike) {
  const char* wish = std::getenv("TAXGATE_SEED");
  const std::uint64_t seed = wish != nullptr ? std::stoull(wish) : std::random_device{}();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  SCOPED_TRACE("seed " + std::to_string(seed));
  random_.seed(seed);
  open();
  for (int i = 0; i < 1500 && !HasFatalFailure(); ++i) {
    clock_.advance_ms(static_cast<std::int64_t>(below(50)));
    const auto what = below(10);
    if (what < 4)
      accept_something();
    else if (what < 9)
      advance_something();
    else
      other_write();
    if (i % 300 == 299) {
      compare();
      reopen();
      compare();
    }
  }
}

}  // namespace
}  // namespace taxgate::store
