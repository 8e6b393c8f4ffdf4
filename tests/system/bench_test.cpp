// Every benchmark program at its smallest size: that it runs, compares, names each contestant and prints rows of the
// one form; and that a result that is not right ends it without a time. No test here looks at how long anything took.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>

#include "tests/bench/postgres_rival.h"
#include "tests/bench/program.h"
#include "tests/bench/sync_verdict.h"
#include "tests/system/shell.h"

namespace taxgate::bench {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

const std::string kTree = TAXGATE_SOURCE_DIR;

std::string program(const std::string& name) { return std::string(TAXGATE_BIN_DIR) + "/bench_" + name; }

/// Names of tests/bench/*_bench.cpp.
std::set<std::string> all_benches() {
  std::set<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(kTree + "/tests/bench")) {
    const std::string file = entry.path().filename();
    constexpr std::string_view kEnd = "_bench.cpp";
    if (file.ends_with(kEnd)) out.insert(file.substr(0, file.size() - kEnd.size()));
  }
  return out;
}

/// What every row must say (docs/benchmarks.md); a program's own members come after.
void expect_row(const json::object& row, const std::string& bench) {
  const auto text = [&](const char* name) {
    const auto* value = row.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
  };
  EXPECT_EQ(text("bench"), bench);
  for (const char* name : {"variant", "unit", "machine", "commit"}) EXPECT_NE(text(name), "") << name;
  ASSERT_TRUE(row.contains("parameters") && row.at("parameters").is_object());
  ASSERT_TRUE(row.contains("verified") && row.at("verified").is_bool());
  EXPECT_TRUE(row.at("verified").get_bool());
  std::map<std::string, double> figures;
  for (const char* name :
       {"median", "min", "max", "rounds", "seconds", "cpu_seconds", "per_second", "rss_mb", "checked"}) {
    ASSERT_TRUE(row.contains(name) && row.at(name).is_number()) << name;
    figures[name] = row.at(name).to_number<double>();
    EXPECT_GE(figures[name], 0) << name;
  }
  for (const char* name : {"rounds", "seconds", "checked"}) EXPECT_GT(figures[name], 0) << name;
  EXPECT_LE(figures["min"], figures["median"]);
  EXPECT_LE(figures["median"], figures["max"]);
  const bool counts_wake_ups = text("unit") == "wake-ups";  // of which there may be none
  if (!counts_wake_ups) {
    EXPECT_GT(figures["min"], 0);
    EXPECT_GT(figures["per_second"], 0);
  }
}

using Rows = std::map<std::string, json::object>;  // by variant

/// Runs a benchmark with --json; each line must be a row of it, no variant twice.
Rows rows_of(const std::string& bench, const std::string& options) {
  Rows rows;
  EXPECT_TRUE(std::filesystem::exists(program(bench))) << "not built: ninja -C build benches";
  const std::string trouble = ::testing::TempDir() + "taxgate-bench-" + bench + ".err";
  const auto ran = tests::run_in_shell("(" + program(bench) + " --json " + options + " 2>" + trouble + ")");
  std::ifstream said(trouble);
  EXPECT_EQ(ran.exit, 0) << ran.out << std::string{std::istreambuf_iterator<char>(said), {}};
  std::filesystem::remove(trouble);
  std::istringstream lines(ran.out);
  for (std::string line; std::getline(lines, line);) {
    SCOPED_TRACE(line);
    boost::system::error_code error;
    const auto value = json::parse(line, error);
    EXPECT_TRUE(!error && value.is_object());
    if (error || !value.is_object()) continue;
    const auto& row = value.get_object();
    expect_row(row, bench);
    if (row.contains("variant"))
      EXPECT_TRUE(rows.emplace(row.at("variant").as_string(), row).second) << "a variant twice";
  }
  return rows;
}

std::set<std::string> variants(const Rows& rows) {
  std::set<std::string> out;
  for (const auto& [variant, row] : rows) out.insert(variant);
  return out;
}

