// What the store promises while nothing goes wrong.
#include "daemon/store/store.h"

#include <atomic>
#include <set>

#include "daemon/core/random.h"
#include "tests/sanitizer.h"
#include "tests/unit/daemon/store/store_fixture.h"

namespace taxgate::store {
namespace {

TEST_F(StoreTest, AnAcceptedSubmissionIsReadBackWholeAlsoAfterARestart) {
  open();
  auto s = wanted("k1");
  s.body = std::string("plain\0body", 10);
  const auto accepted = accept(*store_, s);
  ASSERT_TRUE(accepted) << accepted.error().id;
  EXPECT_EQ(accepted->outcome, AcceptOutcome::created);
  EXPECT_TRUE(is_uuid(accepted->submission.id));
  EXPECT_EQ(accepted->submission.version, 1);
  for (int round = 0; round < 2; ++round) {
    const auto found = reader_->submission(accepted->submission.id);
    ASSERT_TRUE(found && *found);
    const Submission& f = **found;
    EXPECT_EQ(f.request, s.request);
    EXPECT_EQ(f.document, s.document);
    EXPECT_EQ(f.body, s.body);
    EXPECT_EQ(f.amount, s.amount);
    EXPECT_EQ(f.lane, s.lane);
    EXPECT_EQ(f.created_at, clock_.now());
    EXPECT_EQ((*reader_->by_idempotency_key("erp", "k1"))->id, f.id);
    EXPECT_FALSE(*reader_->by_idempotency_key("other", "k1"));
    const auto rows = *reader_->journal_of(f.id);
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].event, "accepted");
    EXPECT_EQ(rows[0].principal, "erp");
    EXPECT_EQ(rows[0].seq, f.seq);
    reopen();
  }
}

TEST_F(StoreTest, TheSameKeyAndBytesGiveTheOriginalAndOtherBytesAConflict) {
  open();
  const auto first = accept(*store_, wanted("k1"));
  const auto again = accept(*store_, wanted("k1"));
  ASSERT_TRUE(first && again);
  EXPECT_EQ(again->outcome, AcceptOutcome::same);
  EXPECT_EQ(again->submission.id, first->submission.id);
  auto other = wanted("k1");
  other.request += "!";
  const auto conflict = accept(*store_, other);
  ASSERT_TRUE(conflict);
  EXPECT_EQ(conflict->outcome, AcceptOutcome::conflict);
  EXPECT_EQ(conflict->submission.id, first->submission.id);
  auto stranger = wanted("k1");
  stranger.caller = "shop";
  EXPECT_EQ(accept(*store_, stranger)->outcome, AcceptOutcome::created) << "another caller's key is another key";
  reopen();
  EXPECT_EQ(accept(*store_, wanted("k1"))->outcome, AcceptOutcome::same) << "the index is rebuilt at start";
  EXPECT_EQ(reader_->submissions({})->size(), 2U);
}

TEST_F(StoreTest, DuplicatesInOneGroupCommitAreFoundToo) {
  open();
  std::atomic<int> created{0}, same{0};
  std::promise<void> all;
  std::atomic<int> left{400};
  for (int i = 0; i < 400; ++i)
    store_->accept(wanted("k" + std::to_string(i % 100)), kErp, {}, [&](Result<Accepted> r) {
      ASSERT_TRUE(r);
      (r->outcome == AcceptOutcome::created ? created : same)++;
      if (--left == 0) all.set_value();
    });
  all.get_future().wait();
  EXPECT_EQ(created, 100);
  EXPECT_EQ(same, 300);
}

TEST_F(StoreTest, AnAcceptanceWithoutAUsableKeyOrInALaterStateIsRefused) {
  open();
  EXPECT_EQ(accept(*store_, wanted("")).error().id, "store.idempotency_key");
  EXPECT_EQ(accept(*store_, wanted(std::string(129, 'k'))).error().id, "store.idempotency_key");
  auto s = wanted("k");
  s.state = State::sending;
  EXPECT_EQ(accept(*store_, s).error().id, "store.transition");
  EXPECT_EQ(*reader_->last_seq(), 0);
}

