// `taxgate selftest`: a trial submission with the time and result of each step, where no real business can be meant.
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/system/cli_fixture.h"

namespace taxgate::tests {
namespace {

class Selftest : public Cli {
 protected:
  Selftest() {
    gateway_.status_answer.set_channel("simulator");
    gateway_.status_answer.set_channel_zh("模拟");
    gateway_.status_answer.set_version("0.1.0");
    gateway_.keys_answer.set_key_host_connected(true);
    gateway_.keys_answer.add_keys()->set_state("ready");
  }
  Outcome selftest(std::vector<std::string> more = {}) {
    std::vector<std::string> words{"selftest", "--seller", "91310115TGDM00011U", "--blue", "26990000000000000001"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }
  bool submitted() const {
    return std::ranges::any_of(gateway_.calls, [](const auto& call) { return call.starts_with("submit:"); });
  }
};

TEST_F(Selftest, IsRefusedOnAnyChannelThatMayBeRealAndSubmitsNothing) {
  for (const char* channel : {"production", "", "generally_available"}) {
    gateway_.status_answer.set_channel(channel);
    const auto outcome = selftest();
    EXPECT_NE(outcome.exit, 0) << channel;
    EXPECT_THAT(outcome.out + outcome.err, testing::HasSubstr("selftest.production")) << channel;
    EXPECT_FALSE(submitted()) << channel;
  }
}

TEST_F(Selftest, TellsTimeAndResultOfEachStep) {
  auto issued = submission("issued");
  add_row(issued, 1, "accepted");
  add_row(issued, 2, "signed");
  add_row(issued, 4, "issued", "26990000000000000009");
  gateway_.submissions = {submission("queued"), issued};
  const auto outcome = selftest({"--json"});
  EXPECT_EQ(outcome.exit, 0) << outcome.out << outcome.err;
  for (const char* step : {R"({"step":"daemon","ms":)", R"({"step":"keys","ms":)", R"({"step":"accept","ms":)",
                           R"({"step":"signed","ms":1000,"result":"issued")",
                           R"({"step":"issued","ms":2000,"result":"issued","reference":"26990000000000000009"})"})
    EXPECT_THAT(outcome.out, testing::HasSubstr(step));
  EXPECT_TRUE(submitted());
}

TEST_F(Selftest, EndsWithTheErrorsCodeWhereAStepFails) {
  gateway_.keys_answer.set_key_host_connected(false);
  gateway_.submissions = {submission("queued"), submission("attention")};
  const auto outcome = selftest({"--json", "--wait", "1"});
  EXPECT_NE(outcome.exit, 0);
  EXPECT_THAT(outcome.out, testing::HasSubstr(R"("result":"key.host_down")"));
}

}  // namespace
}  // namespace taxgate::tests