double figure(const Rows& rows, const std::string& variant, const char* name) {
  const auto row = rows.find(variant);
  if (row == rows.end() || !row->second.contains(name)) return -1;
  return row->second.at(name).to_number<double>();
}

TEST(BenchPrograms, AcceptStoresWhatItAnswersBesideFloorRivalAndBound) {
  const auto rows = rows_of("accept", "--rounds 1 --milliseconds 100");
  EXPECT_EQ(variants(rows), (std::set<std::string>{"floor", "accept", "one commit a request", "a journal alone"}));
  EXPECT_EQ(figure(rows, "accept", "checked"), figure(rows, "accept", "answered"));
  for (const char* name : {"over_rival", "commits", "p50_ms", "p99_ms", "percent_of_floor"})
    EXPECT_GT(figure(rows, "accept", name), 0) << name;
}

TEST(BenchPrograms, SignVerifiesTheSignaturesOfBareCardAndKeyHost) {
  const auto rows = rows_of("sign", "--rounds 1 --signatures 10 --asleep");
  EXPECT_EQ(variants(rows), (std::set<std::string>{"bare", "keyd and worker", "keyd, verifying",
                                                   "keyd, verifying, log beside the card on disk",
                                                   "keyd, verifying, log before the card on disk", "verification"}));
  for (const auto& [variant, row] : rows) {
    EXPECT_EQ(figure(rows, variant, "checked"), 10) << variant;
    EXPECT_EQ(row.contains("over_bare_us"), variant.starts_with("keyd")) << variant;
  }
}

TEST(BenchPrograms, PoolVerifiesEverySignatureOfOneTwoAndFourKeys) {
  const auto rows = rows_of("pool", "--rounds 1 --signatures 10 --key-ms 10");
  EXPECT_EQ(variants(rows), (std::set<std::string>{"1 key", "2 keys", "4 keys"}));
  EXPECT_EQ(figure(rows, "1 key", "checked"), 10);
  EXPECT_EQ(figure(rows, "2 keys", "checked"), 20);
  EXPECT_EQ(figure(rows, "4 keys", "checked"), 40);
  EXPECT_GT(figure(rows, "4 keys", "times_one"), 0);
}

TEST(BenchPrograms, IdleLooksAtLivingProcessesAndCountsWhatIsOpenAfterTheStart) {
  const auto rows = rows_of("idle", "--settle 0 --seconds 1 --rounds 1 --open 100");
  EXPECT_THAT(variants(rows),
              IsSupersetOf({"taxgated", "taxgate-keyd", "keyd's child 1", "start with open submissions"}));
  EXPECT_EQ(figure(rows, "start with open submissions", "checked"), 100);
  EXPECT_GT(figure(rows, "taxgated", "rss_mb"), 0);
}

TEST(BenchPrograms, RulesCompareEveryVerdict) {
  const auto rows = rows_of("rules", "--rounds 1 --passes 1");
  EXPECT_EQ(variants(rows), (std::set<std::string>{"judge, nothing found", "judge, mixed", "decide, nothing found"}));
  for (const auto& [variant, row] : rows) EXPECT_EQ(figure(rows, variant, "checked"), 256) << variant;
}

TEST(BenchPrograms, UsbCountsTheSameCommandsOnBothCards) {
  const auto rows = rows_of("usb", "--seconds 1");
  EXPECT_EQ(variants(rows), (std::set<std::string>{"bare libusb loop", "driver"}));
  EXPECT_EQ(figure(rows, "driver", "checked"), figure(rows, "bare libusb loop", "checked"));
  EXPECT_GT(figure(rows, "driver", "percent_of_bare"), 0);
}

