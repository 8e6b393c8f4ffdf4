// Initial grants, applications for another limit, the bureau's own adjustments.
#include "daemon/rules/application.h"

#include <gtest/gtest.h>

namespace taxgate::rules {
namespace {

const std::string kHash(64, 'a');
LegalTime day_of(std::string_view text) { return *LegalTime::parse(text); }

/// An application with nothing left out: 9,000,000 for June and July, a contract and a list of assets beside it.
CreditApplication whole() {
  CreditApplication out;
  out.amount = Fen{900'000'000};
  out.from = day_of("2026-06-10");
  out.until = day_of("2026-08-01");
  out.short_term_type = "订单增加";
  out.reason = "a large order";
  out.attachments = {{"contract", kHash}, {"asset_list", kHash}, {"other", kHash}};
  return out;
}

std::vector<std::string> findings(const CreditApplication& application) {
  std::vector<std::string> out;
  for (const Error& e : check_application(application)) out.push_back(e.id + " " + e.field);
  return out;
}
using Ids = std::vector<std::string>;

Movement told(MovementKind kind, std::string_view at, Fen amount) {
  Movement m;
  m.kind = kind;
  m.at = day_of(at);
  m.amount = amount;
  m.number = "N-1";
  return m;
}

TEST(CreditApplications, HaveTypePeriodAmountReasonAndAttachmentsByHash) {  // C9
  EXPECT_EQ(findings(whole()), Ids{});
  CreditApplication lasting = whole();
  lasting.until = {};
  EXPECT_EQ(findings(lasting), Ids{"C9.short_term_type short_term_type"}) << "a type of something that is not";
  lasting.short_term_type.clear();
  EXPECT_EQ(findings(lasting), Ids{});
  lasting.attachments.clear();
  EXPECT_EQ(findings(lasting), Ids{}) << "which papers are needed is the bureau's word";
}

TEST(CreditApplications, SayEverythingThatIsMissingOrCannotBe) {
  CreditApplication wrong = whole();
  wrong.amount = Fen{0};
  wrong.until = wrong.from;
  wrong.short_term_type.clear();
  wrong.reason.clear();
  wrong.attachments = {{"contract", kHash}, {"photo", "abc"}, {"other", std::string(64, 'A')}};
  ASSERT_EQ(findings(wrong),
            (Ids{"credit.amount limit", "credit.time_order until", "C9.short_term_type short_term_type",
                 "C9.reason reason", "C9.attachment_kind attachments[1].kind", "C9.attachment_hash attachments[1].hash",
                 "C9.attachment_hash attachments[2].hash"}));
  EXPECT_EQ(check_application(wrong)[4].left, "contract, asset_list, other");
}

TEST(CreditApplications, HaveNoEffectUntilApprovedAndNoneWhenRejected) {
  std::vector<Movement> all{told(MovementKind::limit, "2026-04-01", Fen{750'000'000}),
                            told(MovementKind::application, "2026-04-10", Fen{900'000'000}),
                            told(MovementKind::rejection, "2026-04-12", Fen{900'000'000})};
  const auto rejected = credit_statement({2026 * 12 + 3}, day_of("2026-04-20"), all, {});
  EXPECT_EQ(rejected.limit, Fen{750'000'000});
  ASSERT_EQ(rejected.entries.size(), 3u);
  EXPECT_EQ(rejected.entries[1].rule, "C9.no_effect");
  EXPECT_EQ(rejected.entries[2].rule, "C9.rejected");
  EXPECT_EQ(name(rejected.entries[2].movement.kind), "rejection");
  all.push_back(told(MovementKind::limit, "2026-04-15", Fen{900'000'000}));
  EXPECT_EQ(credit_statement({2026 * 12 + 3}, day_of("2026-04-20"), all, {}).limit, Fen{900'000'000});
}

TEST(InitialGrant, IsMadeOnceAndASeedIsANewTaxpayersOnly) {  // C8
  EXPECT_TRUE(check_initial_grant({}));
  const std::vector<Movement> asked{told(MovementKind::application, "2026-03-01", Fen{100}),
                                    told(MovementKind::issued, "2026-03-01", Fen{100})};
  EXPECT_TRUE(check_initial_grant(asked));
  const auto refused = [](MovementKind kind) {
    const auto grant = check_initial_grant(std::vector{told(kind, "2026-04-01", Fen{250'000'000})});
    return grant ? Error{} : grant.error();
  };
  EXPECT_EQ(refused(MovementKind::limit).id, "credit.initial_once");
  EXPECT_EQ(refused(MovementKind::limit).left, "2500000.00");
  EXPECT_EQ(refused(MovementKind::pickup).id, "C8.existing");
}

TEST(ExOfficio, TheBureauOfItsOwnAccordLowersAndDoesNotRaise) {  // C10
  EXPECT_TRUE(check_ex_officio(Fen{100}, Fen{99}));
  EXPECT_TRUE(check_ex_officio(Fen{100}, Fen{100}));
  EXPECT_TRUE(check_ex_officio(std::nullopt, Fen{101})) << "what it was is not known";
  const auto raised = check_ex_officio(Fen{100}, Fen{101});
  ASSERT_FALSE(raised);
  EXPECT_EQ(raised.error().id, "C10.only_lowers");
  EXPECT_EQ(raised.error().left, "1.00");
}

}  // namespace
}  // namespace taxgate::rules
