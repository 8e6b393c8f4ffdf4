// The smaller records: request numbers, holds, callers, cursors, the inbox, the ledger.
#include <atomic>
#include <set>

#include "tests/unit/daemon/store/store_fixture.h"

namespace taxgate::store {
namespace {

TEST_F(StoreTest, ARequestNumberIsNeverGivenTwiceAlsoAfterAClockStepAndARestart) {
  open();
  const auto next = [&](const std::string& device) {
    return *wait_for<std::string>([&](Done<std::string> d) { store_->allocate_request_number(device, std::move(d)); });
  };
  std::set<std::string> seen;
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(seen.insert(next("661122334455")).second);
  clock_.advance_ms(-3'600'000);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(seen.insert(next("661122334455")).second);
  reopen();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(seen.insert(next("661122334455")).second);
  clock_.advance_ms(7'200'000);
  const auto later = next("661122334455");
  EXPECT_TRUE(seen.insert(later).second);
  EXPECT_EQ(later, "661122334455" + clock_.now().compact()) << "the clock has caught up";
  EXPECT_EQ(next("000000000001").substr(0, 12), "000000000001");
}

TEST_F(StoreTest, HoldsKeepTheirBeginningAndAreReleasedByName) {
  open();
  const auto set = [&](std::string cause) {
    Hold h{"T0", "key_locked", "operator", std::move(cause), {}, "taxgated"};
    return wait_for<void>([&](Done<void> d) { store_->set_hold(h, std::move(d)); });
  };
  ASSERT_TRUE(set("first"));
  const auto since = clock_.now();
  clock_.advance_ms(5000);
  ASSERT_TRUE(set("second"));
  auto holds = *reader_->holds();
  ASSERT_EQ(holds.size(), 1U);
  EXPECT_EQ(holds[0].since, since);
  EXPECT_EQ(holds[0].cause, "second");
  EXPECT_EQ(holds[0].principal, "taxgated");
  EXPECT_EQ(*reader_->last_seq(), 1) << "a repetition is no event";
  ASSERT_TRUE(wait_for<void>([&](Done<void> d) { store_->release_hold("T0", "key_locked", kErp, std::move(d)); }));
  EXPECT_TRUE(reader_->holds()->empty());
  EXPECT_EQ(reader_->journal_after(0, 10)->back().event, "release");
  EXPECT_EQ(reader_->journal_after(0, 10)->back().principal, "erp");
}

TEST_F(StoreTest, CallersAndCursorsAreKept) {
  open();
  const Caller caller{"erp", {"submitter", "operator"}, {"T0"}, "ab", "cd", 1000};
  ASSERT_TRUE(wait_for<void>([&](Done<void> d) { store_->put_caller(caller, kErp, std::move(d)); }));
  ASSERT_TRUE(wait_for<void>([&](Done<void> d) { store_->set_cursor("webhook:erp", 42, std::move(d)); }));
  reopen();
  const auto callers = *reader_->callers();
  ASSERT_EQ(callers.size(), 1U);
  EXPECT_EQ(callers[0].roles, caller.roles);
  EXPECT_EQ(callers[0].taxpayers, caller.taxpayers);
  EXPECT_EQ(callers[0].uid, 1000);
  EXPECT_EQ(*reader_->cursor("webhook:erp"), 42);
  EXPECT_EQ(*reader_->cursor("unknown"), 0);
  const auto remove = [&] {
    return wait_for<void>([&](Done<void> d) { store_->remove_caller("erp", kErp, std::move(d)); });
  };
  EXPECT_TRUE(remove());
  EXPECT_EQ(remove().error().id, "store.no_caller");
}

TEST_F(StoreTest, AnInboxFormIsAnEventWhenNewOrChangedAndIsLinkedToOurAnswer) {
  open();
  InboxForm f;
  f.uuid = "form-1";
  f.number = "N1";
  f.taxpayer = "T0";
  f.state = "02";
  f.amount = {-100};
  f.entered_at = {5};
  const auto put = [&] { ASSERT_TRUE(wait_for<void>([&](Done<void> d) { store_->put_inbox_form(f, std::move(d)); })); };
  put();
  put();
  EXPECT_EQ(*reader_->last_seq(), 1);
  auto answer = wanted("a1", "");
  answer.kind = Kind::confirm;
  answer.step = Step::answer;
  answer.lane = "form:form-1";
  answer.form_uuid = "form-1";
  const auto s = accept(*store_, answer)->submission;
  EXPECT_EQ((*reader_->inbox_form("form-1"))->submission, s.id);
  f.state = "04";
  f.open = false;
  put();
  const auto now = **reader_->inbox_form("form-1");
  EXPECT_EQ(now.submission, s.id) << "the link survives what the platform shows";
  EXPECT_EQ(now.state, "04");
  EXPECT_EQ(*reader_->last_seq(), 3);
  EXPECT_TRUE(reader_->inbox("T0", true)->empty());
  EXPECT_EQ(reader_->inbox("", false)->size(), 1U);
  EXPECT_FALSE(*reader_->owner_of_form("form-1")) << "an answer does not own the form";
}

TEST_F(StoreTest, TheOwnerOfAFormIsTheRedThatAdoptedIt) {
  open();
  auto s = accept(*store_, wanted("k1"))->submission;
  s.form_uuid = "form-9";
  ASSERT_TRUE(advance_to(*store_, s, State::signing));
  const auto owner = reader_->owner_of_form("form-9");
  ASSERT_TRUE(owner && *owner);
  EXPECT_EQ((*owner)->id, s.id);
  EXPECT_FALSE(*reader_->owner_of_form(""));
  EXPECT_FALSE(*reader_->owner_of_form("form-8"));
}

TEST_F(StoreTest, AnImportCountsWhatItDidAndAcceptancesAreNotHeldUpByIt) {
  open();
  std::vector<Invoice> invoices;
  for (int i = 0; i < 3000; ++i) invoices.push_back(sample_invoice("2699" + std::to_string(1'000'000 + i)));
  auto import = [&] {
    return wait_for<Store::ImportCounts>(
        [&](Done<Store::ImportCounts> d) { store_->import_invoices(invoices, kErp, std::move(d)); });
  };
  std::atomic<bool> imported{false};
  std::promise<Store::ImportCounts> counts;
  store_->import_invoices(invoices, kErp, [&](Result<Store::ImportCounts> r) {
    imported = true;
    counts.set_value(*r);
  });
  ASSERT_TRUE(accept(*store_, wanted("urgent")));
  EXPECT_FALSE(imported) << "an acceptance does not wait for the whole import";
  const auto first = counts.get_future().get();
  EXPECT_EQ(first.added, 3000U);
  const auto again = import();
  EXPECT_EQ(again->unchanged, 3000U);
  invoices[7].locked = true;
  const auto changed = import();
  EXPECT_EQ(changed->updated, 1U);
  EXPECT_TRUE((*reader_->invoice(invoices[7].number))->invoice.locked);
}

TEST_F(StoreTest, AnImportLinksABlueToTheRedsIssuedElsewhere) {
  open();
  const auto import = [&](Store::RedNumbers reds) {
    return wait_for<Store::ImportCounts>([&](Done<Store::ImportCounts> d) {
      store_->import_invoices({sample_invoice("B1"), sample_invoice("B2")}, std::move(reds), kErp, std::move(d));
    });
  };
  EXPECT_EQ(import({})->added, 2U);
  EXPECT_EQ(import({{"B1", {"R1", "R2"}}})->updated, 1U);
  const auto again = import({{"B1", {"R2"}}});
  EXPECT_EQ(again->unchanged, 2U);
  EXPECT_EQ((*reader_->invoice("B1"))->reds, (std::vector<std::string>{"R1", "R2"}));
  EXPECT_TRUE((*reader_->invoice("B2"))->reds.empty());
}

TEST_F(StoreTest, AStopDoesNotWaitForALongImportAndSaysSo) {
  open();
  std::vector<Invoice> invoices;
  for (int i = 0; i < 20'000; ++i) invoices.push_back(sample_invoice("2699" + std::to_string(1'000'000 + i)));
  std::promise<Error> ended;
  store_->import_invoices(invoices, kErp,
                          [&](Result<Store::ImportCounts> r) { ended.set_value(r ? Error{} : r.error()); });
  ASSERT_TRUE(accept(*store_, wanted("k")));
  close();
  EXPECT_EQ(ended.get_future().get().id, "lane.stopped");
  open();
  const auto again = wait_for<Store::ImportCounts>(
      [&](Done<Store::ImportCounts> d) { store_->import_invoices(invoices, kErp, std::move(d)); });
  ASSERT_TRUE(again);
  EXPECT_EQ(again->added + again->unchanged, 20'000U) << "repeating it completes it";
  EXPECT_TRUE(store_->verify_chain());
}

TEST_F(StoreTest, AnInlineInvoiceNeverReplacesWhatIsKnown) {
  open();
  auto known = sample_invoice("B1");
  known.locked = true;
  ASSERT_TRUE(wait_for<Store::ImportCounts>(
      [&](Done<Store::ImportCounts> d) { store_->import_invoices({known}, kErp, std::move(d)); }));
  ASSERT_TRUE(accept(*store_, wanted("k1", "B1"), {sample_invoice("B1"), sample_invoice("B2")}));
  EXPECT_TRUE((*reader_->invoice("B1"))->invoice.locked);
  EXPECT_TRUE(*reader_->invoice("B2"));
}

}  // namespace
}  // namespace taxgate::store