TEST(BenchPrograms, SyncComparesItsNightsWithThoseOfEveryRivalThatIsInstalled) {
  const bool postgres = !postgres_programs().empty();
  constexpr int kRecords = 12'000;  // two pages
  const auto rows = rows_of("sync", fmt::format("--records {} --rounds 1{}", kRecords, postgres ? " --postgres" : ""));
  std::set<std::string> rivals{"SQLite UPSERT", "SQLite scan and compare", "LMDB cursor merge",
                               "RocksDB iterator merge"};
  if (postgres) rivals.insert("PostgreSQL COPY + MERGE");
  std::set<std::string> wanted{"first load (facts, changes, status)",
                               "first load: SQLite bulk insert, same rows",
                               "random order: kernel alone",
                               "json: bounds, number, hash, lookup",
                               "base64 portable",
                               "sm4 portable"};
  for (const std::string spread : {"even", "clustered"}) {
    for (const char* ours : {"kernel alone", "changes durable", "status applied", "applied, log copied"})
      wanted.insert(fmt::format("{}: {}", spread, ours));
    for (const auto& rival : rivals) {
      const auto variant = fmt::format("{}: {}", spread, rival);
      wanted.insert(variant);
      EXPECT_GT(figure(rows, variant, "over_durable"), 0) << variant;
      EXPECT_GT(figure(rows, variant, "over_applied"), 0) << variant;
    }
  }
  EXPECT_THAT(variants(rows), IsSupersetOf(wanted));
  for (const auto& [variant, row] : rows) EXPECT_EQ(figure(rows, variant, "checked"), kRecords) << variant;
}

TEST(BenchPrograms, NightComparesEveryStatusOfTheGatewayAndOfTheScript) {
  // Where Debian's package is missing the program says so and takes no part of the script.
  const bool script = std::system("/usr/bin/python3 -c 'import cryptography' 2>/dev/null") == 0;
  constexpr int kRecords = 1000;
  const auto rows = rows_of("night", fmt::format("--records {} --rounds 1 --submissions 20 --alone 1{}", kRecords,
                                                 script ? "" : " --no-rivals"));
  std::set<std::string> wanted{"first load", "1 % changed", "nothing changed"};
  if (script)
    wanted.merge(std::set<std::string>{"script, SM4 in C: first load", "script, SM4 in C: 1 % changed",
                                       "script, SM4 in Python: first", "script, SM4 in Python: 1 %"});
  for (const auto& variant : wanted) {
    EXPECT_EQ(figure(rows, variant, "checked"), kRecords) << variant;
    EXPECT_GT(figure(rows, variant, "cpu_seconds_per_million"), 0) << variant;
  }
  wanted.merge(std::set<std::string>{"submissions alone", "submissions while a night runs"});
  EXPECT_EQ(variants(rows), wanted);
  EXPECT_EQ(figure(rows, "submissions alone", "checked"), 20);
  EXPECT_GT(figure(rows, "submissions while a night runs", "p99_ms"), 0);
}

TEST(BenchPrograms, EachHasItsTestHereAndItsPlaceInTheDocuments) {
  std::ifstream self(kTree + "/tests/system/bench_test.cpp"), page(kTree + "/docs/benchmarks.md");
  const std::string tests{std::istreambuf_iterator<char>(self), {}}, docs{std::istreambuf_iterator<char>(page), {}};
  ASSERT_EQ(all_benches().size(), 8U);
  std::string list = docs.substr(docs.find("./run bench [") + 13);
  list = "|" + list.substr(0, list.find(']')) + "|";
  for (const auto& name : all_benches()) {
    const auto stands_in = [](const std::string& text, const std::string& what) {
      EXPECT_NE(text.find(what), std::string::npos) << what;
    };
    stands_in(list, "|" + name + "|");
    stands_in(docs, "\n| " + name + " |");
    EXPECT_TRUE(std::regex_search(tests, std::regex("rows_of\\(\\s*\"" + name + "\""))) << "no test runs " << name;
  }
}

TEST(BenchPrograms, RefuseWhatTheyDoNotUnderstandAndTellWhatTheyDo) {
  for (const auto& name : all_benches()) {
    const auto wrong = tests::run_in_shell(program(name) + " --json --recrods 5");
    EXPECT_EQ(wrong.exit, 2) << name;
    EXPECT_THAT(wrong.out, HasSubstr("no option '--recrods'")) << name;
    const auto help = tests::run_in_shell(program(name) + " --help");
    EXPECT_EQ(help.exit, 0) << name;
    EXPECT_THAT(help.out, HasSubstr("--json")) << name;
  }
  for (const std::string value : {"", "no", "1.5", "0", "1001", "5x"}) {
    const auto ran = tests::run_in_shell(program("rules") + " --rounds " + value);
    EXPECT_EQ(ran.exit, 2) << value;
    EXPECT_THAT(ran.out, HasSubstr("--rounds takes a whole number from 1 to 1000, not '" + value + "'"));
  }
}