TEST_F(StoreTest, AnAdvanceMovesStateEvidenceLedgerAndJournalInOneStep) {
  open();
  auto s = accept(*store_, wanted("k1"))->submission;
  clock_.advance_ms(1000);
  s.body = "body of the step";
  s = *advance_to(*store_, s, State::signing);
  EXPECT_EQ(s.version, 2);
  EXPECT_EQ(s.updated_at, clock_.now());
  Advance a;
  a.next = s;
  a.next.state = State::ready;
  a.next.key_serial = "SERIAL-a";
  a.rows = {journal_row("signed"), journal_row("note")};
  a.evidence = {sample_envelope('a'), sample_envelope('b')};
  auto red = sample_invoice("26990000000000000099");
  red.is_red = true;
  a.ledger = {sample_invoice("26990000000000000001"), red};
  a.red_of = "26990000000000000001";
  ASSERT_TRUE(advance(*store_, a));
  for (int round = 0; round < 2; ++round) {
    const auto f = **reader_->submission(s.id);
    EXPECT_EQ(f.state, State::ready);
    EXPECT_EQ(f.version, 3);
    EXPECT_EQ(f.key_serial, "SERIAL-a");
    EXPECT_EQ(f.body, "body of the step");
    const auto envelopes = *reader_->envelopes(s.id, Step::apply);
    ASSERT_EQ(envelopes.size(), 2U);
    EXPECT_EQ(envelopes[0].bytes, sample_envelope('a').bytes);
    EXPECT_EQ(envelopes[1].signature, sample_envelope('b').signature);
    EXPECT_EQ(envelopes[1].certificate, sample_envelope('b').certificate);
    EXPECT_TRUE(reader_->envelopes(s.id, Step::upload)->empty());
    const auto signatures = *reader_->signatures(s.id);
    ASSERT_EQ(signatures.size(), 2U);
    EXPECT_EQ(signatures[0].evidence.bytes, sample_envelope('a').bytes);
    EXPECT_EQ(signatures[1].evidence.key_serial, sample_envelope('b').key_serial);
    for (const auto& one : signatures) {
      EXPECT_EQ(one.step, Step::apply);
      EXPECT_EQ(one.seq, reader_->journal_of(s.id)->at(2).seq) << "the row that vouches for it";
      EXPECT_EQ(one.at, reader_->journal_of(s.id)->at(2).at);
    }
    const auto blue = *reader_->invoice("26990000000000000001");
    ASSERT_TRUE(blue);
    EXPECT_EQ(blue->invoice, sample_invoice("26990000000000000001"));
    EXPECT_EQ(blue->reds, std::vector<std::string>{"26990000000000000099"});
    std::vector<std::string> events;
    for (const auto& r : *reader_->journal_of(s.id)) events.push_back(r.event);
    EXPECT_EQ(events, (std::vector<std::string>{"accepted", "state", "signed", "note"}));
    EXPECT_EQ(reader_->journal_of(s.id)->back().taxpayer, s.taxpayer) << "filled in by the store";
    reopen();
  }
}

TEST_F(StoreTest, AStaleVersionAndAForbiddenTransitionChangeNothing) {
  open();
  const auto s = accept(*store_, wanted("k1"))->submission;
  ASSERT_TRUE(advance_to(*store_, s, State::signing));
  EXPECT_EQ(advance_to(*store_, s, State::signing).error().id, "store.stale");
  auto now = **reader_->submission(s.id);
  const auto seq = *reader_->last_seq();
  const auto forbidden = advance_to(*store_, now, State::issued);
  ASSERT_FALSE(forbidden);
  EXPECT_EQ(forbidden.error().id, "store.transition");
  EXPECT_EQ(*reader_->last_seq(), seq);
  EXPECT_EQ((*reader_->submission(s.id))->version, now.version);
  now.id = "0193-unknown";
  EXPECT_EQ(advance_to(*store_, now, State::ready).error().id, "store.no_submission");
  Advance silent;
  silent.next = **reader_->submission(s.id);
  EXPECT_EQ(advance(*store_, silent).error().id, "store.no_journal_row");
}

