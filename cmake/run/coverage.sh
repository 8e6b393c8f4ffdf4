# ./run coverage rules: how much of the branches of the law's code (daemon/rules, sources and headers) its own unit tests
# take; exit 1 below 100 %. Only that room is compiled again, with counters, and linked with the objects of the release
# build's unit_rules, its own first, so that the counted copy of an inline function is the one that runs. Left out is one
# thing, which nobody wrote: the branches of comparisons that the compiler makes (`= default`).

COVERED_ROOM=rules

# branch_sides PROGRAM PROFILE FILES...: each side of each branch, "FILE:LINE true|false TIMES".
branch_sides() {
  llvm-cov-19 show "$1" -instr-profile="$2" --show-branches=count "${@:3}" |
    awk '/^\/.*:$/ { file = substr($0, 1, length($0) - 1) }
         /^ *[0-9]+\|/ { made = /= default;/ }
         /Branch \([0-9]/ && !made && !/Folded/ {
           split($0, at, "[(:]"); gsub(/[][,]/, "")
           for (i = 1; i < NF; ++i) if ($i ~ /^(True|False):$/) print file ":" at[2], tolower(substr($i, 1, length($i) - 1)), $(i + 1) }' |
    sed "s#^$ROOT/##"
}

# The figure is left in COVERAGE, the sides that no test takes in DIR/coverage/open.
measure_coverage() {
  local dir="$1" out="$1/coverage" link
  local -a files=(daemon/"$COVERED_ROOM"/*.cpp daemon/"$COVERED_ROOM"/*.h)
  COVERAGE="not measured"
  rm -rf "$out"
  mkdir -p "$out"
  printf '%s\n' daemon/"$COVERED_ROOM"/*.cpp | xargs -P "$JOBS" -I{} sh -c 'clang++-19 -std=c++23 -O1 -I. -I"$0"/gen \
    -fprofile-instr-generate -fcoverage-mapping -c "$1" -o "$0/coverage/$(basename "$1" .cpp).o"' "$dir" {} || return 1
  link="$(ninja -C "$dir" -t commands unit_"$COVERED_ROOM" | grep -e "-o bin/unit_$COVERED_ROOM " | tail -n 1)"
  link="${link/ CMakeFiles\// -fprofile-instr-generate coverage\/*.o CMakeFiles\/}"
  link="${link/-o bin\/unit_$COVERED_ROOM /-o coverage\/unit_$COVERED_ROOM }"
  (cd "$dir" && sh -c "$link") || return 1
  # One seed, so that no branch depends on chance.
  TAXGATE_SEED=1 LLVM_PROFILE_FILE="$out/raw" "$out/unit_$COVERED_ROOM" --gtest_brief=1 >"$out/tests.log" || { tail -n 20 "$out/tests.log"; return 1; }
  llvm-profdata-19 merge -o "$out/profile" "$out/raw" || return 1
  branch_sides "$out/unit_$COVERED_ROOM" "$out/profile" "${files[@]}" >"$out/sides" || return 1
  awk '$3 == 0 { print $1, "never " $2 }' "$out/sides" | sort -u >"$out/open"
  COVERAGE="$(awk '{ ++all; taken += $3 != 0 } END { if (all) printf "%.2f %% of %d branches", 100 * taken / all, all }' "$out/sides")"
  [ -s "$out/sides" ] && [ ! -s "$out/open" ]
}

# A phase of ./run test: its row carries the figure.
check_coverage() {
  local dir status=0 start
  dir="$(build_dir release)"
  start=$(now_ms)
  measure_coverage "$dir" || status=1
  [ $status -eq 0 ] || { PHASE_FAILED=1; cat "$dir/coverage/open" 2>/dev/null || true; }
  row "coverage $COVERED_ROOM" $(($(now_ms) - start)) "$COVERAGE$([ $status -eq 0 ] || echo ', FAILED')"
}

cmd_coverage() {
  if [ "${1:-$COVERED_ROOM}" != "$COVERED_ROOM" ]; then
    echo "run: only the rules' coverage is measured: ./run coverage rules" >&2
    return 2
  fi
  ensure_packages || return 1
  quiet "configure release" cmake --preset release || return 1
  quiet "build unit_$COVERED_ROOM" ninja -C "$(build_dir release)" -j "$JOBS" unit_"$COVERED_ROOM" || return 1
  check_coverage
  awk '{ sub(/:.*/, "", $1); ++all[$1]; taken[$1] += $3 != 0 }
       END { for (f in all) printf "%-32s %4d of %4d\n", f, taken[f], all[f] }' "$(build_dir release)/coverage/sides" | sort
  return "$PHASE_FAILED"
}
