// The corpora of the fuzz targets, run as ordinary tests.
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/fuzz/json_property.h"
#include "tests/fuzz/records_property.h"
#include "tests/unit/protocol/seeded.h"

namespace taxgate {
namespace {

struct Totals {
  int accepted = 0, refused = 0;
};
template <class Check>
Totals run_corpus(const std::string& target, Check check) {
  auto random = test::seeded();
  Totals out;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(TAXGATE_SOURCE_DIR) + "/tests/fuzz/corpus/" + target)) {
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(in), {});
    ++(check(bytes) ? out.accepted : out.refused);
    for (int i = 0; i < 500; ++i) (void)check(test::damaged(random, bytes));
  }
  return out;
}

TEST(JsonCorpus, KeepsThePromisesOfTheReader) {
  const Totals totals = run_corpus("json", test::check_json);
  EXPECT_GE(totals.accepted, 5);
  EXPECT_GE(totals.refused, 3);
}

TEST(JsonCorpus, ReadsEverySampleInvoiceWithoutAFinding) {
  int samples = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(TAXGATE_SOURCE_DIR) + "/tests/fuzz/corpus/json")) {
    if (!entry.path().filename().string().starts_with("sample_")) continue;
    ++samples;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(in), {});
    api::v1::SubmissionRequest request;
    ASSERT_TRUE(from_json(bytes, request)) << entry.path();
    Findings findings;
    const Invoice blue = read_record(request.blue(), "blue.", true, findings);
    for (const Error& e : findings) ADD_FAILURE() << entry.path() << ": " << e.id << " " << e.field;
    EXPECT_EQ(blue.number, request.blue_number());
    EXPECT_TRUE(parse_reason(request.reason()));
  }
  EXPECT_EQ(samples, 10);
}

TEST(RecordsCorpus, KeepsThePromisesOfTheReaders) {
  const google::protobuf::LogSilencer quiet;  // it reports every text that is not UTF-8
  const Totals totals = run_corpus("records", test::check_stored);
  EXPECT_GE(totals.accepted, 4);
}

}  // namespace
}  // namespace taxgate