TEST_F(StoreTest, EveryPairOfStatesIsAllowedOrRefusedAsTheTableSays) {
  open();
  // Each state is reached by a path of allowed steps, then every next state is tried.
  for (const auto& from : states()) {
    for (const auto& to : states()) {
      auto s = accept(*store_, wanted(std::string(from.name) + ">" + std::string(to.name)))->submission;
      std::vector<State> path;  // breadth first over the table
      std::vector<std::vector<State>> open_paths{{State::queued}};
      for (std::size_t i = 0; path.empty() && i < open_paths.size() && i < 5000; ++i) {
        const auto p = open_paths[i];
        if (p.back() == from.state) path = p;
        for (const auto& n : states())
          if (allowed(p.back(), n.state) && std::find(p.begin(), p.end(), n.state) == p.end()) {
            open_paths.push_back(p);
            open_paths.back().push_back(n.state);
          }
      }
      ASSERT_FALSE(path.empty()) << from.name;
      for (std::size_t i = 1; i < path.size(); ++i) s = *advance_to(*store_, s, path[i]);
      const bool may = from.state == to.state || allowed(from.state, to.state);
      EXPECT_EQ(advance_to(*store_, s, to.state).has_value(), may) << from.name << " > " << to.name;
    }
  }
}

TEST_F(StoreTest, WhatWasAcceptedCannotBeChangedByAnAdvance) {
  open();
  auto s = accept(*store_, wanted("k1"))->submission;
  auto changed = s;
  changed.taxpayer = "someone else";
  changed.request = "other bytes";
  changed.idempotency_key = "k2";
  changed.lane = changed.blue_number = "other";
  ASSERT_TRUE(advance_to(*store_, changed, State::signing));
  const auto f = **reader_->submission(s.id);
  EXPECT_EQ(f.taxpayer, s.taxpayer);
  EXPECT_EQ(f.request, s.request);
  EXPECT_EQ(f.idempotency_key, "k1");
  EXPECT_EQ(f.lane, s.lane);
}

TEST_F(StoreTest, TheDocumentMayBeCompletedLaterAndEachStepKeepsItsOwnBody) {
  open();
  auto s = accept(*store_, wanted("k1"))->submission;
  s.document = "with the request number";
  s.body = "body one";
  s = *advance_to(*store_, s, State::signing);
  EXPECT_EQ((*reader_->submission(s.id))->document, "with the request number");
  s.step = Step::upload;
  s.body = "body two";
  s = *advance_to(*store_, s, State::signing);
  EXPECT_EQ((*reader_->submission(s.id))->body, "body two");
  s.document = "document of k1";  // back to what was accepted: must not show the one in between
  s.body.clear();
  s = *advance_to(*store_, s, State::signing);
  EXPECT_EQ((*reader_->submission(s.id))->document, "document of k1");
  EXPECT_EQ((*reader_->submission(s.id))->body, "");
}

TEST_F(StoreTest, TheLaneIsFirstInFirstOutAndForgetsWhatIsFinal) {
  open();
  std::vector<Submission> all;
  for (int i = 0; i < 5; ++i) all.push_back(accept(*store_, wanted("k" + std::to_string(i)))->submission);
  (void)accept(*store_, wanted("elsewhere", "26990000000000000002"));
  ASSERT_TRUE(advance_to(*store_, all[1], State::cancelled));
  auto issued = *advance_to(*store_, *advance_to(*store_, *advance_to(*store_, all[0], State::signing), State::ready),
                            State::issued);
  const auto lane = *reader_->open_on_lane("26990000000000000001");
  ASSERT_EQ(lane.size(), 3U);
  EXPECT_EQ(lane[0].id, all[2].id);
  EXPECT_EQ(lane[2].id, all[4].id);
  const auto reds = *reader_->reds_on("26990000000000000001");
  ASSERT_EQ(reds.size(), 4U) << "issued and open, not cancelled";
  EXPECT_EQ(reds[0].id, issued.id);
  EXPECT_TRUE(reader_->open_on_lane("none")->empty());
  const auto open_entries = *reader_->open_entries(0, 100);
  EXPECT_EQ(open_entries.size(), 4U);
  EXPECT_EQ(reader_->open_entries(open_entries[1].seq, 1)->at(0).id, open_entries[2].id);
}