TEST(BenchPrograms, ForPeoplePrintCommitMachineAndGoal) {
  const auto ran = tests::run_in_shell("TAXGATE_BENCH_COMMIT=abc1234 " + program("rules") + " --rounds 1 --passes 1");
  EXPECT_EQ(ran.exit, 0);
  EXPECT_THAT(ran.out, HasSubstr("bench rules: commit abc1234, "));
  EXPECT_THAT(ran.out, HasSubstr("judge, mixed"));
  EXPECT_THAT(ran.out, HasSubstr("goal: 1000000 checks"));
}

TEST(BenchFrontDoor, NamesTheBenchmarksWhenOneIsUnknownAndBuildsNothing) {
  for (const std::string arguments : {"bench nosuch", "bench --rounds 3", "bench --json --rounds 3 rules"}) {
    const auto ran = tests::run_in_shell(kTree + "/run " + arguments);
    EXPECT_EQ(ran.exit, 2) << arguments << ": " << ran.out;
    for (const auto& name : all_benches()) EXPECT_THAT(ran.out, HasSubstr(name)) << arguments;
    EXPECT_THAT(ran.out, Not(HasSubstr("configure"))) << arguments;
  }
}

// ---- a result that is not right

TEST(BenchVerdict, IsWholeOnlyWhenEachResultCameOnceAndRight) {
  const auto judged = [](const std::vector<std::pair<std::uint64_t, bool>>& results) -> std::string {
    Tally tally("rival", 3);
    for (const auto& [index, right] : results) tally.saw(index, right);
    try {
      return fmt::format("{}", tally.whole());
    } catch (const std::exception& problem) {
      return problem.what();
    }
  };
  EXPECT_EQ(judged({{2, true}, {0, true}, {1, true}}), "3");
  EXPECT_EQ(judged({{0, true}, {1, true}}),
            "rival: of 3 results 2 are right, 0 wrong, 1 missing, 0 doubled, 0 foreign");
  EXPECT_THAT(judged({{0, true}, {1, false}, {2, true}}), HasSubstr("1 wrong, 0 missing"));
  EXPECT_THAT(judged({{0, true}, {1, true}, {1, true}}), HasSubstr("1 missing, 1 doubled"));
  EXPECT_THAT(judged({{0, true}, {1, true}, {2, true}, {2, true}}), HasSubstr("0 missing, 1 doubled"));
  EXPECT_THAT(judged({{0, true}, {1, true}, {2, true}, {3, true}}), HasSubstr("1 foreign"));
  EXPECT_THROW(Tally("nothing", 0).whole(), std::runtime_error) << "nothing compared is not all right";
  EXPECT_THROW(expect_count("rows", 3, 2), std::runtime_error);
  EXPECT_THROW(expect_count("rows", 0, 0), std::runtime_error);
  EXPECT_EQ(expect_count("rows", 3, 3), 3U);
}

/// A rival that has what the platform showed, but for one mistake.
class FakeRival final : public Rival {
 public:
  std::vector<std::pair<std::uint64_t, std::uint64_t>> rows;
  const char* name() const override { return "fake"; }
  void begin() override {}
  void record(const listing::Record& shown) override { rows.emplace_back(shown.key.rest, shown.status.bits); }
  void commit() override {}
  void end() override {}
  void each(const std::function<void(std::uint64_t, std::uint64_t)>& each) override {
    for (const auto& [rest, bits] : rows) each(rest, bits);
  }
};

class BenchNight : public ::testing::Test {
 protected:
  static constexpr World kWorld{1000, 0.01, false};
  static constexpr std::uint64_t kRound = 2;

