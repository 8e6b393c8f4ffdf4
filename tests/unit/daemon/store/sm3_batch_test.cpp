#include "daemon/store/sm3_batch.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace taxgate::store {
namespace {

TEST(Sm3Batch, GivesTheStandardsExamplesSideBySide) {
  const std::string abcd = "abcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcd";
  std::array<Digest, 3> out{};
  const std::vector<Sm3Job> jobs{{{"abc", "", ""}, &out[0]}, {{abcd, "", ""}, &out[1]}, {{"", "a", "bc"}, &out[2]}};
  sm3_batch(jobs);
  EXPECT_EQ(hex(out[0]), "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");  // GB/T 32905, A.1
  EXPECT_EQ(hex(out[1]), "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732");  // GB/T 32905, A.2
  EXPECT_EQ(out[2], out[0]);
}

TEST(Sm3Batch, AgreesWithItsTwinForEveryLengthAndEveryNumberOfMessages) {
  std::mt19937_64 random(5);
  std::string source(1000, '\0');
  for (char& c : source) c = static_cast<char>(random());
  const std::string_view all = source;
  std::size_t length = 0;
  for (std::size_t count = 0; count < 40; ++count) {
    std::vector<Digest> out(count);
    std::vector<Sm3Job> jobs;
    for (auto& digest : out) {
      const auto cut = random() % (length + 1);
      jobs.push_back({{all.substr(0, cut), all.substr(cut, length - cut), all.substr(0, random() % 70)}, &digest});
      length = (length + 1) % 900;
    }
    sm3_batch(jobs);
    for (const auto& job : jobs)
      ASSERT_EQ(*job.digest, sm3_of({as_bytes(job.parts[0]), as_bytes(job.parts[1]), as_bytes(job.parts[2])}));
  }
}

}  // namespace
}  // namespace taxgate::store