TEST_F(StoreTest, ListsFilterByEachFieldAndGoOnAfterACursor) {
  open();
  std::vector<Submission> all;
  for (int i = 0; i < 10; ++i) {
    auto s = wanted("k" + std::to_string(i), i % 2 == 0 ? "B0" : "B1");
    s.taxpayer = i < 5 ? "T0" : "T1";
    all.push_back(accept(*store_, s)->submission);
  }
  ASSERT_TRUE(advance_to(*store_, all[3], State::attention));
  ASSERT_TRUE(advance_to(*store_, all[7], State::cancelled));
  const auto count = [&](auto... set) {
    SubmissionFilter f;
    (set(f), ...);
    return reader_->submissions(f)->size();
  };
  const auto taxpayer = [](const char* v) { return [v](SubmissionFilter& f) { f.taxpayer = v; }; };
  const auto state = [](const char* v) { return [v](SubmissionFilter& f) { f.state = v; }; };
  const auto blue = [](const char* v) { return [v](SubmissionFilter& f) { f.blue_number = v; }; };
  const auto key = [](const char* v) { return [v](SubmissionFilter& f) { f.idempotency_key = v; }; };
  const auto of_caller = [](const char* v) { return [v](SubmissionFilter& f) { f.taxpayers = {v}; }; };
  EXPECT_EQ(count(taxpayer("T0")), 5U);
  EXPECT_EQ(count(state("attention")), 1U);
  EXPECT_EQ(count(state("cancelled")), 1U);
  EXPECT_EQ(count(blue("B1")), 5U);
  EXPECT_EQ(count(blue("B1"), taxpayer("T1")), 3U);
  EXPECT_EQ(count(key("k4")), 1U);
  EXPECT_EQ(count(of_caller("T1")), 5U);
  EXPECT_EQ(count(key("k4"), of_caller("T1")), 0U) << "a caller sees its taxpayers only";
  EXPECT_EQ(count([&](SubmissionFilter& f) { f.after_seq = all[6].seq; }), 3U);
  EXPECT_EQ(count([](SubmissionFilter& f) { f.limit = 4; }), 4U);
  SubmissionFilter nonsense;
  nonsense.state = "nonsense";
  EXPECT_EQ(reader_->submissions(nonsense).error().id, "store.filter_state");
}

TEST_F(StoreTest, TheJournalIsOneGaplessSequenceInOrderOfCommit) {
  open();
  std::int64_t seen = 0;
  std::promise<void> all;
  std::atomic<int> left{300};
  for (int i = 0; i < 300; ++i)
    store_->accept(wanted("k" + std::to_string(i)), kErp, {}, [&](Result<Accepted>) {
      if (--left == 0) all.set_value();
    });
  // Follows while the writer writes: whatever a reader has seen, nothing may appear before it later.
  while (seen < 300)
    for (const auto& row : *reader_->journal_after(seen, 7)) {
      ASSERT_EQ(row.seq, seen + 1);
      seen = row.seq;
    }
  all.get_future().wait();
}

TEST_F(StoreTest, ANoteOfASubmissionJoinsItsTimeLine) {
  open();
  const auto s = accept(*store_, wanted("k1"))->submission;
  auto row = journal_row("note");
  row.submission = s.id;
  ASSERT_TRUE(wait_for<void>([&](Done<void> d) { store_->note(row, std::move(d)); }));
  EXPECT_EQ(reader_->journal_of(s.id)->size(), 2U);
  row.submission = "nobody";
  EXPECT_EQ(wait_for<void>([&](Done<void> d) { store_->note(row, std::move(d)); }).error().id, "store.no_submission");
  EXPECT_EQ(*reader_->last_seq(), 2);
}

