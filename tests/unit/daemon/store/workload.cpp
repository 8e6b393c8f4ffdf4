#include "tests/unit/daemon/store/workload.h"

#include <atomic>
#include <set>
#include <sstream>

#include "tests/unit/daemon/store/store_fixture.h"

namespace taxgate::store {
namespace {

constexpr const char* kDevice = "661122334455";

class Day {
 public:
  Day(Store& store, const Confirm& confirm) : store_(store), confirm_(confirm) {}

  bool accept_one(const std::string& key, std::vector<Invoice> invoices = {}) {
    const auto r = accept(store_, wanted(key), std::move(invoices));
    if (r) accepted(key, *r);
    return r.has_value();
  }
  // Several in one group commit, two of them the same request.
  bool burst(const std::string& prefix) {
    std::vector<Result<Accepted>> results(6, fail(Errc::retry_later, "none"));
    std::promise<void> all;
    std::atomic<int> left{static_cast<int>(results.size())};
    for (std::size_t i = 0; i < results.size(); ++i)
      store_.accept(wanted(key_of(prefix, i)), kErp, {}, [&, i](Result<Accepted> r) {
        results[i] = std::move(r);
        if (--left == 0) all.set_value();
      });
    all.get_future().wait();
    bool good = true;
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (results[i]) accepted(key_of(prefix, i), *results[i]);
      good = good && results[i].has_value();
    }
    return good;
  }
  bool step(const std::string& key, State state, int envelopes = 0) {
    Advance a;
    a.next = by_key_[key];
    a.next.state = state;
    a.next.body = "body of " + key;
    a.rows = {journal_row(), journal_row("note")};
    for (int i = 0; i < envelopes; ++i) a.evidence.push_back(sample_envelope(static_cast<char>('a' + i)));
    const auto r = advance(store_, a);
    if (!r) return false;
    by_key_[key] = *r;
    confirm_("advanced " + r->id + " " + std::to_string(r->version) + " " + std::string(name(r->state)) + " " +
             std::to_string(envelopes));
    return true;
  }
  bool number() {
    const auto r =
        wait_for<std::string>([&](Done<std::string> d) { store_.allocate_request_number(kDevice, std::move(d)); });
    if (r) confirm_("number " + *r);
    return r.has_value();
  }
  bool cursor(int value) {
    const auto r = wait_for<void>([&](Done<void> d) { store_.set_cursor("webhook:erp", value, std::move(d)); });
    if (r) confirm_("cursor " + std::to_string(value));
    return r.has_value();
  }
  bool import(int count) {
    std::vector<Invoice> invoices;
    for (int i = 0; i < count; ++i) invoices.push_back(sample_invoice("import-" + std::to_string(i)));
    const auto r = wait_for<Store::ImportCounts>(
        [&](Done<Store::ImportCounts> d) { store_.import_invoices(invoices, kErp, std::move(d)); });
    if (r)
      for (const auto& i : invoices) confirm_("imported " + i.number);
    return r.has_value();
  }
  bool hold(const std::string& reason) {
    const Hold h{"T0", reason, "operator", "a test", {}, "taxgated"};
    const auto r = wait_for<void>([&](Done<void> d) { store_.set_hold(h, std::move(d)); });
    if (r) confirm_("hold " + reason);
    return r.has_value();
  }

 private:
  static std::string key_of(const std::string& prefix, std::size_t i) {
    return prefix + std::to_string(i == 5 ? 0 : i);
  }
  void accepted(const std::string& key, const Accepted& a) {
    by_key_[key] = a.submission;
    confirm_("accepted " + key + " " + a.submission.id);
  }

  Store& store_;
  const Confirm& confirm_;
  std::map<std::string, Submission> by_key_;
};

}  // namespace

