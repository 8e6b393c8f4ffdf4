// The key host on the real stack: pcscd, vpcd, a virtual key and the taxgate-keyd program.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "drivers/keyd/sign_log.h"
#include "tests/system/keyd_fixture.h"

namespace taxgate::tests {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

std::string whole_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(KeyHostOnRealPcscd, SignsAnEnvelopeAndLogsItBefore) {
  KeydStack stack({});
  stack.start_keyd();
  ASSERT_TRUE(stack.wait_state(0, "ready"));
  KeydClient client(stack.socket());
  const auto request = stack.request(0, "0190-apply");
  const auto reply = client.sign(request);
  ASSERT_TRUE(reply);
  ASSERT_FALSE(reply->has_failure()) << reply->failure().id() << " " << reply->failure().detail();
  EXPECT_TRUE(stack.verifies(request, *reply));
  EXPECT_EQ(reply->key_serial(), stack.serial(0));
  EXPECT_EQ(reply->log_number(), 1U);
  const std::string log = whole_file(stack.state() + "/signing.log");
  EXPECT_NE(log.find("\torder\t" + stack.serial(0) + "\t" + stack.taxpayer(0) + "\tapply\t0190-apply\t" + hex(sm3(as_bytes(request.message())))),
            std::string::npos)
      << log;
  EXPECT_NE(log.find("\tresult\tsigned\t"), std::string::npos) << log;
  EXPECT_TRUE(keyd::SignLog::check(log));
}

}  // namespace
}  // namespace taxgate::tests
