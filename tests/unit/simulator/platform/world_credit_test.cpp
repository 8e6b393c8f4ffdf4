// The virtual platform's own figure of the credit line.
#include "tests/unit/simulator/platform/world_fixture.h"

namespace taxgate::simulator {
namespace {

class CreditWorld : public WorldTest {
 protected:
  LegalTime november = *LegalTime::parse("2026-11-10");
  leqi::CreditReply ask(LegalTime now, std::string month = {}) {
    return world.credit({"91310115TGDM00011U", std::move(month)}, now);
  }
  void stage(std::string_view elsewhere = "0.00") {
    Taxpayer t;
    t.id = "91310115TGDM00011U";
    t.name = "卖方";
    t.credit_limit = fen("7500000.00");
    t.credit_used_elsewhere = fen(elsewhere);
    t.behaviour = Behaviour{.issue = IssueMode::automatic};
    world.put_taxpayer(t);
  }
};

TEST_F(CreditWorld, HasNoFigureUntilOneIsStagedAndOnlyOfTheCurrentMonth) {
  EXPECT_FALSE(ask(november).outcome.ok());
  stage();
  EXPECT_EQ(ask(november).remaining, fen("7500000.00"));
  EXPECT_EQ(ask(november, "2026-11").month, "2026-11");
  EXPECT_FALSE(ask(november, "2026-10").outcome.ok());
}

TEST_F(CreditWorld, TakesWhatWasIssuedInTheMonthAndElsewhereAndGivesBackReturnsOfTheSameMonthOnly) {
  stage("100000.00");
  world.put_invoice(coolers("26990000000000000001", false));
  EXPECT_EQ(ask(november).remaining, fen("6400000.00"));
  ASSERT_TRUE(world.apply(part(coolers("26990000000000000001", false), "-50", "-100000.00", "-13000.00"), at(november))
                  .outcome.ok());
  EXPECT_EQ(ask(november).remaining, fen("6500000.00"));
  ASSERT_TRUE(world
                  .apply(part(coolers("26990000000000000001", false), "", "-200000.00", "-26000.00", Reason::allowance),
                         at(november))
                  .outcome.ok());
  EXPECT_EQ(ask(november).remaining, fen("6500000.00")) << "an allowance gives nothing back";
  const LegalTime december = *LegalTime::parse("2026-12-01");
  EXPECT_EQ(ask(december).remaining, fen("7400000.00"));
  ASSERT_TRUE(world.apply(part(coolers("26990000000000000001", false), "-50", "-100000.00", "-13000.00"), at(december))
                  .outcome.ok());
  EXPECT_EQ(ask(december).remaining, fen("7400000.00")) << "across months nothing comes back";
}

}  // namespace
}  // namespace taxgate::simulator