void run_workload(const std::function<Options()>& options, const Confirm& confirm) {
  {
    auto store = Store::open(options());
    if (!store) return;
    Day day(**store, confirm);
    const bool good = day.import(3) && day.accept_one("a", {sample_invoice("inline")}) && day.accept_one("b") &&
                      day.burst("c") && day.step("a", State::signing) && day.number() &&
                      day.step("a", State::ready, 2) && day.cursor(3) && day.step("b", State::signing) &&
                      day.hold("red_alert") && day.step("a", State::sending) && day.number();
    if (!good) return;
  }
  auto store = Store::open(options());
  if (!store) return;
  Day day(**store, confirm);
  (void)(day.accept_one("d") && day.burst("e") && day.step("d", State::signing) && day.step("d", State::ready, 1) &&
         day.number() && day.cursor(9) && day.step("d", State::sending) && day.step("d", State::outcome_unknown));
}

std::vector<std::string> differences(const Options& options, const std::vector<std::string>& confirmed) {
  std::vector<std::string> out;
  const auto differ = [&out](std::string what) { out.push_back(std::move(what)); };
  std::error_code ec;
  if (confirmed.empty() && !std::filesystem::exists(options.path, ec)) return out;
  auto opened = Store::open(options);
  if (!opened)
    return {"does not open: " + opened.error().id + " " + opened.error().wanted + " " + opened.error().detail};
  Store& store = **opened;
  if (const auto chain = store.verify_chain(); !chain)
    differ("chain: " + chain.error().field + " " + chain.error().wanted);
  auto reader = *store.reader();

  std::string last_number;
  std::int64_t last_cursor = 0;
  std::map<std::string, std::pair<std::int64_t, int>> versions;  // id → (version, envelopes)
  for (const auto& line : confirmed) {
    std::istringstream in(line);
    std::string what, a, b, c;
    in >> what >> a >> b >> c;
    if (what == "accepted") {
      const auto s = reader->by_idempotency_key("erp", a);
      if (!s || !*s)
        differ("lost: submission " + a);
      else if ((*s)->id != b)
        differ("another id: submission " + a);
      else if ((*s)->request != "request of " + a)
        differ("other bytes: submission " + a);
    } else if (what == "advanced") {
      auto& v = versions[a];
      v.first = std::max<std::int64_t>(v.first, std::stoll(b));
      int envelopes = 0;
      in >> envelopes;
      v.second += envelopes;
    } else if (what == "number") {
      last_number = std::max(last_number, a);
    } else if (what == "cursor") {
      last_cursor = std::stoll(a);
    } else if (what == "imported") {
      const auto i = reader->invoice(a);
      if (!i || !*i) differ("lost: invoice " + a);
    } else if (what == "hold") {
      if (reader->holds()->empty()) differ("lost: hold " + a);
    }
  }
  for (const auto& [id, wanted_state] : versions) {
    const auto s = reader->submission(id);
    if (!s || !*s) continue;  // named above
    if ((*s)->version < wanted_state.first) differ("went back: " + id);
    if (reader->envelopes(id, Step::apply)->size() < static_cast<std::size_t>(wanted_state.second))
      differ("lost: evidence of " + id);
  }
  if (*reader->cursor("webhook:erp") < last_cursor) differ("went back: cursor");
  const auto next =
      wait_for<std::string>([&](Done<std::string> d) { store.allocate_request_number(kDevice, std::move(d)); });
  if (!next || *next <= last_number) differ("given twice: request number");

  // Nothing twice, nothing half: every submission has its time line, whose last state is its own.
  std::set<std::string> keys;
  for (const auto& s : *reader->submissions({})) {
    if (!keys.insert(s.idempotency_key).second) differ("twice: submission " + s.idempotency_key);
    const auto rows = reader->journal_of(s.id);
    if (!rows || rows->empty())
      differ("half: submission " + s.idempotency_key);
    else if (rows->back().state != name(s.state))
      differ("half: state of " + s.idempotency_key);
    // The billing server repeats what it has no answer for: the original or, when it is not there, a new one.
    if (accept(store, wanted(s.idempotency_key))->outcome != AcceptOutcome::same)
      differ("not recognised: " + s.idempotency_key);
  }
  return out;
}

}  // namespace taxgate::store
