// The kernel against its slow twin on random nights, and its promises one by one.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "daemon/sync/transitions.h"
#include "tests/sanitizer.h"
#include "tests/unit/daemon/sync/night.h"

namespace taxgate::sync {
namespace {

using listing::Form;

class Merge : public testing::TestWithParam<Form> {
 protected:
  Result<listing::PageHead> feed(const std::string& page) {
    return merge_page(mirror_, GetParam(), 1, as_bytes(page), workspace_, batch_);
  }
  std::string one(const Shown& s) { return page_of_raw(GetParam(), {raw(GetParam(), s)}); }
  Mirror mirror_;
  Workspace workspace_;
  Batch batch_;
  std::mt19937_64 random_{7};
};
INSTANTIATE_TEST_SUITE_P(BothForms, Merge, testing::Values(Form::protobuf, Form::json),
                         [](const auto& info) { return info.param == Form::json ? "Json" : "Protobuf"; });

// What one night shows: most invoices as they were, some changed (possibly or not), some new, some left out, some
// twice, some damaged; in order or shuffled.
std::vector<std::string> night_of(Form form, std::mt19937_64& random, std::vector<Shown>& world) {
  for (std::size_t i = random() % 60; i > 0; --i) world.push_back(random_invoice(random, random() % 100'000));
  std::vector<std::string> records;
  static const std::array<std::vector<std::string>, kStatusFields> kCodes{{{"0", "2", "3", "7", "8", "6", "99"},
                                                                           {"Y", "N"},
                                                                           {"0", "1", "2", "9", "5"},
                                                                           {"01", "02", "03"},
                                                                           {"01", "02", "03"},
                                                                           {"", "01", "02"},
                                                                           {"", "0", "1", "2", "3"}}};
  for (auto& s : world) {
    if (random() % 12 == 0) continue;  // missing
    if (random() % 6 == 0) {
      const auto f = random() % kStatusFields;
      const auto& codes = kCodes[f];
      Shown next = s;
      next.status.set(static_cast<StatusField>(f), *status_code(codes[random() % codes.size()]));
      if (random() % 2 == 0) s = next;  // otherwise shown once and taken back
      records.push_back(raw(form, next));
    } else if (random() % 20 == 0) {
      s.facts.amount.value += 1;  // other bytes, the same status
      records.push_back(raw(form, s));
    } else {
      records.push_back(raw(form, s));
    }
    if (random() % 30 == 0) records.push_back(records[random() % records.size()]);  // twice
    if (random() % 40 == 0 && form == Form::protobuf) {
      std::string broken = records.back();
      broken.resize(broken.size() - 1 - random() % 20);  // a cut-off record in a good frame
      records.push_back(broken);
    }
    if (random() % 40 == 0 && form == Form::json) {
      std::string broken = records.back();
      broken.insert(broken.size() - 1, ",\"x\"");
      records.push_back(broken);
    }
    if (random() % 50 == 0) {
      Shown odd = s;
      odd.facts.number = "2611700000113461686";  // a digit short
      records.push_back(raw(form, odd));
    }
  }
  if (random() % 2 == 0) std::shuffle(records.begin(), records.end(), random);
  return records;
}

TEST_P(Merge, APageWithARecordOfAnotherWindowChangesNothing) {
  Shown ours = random_invoice(random_, 1), other = random_invoice(random_, 2);
  ours.facts.issued_at = *LegalTime::parse("2026-10-31 23:59:59");
  other.facts = ours.facts;
  other.facts.number = random_invoice(random_, 2).facts.number;
  Asked asked;
  asked.window = {ours.facts.seller_id, Direction::issued, ours.facts.type, Month::of(ours.facts.issued_at)};
  const auto foreign_field = [&](const Shown& record) {
    const auto got = merge_page(mirror_, GetParam(), 1,
                                as_bytes(page_of_raw(GetParam(), {raw(GetParam(), ours), raw(GetParam(), record)})),
                                workspace_, batch_, &asked);
    EXPECT_EQ(mirror_.size(), got ? 2U : 0U);
    EXPECT_EQ(batch_.changes.empty(), !got);
    return got ? std::string() : got.error().id + " " + got.error().field;
  };
  Shown wrong = other;
  wrong.facts.issued_at = *LegalTime::parse("2026-11-01 00:00:00");
  EXPECT_EQ(foreign_field(wrong), "listing.foreign month");
  wrong = other;
  wrong.facts.type = ours.facts.type == "82" ? "81" : "82";
  EXPECT_EQ(foreign_field(wrong), "listing.foreign type");
  wrong = other;
  wrong.facts.seller_id = "91310000000000000X";
  EXPECT_EQ(foreign_field(wrong), "listing.foreign taxpayer");
  asked.window.direction = Direction::received;
  asked.window.taxpayer = ours.facts.buyer_id;
  EXPECT_EQ(foreign_field(wrong), "") << "of a received one the buyer is ours";
}

// The bytes of a known record are not read: a page of another month in this one's place would pass for unchanged.
TEST_P(Merge, APageOfAnotherWindowIsFoundOutAlsoWhenAllOfItIsKnown) {
  std::vector<std::string> records;
  Shown shown = random_invoice(random_, 1);
  shown.facts.issued_at = *LegalTime::parse("2026-10-31 23:59:59");
  for (std::uint64_t serial = 1; serial <= 3; ++serial) {
    shown.facts.number = random_invoice(random_, serial).facts.number;
    records.push_back(raw(GetParam(), shown));
  }
  const std::string page = page_of_raw(GetParam(), records);
  ASSERT_TRUE(feed(page));
  batch_.clear();
  mirror_.begin();
  Asked asked;
  asked.window = {shown.facts.seller_id, Direction::issued, shown.facts.type, Month::of(shown.facts.issued_at)};
  const auto found = [&] {
    const auto got = merge_page(mirror_, GetParam(), 1, as_bytes(page), workspace_, batch_, &asked);
    return got ? std::string() : got.error().id + " " + got.error().field;
  };
  asked.window.month.index += 1;
  EXPECT_EQ(found(), "listing.foreign month");
  EXPECT_EQ(batch_.counts, Counts{});
  EXPECT_FALSE(mirror_.find(*invoice_key(1, shown.facts.number))->seen) << "it was not met where it belongs";
  asked.window.month.index -= 1;
  EXPECT_EQ(found(), "");
  EXPECT_EQ(batch_.counts.unchanged, 3U);
}

TEST_P(Merge, AnotherPageThanTheOneAskedForChangesNothing) {
  const Shown shown = random_invoice(random_, 1);
  std::string records;
  listing::append_record(records, GetParam(), shown.facts, shown.status);
  const std::string page = listing::page_of(GetParam(), {.number = 2, .count = 3, .total = 30}, records);
  const auto refused = [&](Asked asked) {
    asked.window = {shown.facts.seller_id, Direction::issued, {}, {}};
    const auto got = merge_page(mirror_, GetParam(), 1, as_bytes(page), workspace_, batch_, &asked);
    return got ? std::string() : got.error().id + " " + got.error().field;
  };
  EXPECT_EQ(refused({.window = {}, .number = 3}), "listing.other_page packageno");
  EXPECT_EQ(refused({.window = {}, .number = 2, .count = 4}), "listing.other_page packagecount");
  EXPECT_EQ(refused({.window = {}, .number = 2, .count = 3, .total = 31}), "listing.other_page total");
  EXPECT_EQ(mirror_.size(), 0U);
  EXPECT_EQ(refused({.window = {}, .number = 2, .count = 3, .total = 30}), "");
  EXPECT_EQ(mirror_.size(), 1U);
}

TEST_P(Merge, AgreesWithItsSlowTwinOnRandomNights) {
  const char* wish = std::getenv("TAXGATE_SEED");
  const std::uint64_t seed = wish != nullptr ? std::stoull(wish) : std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  random_.seed(seed);
  std::vector<Shown> world;
  Twin twin;
  Counts all;
  for (int night = 0; night < tests::rounds(60); ++night) {
    mirror_.begin();
    twin.begin();
    const auto records = night_of(GetParam(), random_, world);
    for (std::size_t from = 0; from < records.size();) {
      const std::size_t n = std::min<std::size_t>(records.size() - from, 1 + random_() % 300);
      std::string page = page_of_raw(
          GetParam(), {records.begin() + static_cast<long>(from), records.begin() + static_cast<long>(from + n)});
      if (random_() % 8 == 0) {  // the same page cut off first: nothing of it may count
        const auto size_before = mirror_.size();
        EXPECT_FALSE(feed(page.substr(0, page.size() - 1)));
        EXPECT_EQ(mirror_.size(), size_before);
        EXPECT_EQ(batch_.counts, Counts{});
      }
      Twin::Expected expected;
      ASSERT_TRUE(twin.page(GetParam(), page, expected));
      ASSERT_TRUE(feed(page));
      const auto found = lines_of(batch_);
      // The batch keeps changes and quarantined apart; within each the order is the page's.
      std::vector<std::string> wanted, held_back;
      for (const auto& l : expected.lines)
        (l.starts_with("unreadable") || l.starts_with("transition") ? held_back : wanted).push_back(l);
      wanted.insert(wanted.end(), held_back.begin(), held_back.end());
      ASSERT_EQ(found, wanted) << "night " << night;
      ASSERT_EQ(batch_.counts, expected.counts);
      all.records += batch_.counts.records;
      all.changed += batch_.counts.changed;
      all.quarantined += batch_.counts.quarantined;
      all.repeated += batch_.counts.repeated;
      batch_.clear();
      from += n;
    }
    std::set<std::string> missing;
    mirror_.unseen(0, UINT32_MAX, [&](const InvoiceKey& key, PlatformStatus) {
      missing.insert(invoice_number(key));
      return true;
    });
    ASSERT_EQ(missing, twin.missing());
  }
  for (const auto& [number, known] : twin.known) {
    const auto found = mirror_.find(*invoice_key(1, number));
    ASSERT_TRUE(found) << number;
    EXPECT_EQ(found->status, known.status) << number;
  }
  EXPECT_EQ(mirror_.size(), twin.known.size());
  std::printf("seed %llu: %llu records, %llu changed, %llu quarantined, %llu repeated\n",
              static_cast<unsigned long long>(seed), static_cast<unsigned long long>(all.records),
              static_cast<unsigned long long>(all.changed), static_cast<unsigned long long>(all.quarantined),
              static_cast<unsigned long long>(all.repeated));
}

TEST_P(Merge, AnImpossibleTransitionIsKeptWithItsEvidenceAndNotApplied) {
  Shown s = random_invoice(random_, 1);
  s.status.set(StatusField::state, *status_code("2"));
  ASSERT_TRUE(feed(one(s)));
  batch_.clear();
  mirror_.begin();
  Shown undone = s;
  undone.status.set(StatusField::state, *status_code("0"));
  ASSERT_TRUE(feed(one(undone)));
  EXPECT_TRUE(batch_.changes.empty());
  ASSERT_EQ(batch_.quarantined.size(), 1U);
  EXPECT_EQ(batch_.quarantined[0].reason, Reason::transition);
  EXPECT_EQ(batch_.quarantined[0].field, "fpzt");
  EXPECT_EQ(batch_.quarantined[0].evidence, raw(GetParam(), undone));
  const auto key = *invoice_key(1, s.facts.number);
  EXPECT_EQ(mirror_.find(key)->status.text(StatusField::state), "2");
  EXPECT_TRUE(mirror_.find(key)->seen) << "it was shown: it is not missing";
}

TEST_P(Merge, ANewInvoiceCarriesItsFactsAndAChangedOneBothStatuses) {
  Shown s = random_invoice(random_, 2);
  ASSERT_TRUE(feed(one(s)));
  ASSERT_EQ(batch_.changes.size(), 1U);
  EXPECT_EQ(batch_.changes[0].kind, ChangeKind::added);
  EXPECT_EQ(batch_.facts.at(0), s.facts);
  batch_.clear();
  const auto before = s.status;
  s.status.set(StatusField::lock, *status_code("Y"));
  ASSERT_TRUE(feed(one(s)));
  EXPECT_EQ(batch_.changes.at(0).kind, ChangeKind::changed);
  EXPECT_EQ(batch_.changes[0].before, before);
  EXPECT_EQ(batch_.changes[0].after, s.status);
}

TEST_P(Merge, AZeroedHashMakesTheRecordBeReadAgainAndNothingElse) {
  const Shown s = random_invoice(random_, 3);
  ASSERT_TRUE(feed(one(s)));
  batch_.clear();
  mirror_.put(*invoice_key(1, s.facts.number), s.status, 0);  // what a daytime observation does
  ASSERT_TRUE(feed(one(s)));
  EXPECT_EQ(batch_.counts.touched, 1U);
  batch_.clear();
  ASSERT_TRUE(feed(one(s)));
  EXPECT_EQ(batch_.counts.unchanged, 1U);
}

TEST_P(Merge, TwoTaxpayersKeepTheirOwnViewOfOneInvoice) {
  const Shown s = random_invoice(random_, 4);
  ASSERT_TRUE(feed(one(s)));
  ASSERT_TRUE(merge_page(mirror_, GetParam(), 2, as_bytes(one(s)), workspace_, batch_));
  EXPECT_EQ(batch_.counts.added, 2U);
  EXPECT_EQ(mirror_.size(), 2U);
}

TEST_P(Merge, AnInvoiceIssuedToOneselfIsInBothListsAndNoPageTwice) {
  Shown own = random_invoice(random_, 4);
  own.facts.buyer_id = own.facts.seller_id;
  const Shown other = random_invoice(random_, 5);
  for (const auto& page : {one(own), one(own), one(other), one(other)}) ASSERT_TRUE(feed(page));
  EXPECT_EQ(batch_.counts.records, 4U);
  EXPECT_EQ(batch_.counts.to_self, 1U);
  EXPECT_EQ(batch_.counts.repeated, 1U) << "a page in the place of another is still found out";
}

TEST(Transitions, EveryRowOfTheTableHoldsAndNothingElseIsForbidden) {
  for (const auto& row : transitions()) {
    const auto from = *status_code(row.from);
    for (int code = 0; code <= 112; ++code) {
      const auto to = static_cast<std::uint8_t>(code);
      const std::string text = status_text(to);
      const bool listed =
          !text.empty() && (" " + std::string(row.to) + " ").find(" " + text + " ") != std::string::npos;
      EXPECT_EQ(TransitionTable::compiled_in().may_follow(row.field, from, to), listed || from == to)
          << platform_name(row.field) << " " << row.from << " to " << text;
    }
  }
  EXPECT_TRUE(TransitionTable::compiled_in().may_follow(StatusField::state, *status_code("0"), *status_code("2")));
  EXPECT_TRUE(TransitionTable::compiled_in().may_follow(StatusField::state, *status_code("6"), *status_code("0")))
      << "no row: anything may follow";
  EXPECT_TRUE(TransitionTable::compiled_in().may_follow(StatusField::abnormal, *status_code("02"), *status_code("01")))
      << "an abnormality is lifted";
}

TEST(Transitions, AnOperatorsRowTakesThePlaceOfTheCompiledInOne) {
  TransitionTable table;
  const auto code = [](const char* text) { return *status_code(text); };
  EXPECT_FALSE(table.may_follow(StatusField::booking, code("01"), code("03")));
  EXPECT_TRUE(table.replace(StatusField::booking, "01", {"03"}));
  EXPECT_TRUE(table.may_follow(StatusField::booking, code("01"), code("03")));
  EXPECT_FALSE(table.may_follow(StatusField::booking, code("01"), code("02"))) << "what the row does not name";
  EXPECT_FALSE(table.may_follow(StatusField::booking, code("02"), code("01"))) << "the other rows stand";
  EXPECT_TRUE(table.replace(StatusField::state, "2", {"*"}));
  EXPECT_TRUE(table.may_follow(StatusField::state, code("2"), code("0")));
  EXPECT_TRUE(table.replace(StatusField::state, "0", {}));
  EXPECT_FALSE(table.may_follow(StatusField::state, code("0"), code("7"))) << "finished";
  for (const char* wrong : {"", "x", "123", "*"}) {
    EXPECT_FALSE(table.replace(StatusField::use, wrong, {"1"})) << wrong;
    if (wrong != std::string_view("*")) EXPECT_FALSE(table.replace(StatusField::use, "1", {wrong})) << wrong;
  }
  EXPECT_FALSE(table.replace(StatusField::use, "1", {"*", "2"})) << "any, or these";
}

TEST(Fingerprint, TellsLengthsOrderAndSingleBitsApart) {
  std::set<std::uint64_t> seen;
  std::size_t made = 0;
  for (std::size_t n = 0; n < 200; ++n) {
    std::string text(n, 'a');
    seen.insert(fingerprint(as_bytes(text)));
    ++made;
    for (std::size_t bit = 0; bit < n * 8; bit += 7) {
      text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << (bit % 8)));
      seen.insert(fingerprint(as_bytes(text)));
      text[bit / 8] = 'a';
      ++made;
    }
  }
  EXPECT_EQ(seen.size(), made);
  EXPECT_FALSE(seen.contains(0));
}

TEST(Fingerprint, IsTheValueThatIsStored) {
  // On disk since schema 3: a change here makes every record be read once more, which must be meant.
  EXPECT_EQ(fingerprint(as_bytes(std::string_view("26117000001134616865"))), 37847097060694U);
}

}  // namespace
}  // namespace taxgate::sync