TEST_F(StoreTest, ANoteTellsTheStateOfItsCommitAndNothingAfterTheEnd) {
  open();
  const auto s = accept(*store_, wanted("k1"))->submission;
  auto row = journal_row("deadline_near");
  row.submission = s.id;
  row.state = "issued";  // as somebody believes who looked at another time
  ASSERT_TRUE(wait_for<void>([&](Done<void> d) { store_->note(row, std::move(d)); }));
  EXPECT_EQ(reader_->journal_of(s.id)->back().state, name(s.state));
  const auto over = advance_to(*store_, s, State::cancelled);
  ASSERT_TRUE(over);
  row.state = name(s.state);
  ASSERT_TRUE(wait_for<void>([&](Done<void> d) { store_->note(row, std::move(d)); }));
  EXPECT_EQ(reader_->journal_of(s.id)->back().state, "cancelled") << "its end is the last that is told";
  EXPECT_TRUE(store_->verify_chain());
}

TEST_F(StoreTest, CountsFollowEveryTransitionAndSurviveARestart) {
  open();
  const auto a = accept(*store_, wanted("k1"))->submission;
  (void)accept(*store_, wanted("k2"));
  ASSERT_TRUE(advance_to(*store_, a, State::cancelled));
  const std::vector<std::pair<State, std::int64_t>> expected{{State::queued, 1}, {State::cancelled, 1}};
  EXPECT_EQ(*reader_->counts(), expected);
  reopen();
  EXPECT_EQ(*reader_->counts(), expected);
}

TEST_F(StoreTest, BeyondTheBoundAnAcceptanceIsRefusedAndNothingElseIs) {
  auto o = options();
  o.max_pending = 4;
  std::promise<void> reached, go;
  std::atomic<bool> first{true};
  auto going = go.get_future().share();
  o.probe = [&, going](std::string_view step) {
    if (step == "accept.before_commit" && first.exchange(false)) {
      reached.set_value();
      going.wait();
    }
  };
  open(std::move(o));
  std::atomic<int> accepted{0}, busy{0};
  const auto send = [&](int i) {
    store_->accept(wanted("k" + std::to_string(i)), kErp, {}, [&](Result<Accepted> r) {
      if (r)
        ++accepted;
      else if (r.error().id == "store.busy")
        ++busy;
    });
  };
  send(0);
  reached.get_future().wait();
  for (int i = 1; i < 10; ++i) send(i);
  EXPECT_EQ(busy, 5);
  go.set_value();
  close();
  EXPECT_EQ(accepted, 5) << "what was queued is finished before the store closes";
}

TEST_F(StoreTest, TheCommitCallbackNamesAJournalRowThatCanBeReadAtOnce) {
  open();
  std::promise<std::int64_t> seen;
  store_->on_commit([&](std::int64_t seq) { seen.set_value(seq); });
  ASSERT_TRUE(accept(*store_, wanted("k1")));
  EXPECT_EQ(seen.get_future().get(), 1);
  EXPECT_EQ(reader_->journal_after(0, 10)->size(), 1U);
}

TEST_F(StoreTest, AHundredThousandOpenSubmissionsAreScannedInPages) {
  open();
  constexpr int kMany = tests::rounds(100'000), kAtOnce = 4000;
  for (int from = 0; from < kMany; from += kAtOnce) {
    std::promise<void> all;
    std::atomic<int> left{kAtOnce};
    for (int i = from; i < from + kAtOnce; ++i)
      store_->accept(wanted("k" + std::to_string(i), "B" + std::to_string(i)), kErp, {}, [&](Result<Accepted> r) {
        if (!r) ADD_FAILURE() << r.error().id;
        if (--left == 0) all.set_value();
      });
    all.get_future().wait();
  }
  const auto scan = [&] {
    std::int64_t at = 0;
    int seen = 0;
    for (;;) {
      const auto page = *reader_->open_entries(at, 10'000);
      if (page.empty()) return seen;
      seen += static_cast<int>(page.size());
      at = page.back().seq;
    }
  };
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(scan(), kMany);
  const auto scanned = std::chrono::steady_clock::now();
  close();
  const auto closed = std::chrono::steady_clock::now();
  open();
  const auto opened = std::chrono::steady_clock::now();
  const auto ms = [](auto d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d).count(); };
  std::printf("%d open: scanned in %ld ms, opened in %ld ms\n", kMany, static_cast<long>(ms(scanned - start)),
              static_cast<long>(ms(opened - closed)));
}

}  // namespace
}  // namespace taxgate::store