  void SetUp() override {
    Pages pages(listing::Form::protobuf, kWorld);
    const auto page = pages.page(0, kWorld.records, kRound, kRound, [](std::uint64_t i) { return i; });
    std::vector<listing::Slice> slices;
    take(listing::split(listing::Form::protobuf, as_bytes(page), slices), "split");
    for (const auto& s : slices)
      rival.record(take(listing::decode(listing::Form::protobuf, 1, as_bytes(page).subspan(s.at, s.size)), "record"));
  }
  FakeRival rival;
};

TEST_F(BenchNight, OfARivalPassesOnlyWithEveryStatusOfTheLastRound) {
  EXPECT_EQ(check_rival(rival, kWorld, kRound, kRound), kWorld.records);
  EXPECT_THROW(check_rival(rival, kWorld, kRound - 1, kRound), std::runtime_error) << "the lock of another round";
  EXPECT_THROW(check_rival(rival, kWorld, kRound, kRound - 1), std::runtime_error) << "abnormal in another round";
}

TEST_F(BenchNight, OfARivalFailsWithAStatusChangedARecordLeftOutADoubleAndAStranger) {
  const auto good = rival.rows;
  const auto fails = [&](const char* what) {
    EXPECT_THROW(check_rival(rival, kWorld, kRound, kRound), std::runtime_error) << what;
    rival.rows = good;
  };
  PlatformStatus status{good[500].second};
  status.set(StatusField::lock, *status_code("Y"));
  rival.rows[500].second = status.bits;
  fails("one status is wrong");
  rival.rows.pop_back();
  fails("one is missing");
  rival.rows.back() = rival.rows.front();
  fails("one is there twice and another is not, the number is right");
  rival.rows.back().first += 1;
  fails("a number the platform never showed");
}

std::string output_of(const std::function<void(bool)>& measure, int& exit) {
  std::array<std::string, 2> words{"bench_x", "--json"};
  std::array<char*, 2> argv{words[0].data(), words[1].data()};
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  exit = Program("x", "nothing").run(2, argv.data(), measure);
  std::fflush(stdout);
  ::testing::internal::GetCapturedStderr();
  return ::testing::internal::GetCapturedStdout();
}

TEST(BenchVerdict, AWrongResultIsVerifiedFalseAndExitCodeOneWithoutATime) {
  int exit = 0;
  const auto out = output_of(
      [](bool) {
        Tally tally("a \"rival\"", 2);
        tally.saw(0, true);
        tally.whole();
        Row{.bench = "x", .variant = "v", .of_rounds = {1}, .checked = 1}.print_json();
      },
      exit);
  EXPECT_EQ(exit, 1);
  const auto value = json::parse(out);
  EXPECT_EQ(value.at("verified"), json::value(false));
  EXPECT_EQ(value.at("bench"), json::value("x"));
  EXPECT_THAT(std::string(value.at("error").as_string()), HasSubstr("1 missing"));
  EXPECT_FALSE(value.as_object().contains("seconds"));
}

TEST(BenchVerdict, ARowWithoutAComparisonAMeasurementOrANumberIsNotPrinted) {
  const Row good{.bench = "x", .variant = "v", .unit = "s", .of_rounds = {1, 3}, .seconds = 4, .checked = 2};
  EXPECT_EQ(json::parse(good.json()).at("median").to_number<double>(), 2);
  const auto refused = [&](const std::function<void(Row&)>& spoil) {
    Row row = good;
    spoil(row);
    int exit = 0;
    output_of([&](bool) { row.print_json(); }, exit);
    return exit == 1;
  };
  EXPECT_FALSE(refused([](Row&) {}));
  EXPECT_TRUE(refused([](Row& r) { r.checked = 0; }));
  EXPECT_TRUE(refused([](Row& r) { r.of_rounds.clear(); }));
  EXPECT_TRUE(refused([](Row& r) { r.of_rounds.push_back(std::numeric_limits<double>::infinity()); }));
  EXPECT_TRUE(refused([](Row& r) { r.per_second = std::numeric_limits<double>::quiet_NaN(); }));
}

}  // namespace
}  // namespace taxgate::bench
