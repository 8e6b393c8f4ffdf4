# ./run coverage rules: how much of the rules' branches their own tests take. Only daemon/rules is compiled again, with
# counters, and linked with the objects of the release build's unit_rules. Exit 1 below 100 %.

COVERED_ROOM=rules

# Every branch that was never taken one way, as FILE:LINE.
open_branches() {
  llvm-cov-19 show "$1" -instr-profile="$2" --show-branches=count "${@:3}" |
    awk '/^\/.*:$/ { file = $0 } /Branch \(/ && /(True|False): 0[],]/ { split($0, at, "[(:]"); print file at[2] }' |
    sed "s#^$ROOT/##" | sort -u
}

coverage_in() {
  local dir="$1" out="$1/coverage" source object link
  mkdir -p "$out"
  for source in daemon/"$COVERED_ROOM"/*.cpp; do
    object="$out/$(basename "$source" .cpp).o"
    printf '%s\n' "$source" "$object"
  done | xargs -P "$JOBS" -n 2 sh -c 'clang++-19 -std=c++23 -O1 -I. -I"$0"/gen -fprofile-instr-generate \
    -fcoverage-mapping -c "$1" -o "$2"' "$dir" || return 1
  rm -f "$out/librules.a"
  ar rcs "$out/librules.a" "$out"/*.o
  link="$(ninja -C "$dir" -t commands unit_"$COVERED_ROOM" | grep -e "-o bin/unit_$COVERED_ROOM " | tail -n 1)"
  link="${link//libtaxgate_$COVERED_ROOM.a/coverage/librules.a}"
  link="${link/-o bin\/unit_$COVERED_ROOM /-fprofile-instr-generate -o coverage\/unit_$COVERED_ROOM }"
  (cd "$dir" && sh -c "$link") || return 1
  LLVM_PROFILE_FILE="$out/raw" "$out/unit_$COVERED_ROOM" --gtest_brief=1 >"$out/tests.log" || { tail -n 20 "$out/tests.log"; return 1; }
  llvm-profdata-19 merge -o "$out/profile" "$out/raw"
  llvm-cov-19 report "$out/unit_$COVERED_ROOM" -instr-profile="$out/profile" --show-branch-summary daemon/"$COVERED_ROOM"/*.cpp |
    awk 'NF >= 13 && $1 != "Filename" { printf "%-24s %4d branches, %3d open, %s\n", $1, $(NF - 2), $(NF - 1), $NF }'
  open_branches "$out/unit_$COVERED_ROOM" "$out/profile" daemon/"$COVERED_ROOM"/*.cpp >"$out/open"
  if [ -s "$out/open" ]; then
    echo "never taken one way:"
    cat "$out/open"
    return 1
  fi
}

cmd_coverage() {
  if [ "${1:-rules}" != rules ]; then echo "run: only the rules' coverage is measured: ./run coverage rules" >&2; return 2; fi
  ensure_packages || return 1
  quiet "configure release" cmake --preset release || return 1
  quiet "build unit_rules" ninja -C "$(build_dir release)" -j "$JOBS" unit_rules || return 1
  coverage_in "$(build_dir release)"
}
