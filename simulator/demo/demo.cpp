#include "simulator/demo/demo.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <thread>

#include "protocol/leqi.h"
#include "protocol/records.h"
#include "simulator/demo/day.h"

namespace taxgate::simulator {
namespace {

using sample::Act;
using sample::Counterparty;
using sample::Ending;
using sample::SampleCase;

constexpr std::int64_t kHourMs = LegalTime::kHourMs;
constexpr std::chrono::milliseconds kPatience{60'000};  // for the whole day to settle; it takes about 10 s
constexpr std::uint8_t kSignInstruction = 0x74;         // ECCSignData

/// The ten sample invoices, given to our three taxpayers so that their keys can sign for them.
std::vector<SampleCase> adopted_samples(const std::vector<sample::SampleTaxpayer>& taxpayers) {
  auto cases = sample::sample_invoices();
  for (std::size_t i = 0; i < cases.size(); ++i) {
    SampleCase& c = cases[i];
    const auto& us = taxpayers[i % taxpayers.size()];
    const bool buyer = c.initiator == Side::buyer;
    if (c.follows >= 0) {
      c.blue = cases[static_cast<std::size_t>(c.follows)].blue;
      c.taxpayer = cases[static_cast<std::size_t>(c.follows)].taxpayer;
    } else {
      (buyer ? c.blue.buyer : c.blue.seller) = us.party;
      c.taxpayer = us.party.id;
    }
    c.request.set_seller(c.blue.seller.id);
    c.request.set_idempotency_key(fmt::format("sample-{}", i));
    if (c.track == Track::information_table) c.request.set_tax_device(us.tax_device);
  }
  return cases;
}

struct Play {
  Stand& stand;
  Day& day;
  std::vector<SampleCase>& cases;
  std::set<std::size_t> taken;  // entries that have a fault already

  /// A plain case that would end issued, on a form of ours, with nothing else staged: it can take a fault.
  Entry* plain(const std::function<bool(const SampleCase&)>& also = {}) {
    auto& entries = day.entries();
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const SampleCase& c = *entries[i].c;
      if (taken.contains(i) || c.ending != Ending::issued || c.initiator != Side::seller || c.act != Act::none ||
          c.follows >= 0 || c.raised_by_counterparty)
        continue;
      const bool followed =
          std::ranges::any_of(cases, [&](const SampleCase& o) { return &o != &c && o.blue.number == c.blue.number; });
      if (followed || (also ? !also(c) : c.track != Track::confirmation_form)) continue;
      taken.insert(i);
      return &entries[i];
    }
    return nullptr;
  }

  Result<void> fault(Entry* entry, const std::string& trouble, std::string_view service, const std::string& action) {
    if (entry == nullptr) return fail(Errc::invalid_input, "sim.demo", trouble);
    entry->trouble = trouble;
    auto ok = stand.control(
        "POST", "/faults",
        fmt::format(R"({{"service":"{}","blue_number":"{}",{}}})", service, entry->c->blue.number, action));
    if (!ok) return std::unexpected(ok.error());
    return {};
  }
};

Result<void> stage(Play& play) {
  Stand& stand = play.stand;
  std::string rules = R"({"rules":[)";
  for (const SampleCase& c : play.cases) {
    const std::string& other = c.initiator == Side::seller ? c.blue.buyer.id : c.blue.seller.id;
    if (other.empty() || c.ending == Ending::refused) continue;
    const char* reaction = c.counterparty == Counterparty::confirms  ? "confirm"
                           : c.counterparty == Counterparty::refuses ? "deny"
                                                                     : "silent";
    if (rules.back() != '[') rules += ',';
    rules += fmt::format(R"({{"blue_number":"{}","taxpayer":"{}","reaction":"{}","after_ms":{}}})", c.blue.number,
                         other, reaction, 0);
  }
  if (auto ok = stand.control("POST", "/counterparty", rules + "]}"); !ok) return std::unexpected(ok.error());

  const auto s = [](std::string_view v) { return v; };
  const auto on_table = [](const SampleCase& c) { return c.track == Track::information_table; };
  const auto by_upload = [&](const SampleCase& c) {
    return c.track == Track::confirmation_form && c.taxpayer == stand.options().upload_taxpayers.front();
  };
  // For these the platform's own duplicate protection is off: whatever arrives is booked.
  const std::pair<const char*, std::string> apply_faults[] = {
      {"time-out, yet it had arrived", R"("delay_ms":1500,"protection":false,"count":0)"},
      {"arrives long after our time-out", R"("late_arrival_ms":1000,"protection":false)"},
      {"arrived, listed only later", R"("drop_after":true,"late_listing_ms":900,"protection":false)"},
      {"connection lost after it arrived", R"("drop_after":true,"protection":false)"},
      {"connection lost before it arrived", R"("drop_before":true,"protection":false)"},
      {"answer is garbage", R"("garbage":true,"protection":false)"},
      {"answer is cut off", R"("truncate_at":60,"protection":false)"},
      {"platform says 500 after booking", R"("status":500,"handle":true,"protection":false)"},
      {"platform asks for a pause (429)", R"("status":429,"retry_after":1)"},
      {"answered as a duplicate", R"("duplicate_answer":true,"protection":false)"},
  };
  for (const auto& [name, action] : apply_faults) {
    std::string one = action;  // the first request only, unless the script says otherwise
    if (auto at = one.find(R"(,"count":0)"); at != std::string::npos) one.erase(at);
    if (auto ok = play.fault(play.plain(), name, s(leqi::service::apply), one); !ok) return ok;
  }
  if (auto ok = play.fault(play.plain(on_table), "table: answer lost", s(leqi::service::table_upload),
                           R"("drop_after":true,"protection":false)");
      !ok)
    return ok;
  if (auto ok =
          play.fault(play.plain(by_upload), "upload: answer lost", s(leqi::service::upload), R"("drop_after":true)");
      !ok)
    return ok;
  for (Entry& entry : play.day.entries())
    if (entry.c->act == Act::we_revoke_confirmed)
      if (auto ok = play.fault(&entry, "confirmed, then revoked", s(leqi::service::apply), R"("no_issue":true)"); !ok)
        return ok;
  return {};
}

/// What has to be done by somebody for a case to end as it must: revoke, void by the platform, answer what was raised.
void act(Play& play) {
  for (Entry& entry : play.day.entries()) {
    if (entry.acted || entry.c->act == Act::none) continue;
    const SampleCase& c = *entry.c;
    if (c.raised_by_counterparty) {
      auto inbox = play.stand.call<api::v1::Inbox>("GET", "/v1/inbox");
      if (!inbox) continue;
      for (const auto& form : inbox->forms()) {
        if (form.blue_number() != c.blue.number) continue;
        const char* answer = c.act == Act::we_confirm ? "confirm" : "deny";
        api::v1::ActionRequest request;
        request.set_reason("checked by the accountant");
        auto done = play.stand.call<api::v1::Submission>("POST", "/v1/inbox/" + form.uuid() + "/" + answer, &request,
                                                         "answer-" + form.uuid());
        if (!done) continue;
        entry.acted = true;
        entry.id = done->id();
        entry.state = done->state();
        play.day.track(entry);
        play.day.say("inbox", fmt::format("{}  {} h left: we {}", form.blue_number(), form.hours_left(), answer));
      }
      continue;
    }
    const bool pending = entry.state == "waiting_counterparty", confirmed = entry.state == "confirmed";
    if (!(c.act == Act::we_revoke_confirmed ? confirmed : pending)) continue;
    auto shown = play.stand.show(entry.id);
    if (!shown || shown->form_uuid().empty()) continue;
    if (c.act == Act::platform_voids) {
      auto done = play.stand.control("POST", "/forms/" + shown->form_uuid() + "/state",
                                     fmt::format(R"({{"state":"{}"}})", c.form_state));
      entry.acted = done.has_value();
      if (done) play.day.say("platform voids", fmt::format("{}  state {}", c.blue.number, c.form_state));
    } else {
      api::v1::ActionRequest request;
      request.set_reason("the customer keeps the goods");
      auto done = play.stand.call<api::v1::Submission>("POST", "/v1/inbox/" + shown->form_uuid() + "/revoke", &request,
                                                       "revoke-" + entry.id);
      entry.acted = done.has_value();
      if (done) play.day.say("we revoke", fmt::format("{}  form {}", c.blue.number, shown->form_number()));
    }
  }
}

std::string expected_state(const Entry& entry) {
  if (!entry.expected.empty()) return entry.expected;
  if (entry.c->raised_by_counterparty) return "done";
  return entry.c->ending == Ending::issued ? "issued" : entry.c->ending == Ending::void_ ? "void" : "refused";
}

void table(Play& play) {
  play.day.say("", "");
  fmt::print("{:<21} {:<13} {:<14} {:<12} {}\n", "blue invoice", "ended", "expected path", "red", "staged trouble");
  for (const Entry& entry : play.day.entries()) {
    auto shown = entry.id.empty() ? Result<api::v1::Submission>(api::v1::Submission{}) : play.stand.show(entry.id);
    fmt::print(
        "{:<21} {:<13} {:<14} {:<12} {}\n", entry.c->blue.number, entry.state, entry.c->path.substr(0, 40),
        shown && !shown->red_number().empty()
            ? "…" + shown->red_number().substr(shown->red_number().size() > 8 ? shown->red_number().size() - 8 : 0)
            : "",
        entry.trouble);
  }
}

Result<int> play_day(const DemoOptions& options) {
  StandOptions wanted;
  wanted.programs = options.programs;
  wanted.taxgated = options.taxgated;
  wanted.seed = options.seed;
  const LegalTime today{
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count()};
  auto cases = adopted_samples(wanted.taxpayers);
  for (auto& c : sample::business_day(options.seed, options.submissions, wanted.taxpayers, today)) {
    if (c.follows >= 0) c.follows += 11;
    cases.push_back(std::move(c));
  }
  // The taxpayer whose reds we upload must not be the one whose confirmed form is to be revoked: we would be too quick.
  for (const auto& t : wanted.taxpayers)
    if (std::ranges::none_of(
            cases, [&](const auto& c) { return c.act == Act::we_revoke_confirmed && c.taxpayer == t.party.id; }))
      wanted.upload_taxpayers = {t.party.id};

  if (options.keep) {
    char name[] = "/tmp/taxgate-demo-XXXXXX";
    if (::mkdtemp(name) == nullptr) return fail(Errc::retry_later, "file.unwritable", name);
    wanted.directory = name;
    fmt::print(stderr, "demo: everything stays in {}\n", wanted.directory);
  }
  auto built = Stand::build(wanted);
  if (!built) return std::unexpected(built.error());
  Stand& stand = **built;
  Day day(stand, options.json_only);
  day.say("stand", fmt::format("platform https://127.0.0.1:{}, {} keys behind a private pcscd, legal time {}",
                               stand.platform().port(), stand.keys(), stand.legal_now().platform_text()));
  std::vector<Invoice> invoices;
  for (const auto& c : cases)
    if (std::ranges::none_of(invoices, [&](const Invoice& i) { return i.number == c.blue.number; }))
      invoices.push_back(c.blue);
  if (auto ok = stand.seed_invoices(invoices); !ok) return std::unexpected(ok.error());
  if (auto ok = stand.start_keyd(); !ok) return std::unexpected(ok.error());
  if (auto ok = stand.start_taxgated(); !ok) return std::unexpected(ok.error());
  api::v1::ImportRequest import;
  for (const auto& invoice : invoices) *import.add_invoices() = to_record(invoice);
  auto imported = stand.call<api::v1::ImportReply>("POST", "/v1/invoices:import", &import);
  if (!imported) return std::unexpected(imported.error());
  day.say("ledger", fmt::format("{} blue invoices imported, {} refused", imported->added(), imported->refused_size()));

  for (const auto& c : cases) {
    Entry entry;
    entry.c = &c;
    day.add(std::move(entry));
  }
  Play play{stand, day, cases, {}};
  if (auto ok = stage(play); !ok) return std::unexpected(ok.error());

  // A stranger's form stands on the blue invoice before we come: ours must not adopt it.
  Entry* stranger = play.plain([](const SampleCase& c) {
    return c.track == Track::confirmation_form && c.form_state == "04" && c.amount != -c.blue.amount;
  });
  if (stranger != nullptr) {
    stranger->trouble = "a stranger's form stands there";
    stranger->expected = "attention";
    auto ok = stand.control(
        "POST", "/counterparty",
        fmt::format(R"({{"rules":[{{"blue_number":"{}","taxpayer":"{}","reaction":"silent","after_ms":0}}]}})",
                    stranger->c->blue.number, stranger->c->blue.buyer.id));
    if (!ok) return std::unexpected(ok.error());
    ok = stand.control("POST", "/forms",
                       fmt::format(R"({{"blue_number":"{}","initiator":"seller","reason":"02","stranger":true}})",
                                   stranger->c->blue.number));
    if (!ok) return std::unexpected(ok.error());
  }
  for (const auto& c : cases)
    if (c.raised_by_counterparty) {
      auto ok = stand.control("POST", "/forms",
                              fmt::format(R"({{"blue_number":"{}","initiator":"{}","reason":"{}"}})", c.blue.number,
                                          c.initiator == Side::seller ? "seller" : "buyer", reason_code(c.reason)));
      if (!ok) return std::unexpected(ok.error());
      day.say("counterparty", fmt::format("{}  raises a form against us", c.blue.number));
    }

  // A key is pulled in the middle of a signature and put back 1.2 s later.
  stand.card(1).add_fault({.kind = CardFault::Kind::unplug,
                           .ins = kSignInstruction,
                           .nth = 3,
                           .direction = CardFault::Direction::command,
                           .at_byte = 20,
                           .replug_ms = 1200});

  auto& entries = day.entries();
  const std::size_t kill_at = entries.size() / 2;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    Entry& entry = entries[i];
    if (entry.c->raised_by_counterparty) {
      entry.state = "waits for us";
      continue;
    }
    if (entry.c->follows >= 0 && entries[static_cast<std::size_t>(entry.c->follows)].expected.empty()) {
      Entry& before = entries[static_cast<std::size_t>(entry.c->follows)];
      day.hear_until([&] { return day.settled(before); }, kPatience);
    }
    day.submit(entry);
    day.hear(std::chrono::milliseconds(0));
    if (i == kill_at) {
      day.say("SIGKILL", "taxgated is killed where it stands");
      stand.taxgated().kill();
      if (auto ok = stand.start_taxgated(); !ok) return std::unexpected(ok.error());
      day.say("restarted", "taxgated serves again");
    }
  }
  // The billing server repeats itself: same key and body give the original; the same key with another body is refused.
  if (const auto again = std::ranges::find_if(entries, [](const Entry& e) { return !e.id.empty(); });
      again != entries.end()) {
    auto same = stand.submit(again->c->request);
    day.say("duplicate", fmt::format("{}  {}", again->c->blue.number,
                                     same && same->id() == again->id ? "the original answer" : "A SECOND SUBMISSION"));
    auto other = again->c->request;
    other.mutable_context()->set_order("another order");
    auto conflict = stand.submit(other);
    day.say("conflict", fmt::format("{}  {}", again->c->blue.number, conflict ? "ACCEPTED" : conflict.error().id));
  }

