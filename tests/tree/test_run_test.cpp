// What .ci/run and ./run test promise about sanitizers, fuzzing, the branches of the rules and the whole system, read
// from the files that do it; and the same reading finds each way of dropping it.
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>

#include "tests/tree/tree.h"

namespace taxgate::tree {
namespace {

struct TestRun {
  std::string run, build, rooms, presets, coverage, ci, system, checks, lists;
};

TestRun of_this_tree() {
  return {read(root() / "cmake/run/tests.sh"),
          read(root() / "cmake/run/build.sh"),
          read(root() / "cmake/TaxgateRooms.cmake"),
          read(root() / "CMakePresets.json"),
          read(root() / "cmake/run/coverage.sh"),
          read(root() / ".ci/run"),
          read(root() / "cmake/run/system.sh"),
          read(root() / "tests/vm/checks.sh"),
          read(root() / "CMakeLists.txt")};
}

/// The rooms with a header that a fuzz target reads.
std::set<std::string> fuzzed_directories() {
  std::set<std::string> out;
  for (const auto& file : sources()) {
    if (!file.path.starts_with("tests/fuzz/")) continue;
    for (const auto& line : split(read(root() / file.path), '\n')) {
      const std::string_view begin = "#include \"";
      if (line.starts_with(begin) && !line.starts_with("#include \"tests/"))
        out.insert(line.substr(begin.size(), line.rfind('/') - begin.size()));
    }
  }
  return out;
}

/// The command lines of a shell function, without comments.
std::string function_of(const std::string& script, const std::string& name) {
  const auto begin = script.find("\n" + name + "() {");
  if (begin == std::string::npos) return {};
  std::string out;
  for (const auto& line : split(script.substr(begin, script.find("\n}", begin) - begin), '\n')) {
    const auto comment = line.find(" # ");
    const std::string code = line.substr(0, comment);
    const auto first = code.find_first_not_of(' ');
    if (first != std::string::npos && code[first] != '#') out += code.substr(first) + "\n";
  }
  return out;
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

std::string preset_of(const std::string& presets, const std::string& name) {
  const auto begin = presets.find("\"name\": \"" + name + "\"");
  return begin == std::string::npos ? "" : presets.substr(begin, presets.find("\"name\":", begin + 8) - begin);
}

std::vector<std::string> system_faults(const TestRun& t) {
  std::vector<std::string> out;
  const auto expect = [&out](bool good, const std::string& fault) {
    if (!good) out.push_back(fault);
  };
  expect(has_line(t.ci, "\"$run\" test || failed=1") && has_line(t.ci, "exit $failed"),
         ".ci/run does not run the tests");
  expect(has_line(t.ci, "[ \"${TAXGATE_TEST:-}\" = quick ] || \"$run\" system || failed=1"),
         ".ci/run does not run the system");
  const std::string system = function_of(t.system, "cmd_system"), step = function_of(t.system, "step");
  expect(has_line(system, "checks_all || true") && has_line(system, "finish") &&
             has_line(step, "quiet \"$@\" && return 0"),
         "a phase of ./run system that fails does not fail it");
  const std::string phases = function_of(t.checks, "checks_all");
  const std::regex check("\n(check_[a-z_]+)\\(\\) \\{");
  for (std::sregex_iterator at(t.checks.begin(), t.checks.end(), check), end; at != end; ++at)
    expect(std::regex_search(phases, std::regex("(step|needed) \"[^\"]+\" " + (*at)[1].str() + "( |\n)")),
           "./run system leaves out " + (*at)[1].str());
  return out;
}

std::vector<std::string> faults(const TestRun& t) {
  std::vector<std::string> out;
  const auto expect = [&out](bool good, const std::string& fault) {
    if (!good) out.push_back(fault);
  };
  const std::string test = function_of(t.run, "cmd_test"), ctest = function_of(t.run, "run_ctest"),
                    fuzz = function_of(t.run, "fuzz_one") + function_of(t.run, "fuzz_row"),
                    build = function_of(t.build, "build"), threaded = function_of(t.build, "threaded_targets");
  expect(has_line(test, "build asan || true") && has_line(test, "run_ctest asan || true"),
         "asan does not run everything");
  expect(has_line(test, "build tsan || true") && has_line(test, "run_ctest tsan -R '^(scenario|system)_' || true"),
         "tsan does not run the whole-stack tests");
  expect(test.find("ninja -C \"$(build_dir release)\" -j \"$JOBS\" -k 0 benches") != std::string::npos,
         "benchmarks are not even built");
  expect(has_line(test, "fuzz_all \"\" \"$FUZZ_SECONDS_IN_TEST\""), "fuzz targets do not run");
  expect(has_line(function_of(t.run, "fuzz_together"), "wait \"${pids[$program]}\" || status=$?") &&
             has_line(function_of(t.run, "fuzz_together"), "fuzz_row \"$program\" \"$start\" \"$status\"") &&
             has_line(fuzz, "PHASE_FAILED=1"),
         "a finding of a fuzz target does not fail the run");
  expect(test.find("check_promises") != std::string::npos, "the promises are not held against what ran");
  expect(std::regex_search(t.run, std::regex("FUZZ_SECONDS_IN_TEST=[1-9]")), "fuzzing takes no time");
  expect(fuzz.find("number_of_executed_units") != std::string::npos &&
             fuzz.find("$LOG_DIR/fuzz-$target.log") != std::string::npos &&
             fuzz.find("executions") != std::string::npos,
         "executions are not printed");
  expect(t.rooms.find("target_compile_options(${target} PRIVATE -fsanitize-coverage=inline-8bit-counters,") !=
                 std::string::npos &&
             has_line(t.rooms, "      taxgate_fuzzed(taxgate_${name})") &&
             has_line(t.rooms, "      taxgate_fuzzed(fuzz_${base})"),
         "nothing steers the fuzz targets");
  static const auto directories = fuzzed_directories();  // once: it reads the tree
  for (const auto& directory : directories)
    expect(std::ranges::any_of(split(t.lists, '\n'),
                               [&](const std::string& line) {
                                 return line.starts_with("taxgate_room(") &&
                                        line.find(" FUZZED ") != std::string::npos &&
                                        line.find("DIR " + directory + " ") != std::string::npos;
                               }),
           "fuzzing is not steered in " + directory);
  expect(build.find("asan) extra=(-DTAXGATE_FUZZ=ON)") != std::string::npos, "the asan build has no fuzz targets");
  expect(build.find("[ \"$preset\" != tsan ] || mapfile -t targets") != std::string::npos &&
             build.find("-k 0 \"${targets[@]}\"") != std::string::npos,
         "asan does not build all");
  expect(threaded.find("(scenario|system)_") != std::string::npos &&
             threaded.find("taxgated?(-[a-z]+)?") != std::string::npos,
         "tsan does not build the programs and their tests");
  expect(preset_of(t.presets, "asan").find("\"TAXGATE_SANITIZE\": \"address,undefined\"") != std::string::npos,
         "the asan preset lacks a sanitizer");
  expect(preset_of(t.presets, "tsan").find("\"TAXGATE_SANITIZE\": \"thread\"") != std::string::npos,
         "the tsan preset lacks its sanitizer");
  expect(t.rooms.find("add_compile_options(-fsanitize=${TAXGATE_SANITIZE} -fno-sanitize-recover=all") !=
                 std::string::npos &&
             t.rooms.find("add_link_options(-fsanitize=${TAXGATE_SANITIZE})") != std::string::npos,
         "the sanitizers do not reach the compiler, or their findings do not stop the program");
  for (const auto* text : {&t.run, &t.build, &t.rooms, &t.presets})
    expect(!std::regex_search(*text, std::regex("suppressions|detect_leaks=0|halt_on_error=0|exitcode=0|report_bugs=0|"
                                                "-fsanitize-ignorelist|-fsanitize-blacklist|-fno-sanitize=")),
           "a finding is suppressed");
  expect(
      t.run.find("ignore_noninstrumented_modules") == std::string::npos &&
          std::regex_search(t.rooms, std::regex("set_tests_properties\\(system_usb system_usb_ladder system_usb_unplug "
                                                "PROPERTIES\\s+ENVIRONMENT \"TSAN_OPTIONS=[^\"]*"
                                                "ignore_noninstrumented_modules=1\"")),
      "libraries are not looked at elsewhere than on the virtual USB bus");
  expect(ctest.find("--no-tests=error") != std::string::npos, "no test at all passes for all tests");
  const std::string measured = function_of(t.coverage, "measure_coverage"),
                    checked = function_of(t.coverage, "check_coverage");
  expect(has_line(test, "check_coverage"), "the branches of the rules are not counted");
  expect(has_line(t.coverage, "COVERED_ROOM=rules") &&
             measured.find("daemon/\"$COVERED_ROOM\"/*.cpp daemon/\"$COVERED_ROOM\"/*.h") != std::string::npos &&
             t.coverage.find("ignore-filename") == std::string::npos,
         "a part of the rules is not counted");
  expect(has_line(measured, "[ -s \"$out/sides\" ] && [ ! -s \"$out/open\" ]") &&
             measured.find("'$3 == 0 { print") != std::string::npos,
         "branches that no test takes are let pass");
  for (const auto& fault : system_faults(t)) out.push_back(fault);
  expect(checked.find("|| { PHASE_FAILED=1;") != std::string::npos && checked.find("$COVERAGE") != std::string::npos,
         "the figure is not printed, or does not fail the run");
  return out;
}

TEST(TestRun, RunsEveryTestUnderAsanTheWholeStackUnderTsanAndEveryFuzzTarget) {
  for (const auto& fault : faults(of_this_tree())) ADD_FAILURE() << fault;
}

TEST(TestRun, IsFoundWantingWhenASanitizerIsDroppedOrAFindingSuppressed) {
  const auto broken = [](std::string TestRun::* file, const std::string& from, const std::string& to) {
    TestRun t = of_this_tree();
    std::string& text = t.*file;
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    const auto found = faults(t);
    EXPECT_EQ(found.size(), 1U) << from << " → " << to;
  };
  broken(&TestRun::run, "  run_ctest asan || true\n", "");
  broken(&TestRun::run, "run_ctest asan || true", "run_ctest asan -R unit_ || true");
  broken(&TestRun::run, "  run_ctest tsan", "  # run_ctest tsan");
  broken(&TestRun::run, "'^(scenario|system)_'", "'^system_business'");
  broken(&TestRun::run, "  fuzz_all \"\" \"$FUZZ_SECONDS_IN_TEST\"\n", "");
  broken(&TestRun::run, " || status=$?\n    fuzz_row", " || true\n    fuzz_row");
  broken(&TestRun::run, "TSAN_OPTIONS=", "TSAN_OPTIONS=suppressions=known.txt:");
  broken(&TestRun::run, "ASAN_OPTIONS=", "ASAN_OPTIONS=detect_leaks=0:");
  broken(&TestRun::run, "TSAN_OPTIONS=", "TSAN_OPTIONS=ignore_noninstrumented_modules=1:");
  broken(&TestRun::build, "asan) extra=(-DTAXGATE_FUZZ=ON)", "asan)");
  broken(&TestRun::build, "[ \"$preset\" != tsan ] ||", "[ \"$preset\" = release ] ||");
  broken(&TestRun::presets, "address,undefined", "address");
  broken(&TestRun::presets, "\"thread\"", "\"\"");
  broken(&TestRun::rooms, " -fno-sanitize-recover=all", "");
  broken(&TestRun::run, "  check_coverage\n", "");
  broken(&TestRun::run, "-k 0 benches", "-k 0 bench_rules");
  broken(&TestRun::coverage, " && [ ! -s \"$out/open\" ]", "");
  broken(&TestRun::coverage, " daemon/\"$COVERED_ROOM\"/*.h", "");
  broken(&TestRun::coverage, "PHASE_FAILED=1;", "");
  broken(&TestRun::lists, "FUZZED DIR daemon/store", "DIR daemon/store");
  broken(&TestRun::rooms, "      taxgate_fuzzed(taxgate_${name})\n", "");
  broken(&TestRun::ci, "\"$run\" test || failed=1", "\"$run\" test || true");
  broken(&TestRun::ci, "|| \"$run\" system", "|| true \"$run\" system");
  broken(&TestRun::system, "checks_all || true", "true");
  broken(&TestRun::checks, "  step \"watchdog\" check_watchdog || true\n", "");
}

TEST(TestRun, EveryFuzzTargetHasACorpusOfItsOwn) {
  int targets = 0;
  for (const auto& file : sources()) {
    const std::string& path = file.path;
    if (!path.starts_with("tests/fuzz/") || !path.ends_with("_fuzz.cpp")) continue;
    ++targets;
    const std::string name = path.substr(11, path.size() - 11 - 9);
    const auto corpus = root() / "tests/fuzz/corpus" / name;
    ASSERT_TRUE(std::filesystem::is_directory(corpus)) << name << " has no corpus";
    const auto inputs =
        std::distance(std::filesystem::directory_iterator(corpus), std::filesystem::directory_iterator());
    EXPECT_GE(inputs, 2) << name;
  }
  EXPECT_GE(targets, 7) << "APDU, XML, JSON, HTTP, Leqi, records, stored records";
  EXPECT_NE(read(root() / "cmake/TaxgateRooms.cmake").find("add_test(NAME corpus_${base} COMMAND corpus_${base}"),
            std::string::npos)
      << "corpora are not ordinary tests";
}

}  // namespace
}  // namespace taxgate::tree
