#include "protocol/states.h"

#include <gtest/gtest.h>

#include "tests/tree/states_page.h"
#include "tests/tree/tree.h"

namespace taxgate::tree {
namespace {

TEST(StatesPage, EqualsTheTableInTheCode) {
  EXPECT_EQ(read(root() / "docs/states.md"), states_page())
      << "write it anew: build/bin/tree_checks --states > docs/states.md";
}

TEST(StatesPage, NamesOnlyStatesThatExistAndLetsEveryOneBeReached) {
  for (const auto& from : states()) {
    EXPECT_EQ(from.final, from.next.empty()) << from.name;
    for (const auto& next : split(from.next, ' '))
      if (!next.empty()) {
        EXPECT_TRUE(state_named(next)) << from.name << " names " << next;
      }
    bool reached = from.state == State::queued || from.state == State::waiting_approval;
    for (const auto& other : states()) reached = reached || allowed(other.state, from.state);
    EXPECT_TRUE(reached) << "nothing leads to " << from.name;
  }
}

TEST(StatesPage, LetsNothingButSendingBecomeUnknownUnlessTheFormWasAlreadySent) {
  for (const auto& from : states())
    if (allowed(from.state, State::outcome_unknown))
      EXPECT_TRUE(from.state == State::sending || from.state == State::processing || from.state == State::attention)
          << from.name;
}

}  // namespace
}  // namespace taxgate::tree
