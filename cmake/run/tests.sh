# ./run test: release, asan and tsan builds with their tests, the branches of the rules, fuzz targets, and the promises
# table against what ran.

RESULTS="$ROOT/build/test-results"
FUZZ_SECONDS_IN_TEST=2
TEST_SLOTS=3  # for each processor: most tests of whole programs wait; cmake/TaxgateRooms.cmake names those that compute

# run_ctest PRESET [ctest arguments]: results as gtest XML in build/test-results/PRESET, for the promises phase.
run_ctest() {
  local preset="$1" dir
  shift
  dir="$(build_dir "$preset")"
  rm -rf "${RESULTS:?}/$preset"
  mkdir -p "$RESULTS/$preset"
  if ! ctest --test-dir "$dir" -N "$@" | grep -q 'Total Tests: [1-9]'; then
    missing "test $preset" "no test matches${*:+ $*}"
    return 1
  fi
  loud "test $preset" env GTEST_OUTPUT="xml:$RESULTS/$preset/" GTEST_COLOR=no \
    ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1 \
    TSAN_OPTIONS=second_deadlock_stack=1 ASAN_SYMBOLIZER_PATH="$(command -v llvm-symbolizer-19)" \
    ctest --test-dir "$dir" -j "$((JOBS * TEST_SLOTS))" --timeout 900 --output-on-failure --no-tests=error "$@"
}

# fuzz_one PROGRAM SECONDS: a copy of the corpus, so that the tree stays as it is; a finding is kept and named.
fuzz_one() {
  local program="$1" seconds="$2" target work
  target="$(basename "$program")"
  target="${target#fuzz_}"
  work="$ROOT/build/fuzz/$target"
  mkdir -p "$work/corpus" "$work/findings" "$LOG_DIR"
  if [ -d "tests/fuzz/corpus/$target" ]; then cp -r "tests/fuzz/corpus/$target/." "$work/corpus/"; fi
  "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$work/findings/" "$work/corpus" >"$LOG_DIR/fuzz-$target.log" 2>&1
}

# fuzz_row PROGRAM START STATUS: what became of it.
fuzz_row() {
  local target start="$2" status="$3" count
  target="$(basename "$1")"
  target="${target#fuzz_}"
  count="$(sed -n 's/^stat::number_of_executed_units: *//p' "$LOG_DIR/fuzz-$target.log")"
  if [ $status -eq 0 ]; then
    row "fuzz $target" $(($(now_ms) - start)) "${count:-no} executions"
  else
    tail -30 "$LOG_DIR/fuzz-$target.log" >&2
    row "fuzz $target" $(($(now_ms) - start)) "FAILED, see build/fuzz/$target/findings"
    PHASE_FAILED=1
  fi
}

# One processor each.
fuzz_together() {
  local seconds="$1" start program status
  local -A pids=()
  shift
  start=$(now_ms)
  for program in "$@"; do
    fuzz_one "$program" "$seconds" &
    pids[$program]=$!
  done
  for program in "$@"; do
    status=0
    wait "${pids[$program]}" || status=$?
    fuzz_row "$program" "$start" "$status"
  done
}

fuzz_all() {
  local only="$1" seconds="$2" program found=0
  local -a started=()
  for program in "$ROOT"/build/asan/bin/fuzz_*; do
    [ -x "$program" ] || continue
    if [ -n "$only" ] && [ "$(basename "$program")" != "fuzz_$only" ]; then continue; fi
    found=1
    started+=("$program")
    if [ ${#started[@]} -lt "$JOBS" ]; then continue; fi
    fuzz_together "$seconds" "${started[@]}"
    started=()
  done
  fuzz_together "$seconds" "${started[@]}"
  [ $found -eq 1 ] || missing fuzz "no fuzz target${only:+ named $only} was built"
}

cmd_fuzz() {
  local target="${1:-}" seconds="${2:-60}"
  if [[ "$target" =~ ^[0-9]+$ ]]; then seconds="$target" target=""; fi
  setup_and_build asan
  fuzz_all "$target" "$seconds"
  return "$PHASE_FAILED"
}

# Each test that docs/promises.md names must have run and passed in the release results of this very run.
check_promises() {
  local program="$ROOT/build/bin/tree_checks"
  if [ ! -x "$program" ]; then missing promises "tree_checks was not built"; return; fi
  loud promises "$program" --promises-ran "$RESULTS/release" || true
}

finish() {
  phase_table
  row total $(($(now_ms) - TEST_START)) "$([ "$PHASE_FAILED" -eq 0 ] && echo 'all passed' || echo 'FAILED')"
  exit "$PHASE_FAILED"
}

cmd_test() {
  TEST_START=$(now_ms)
  ensure_packages || exit 1
  # A build that fails in one place still gives the tests of the rest: the report is then complete, and red.
  build release || true
  # system_bench runs each at its smallest size.
  quiet "build benches" ninja -C "$(build_dir release)" -j "$JOBS" -k 0 benches || true
  run_ctest release || true
  check_coverage
  check_promises
  if [ "${TAXGATE_TEST:-}" = quick ]; then finish; fi
  build asan || true
  run_ctest asan || true
  build tsan || true
  run_ctest tsan -R '^(scenario|system)_' || true
  fuzz_all "" "$FUZZ_SECONDS_IN_TEST"
  finish
}