  const auto all_but_silent = [&] {
    act(play);
    return std::ranges::all_of(entries, [&](const Entry& e) {
      return day.settled(e) ||
             (e.c->counterparty == Counterparty::silent && e.c->act == Act::none && e.state == "waiting_counterparty");
    });
  };
  day.hear_until(all_but_silent, kPatience);
  day.say("clock", "72 hours of legal time pass");
  if (auto ok = stand.advance_legal_ms(73 * kHourMs); !ok) return std::unexpected(ok.error());
  const bool settled = day.hear_until(
      [&] { return std::ranges::all_of(entries, [&](const Entry& e) { return day.settled(e); }); }, kPatience);

  if (!options.json_only) table(play);
  std::vector<std::string> promised;
  for (const Entry& e : entries)
    if (!e.id.empty()) promised.push_back(e.id);
  auto verdict = stand.judge(promised);
  if (!verdict) return std::unexpected(verdict.error());
  int issued = 0, voided = 0, attention = 0, refused = 0, other = 0, unexpected_endings = 0;
  for (const Entry& e : entries) {
    if (e.state == "issued" || e.state == "done")
      ++issued;
    else if (e.state == "void")
      ++voided;
    else if (e.state == "attention")
      ++attention;
    else if (e.state == "refused")
      ++refused;
    else
      ++other;
    const std::string want = expected_state(e);
    const bool as_wanted = e.state == want || (want == "done" && e.state == "issued");
    if (!as_wanted || (e.state == "refused" && e.refusal != e.c->refusal)) {
      ++unexpected_endings;
      fmt::print(stderr, "demo: {} ended {} {}, expected {} {} ({}; {})\n", e.c->blue.number, e.state, e.refusal, want,
                 e.c->refusal, e.c->label, e.trouble);
    }
  }
  if (verdict->lost != 0 || verdict->doubled != 0) fmt::print(stderr, "demo: {}\n", verdict->text);
  const bool ok = settled && verdict->lost == 0 && verdict->doubled == 0 && unexpected_endings == 0 && other == 0;
  fmt::print(
      R"({{"demo":"{}","accepted":{},"refused":{},"issued":{},"void":{},"attention":{},"lost":{},"doubled":{},"seconds":{:.1f}}})"
      "\n",
      ok ? "ok" : "failed", day.accepted(), refused, issued, voided, attention, verdict->lost, verdict->doubled,
      day.seconds());
  std::fflush(stdout);
  return ok ? 0 : 1;
}

}  // namespace

int run_demo(const DemoOptions& options) {
  auto played = play_day(options);
  if (played) return *played;
  fmt::print(stderr, "demo: {} {} {} {}\n", played.error().id, played.error().field, played.error().wanted,
             played.error().detail);
  return 1;
}

}  // namespace taxgate::simulator
