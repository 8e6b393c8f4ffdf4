# Configure and build by preset; benches and lint, which only need a build.

# ccache wants a place that can be written, also where CI has no HOME.
if [ -z "${HOME:-}" ] || [ ! -w "${HOME:-/nonexistent}" ]; then export CCACHE_DIR="$ROOT/build/ccache"; fi

JOBS="${TAXGATE_JOBS:-$(nproc)}"  # TAXGATE_JOBS: fewer on a machine that is shared
build_dir() { if [ "$1" = release ]; then echo "$ROOT/build"; else echo "$ROOT/build/$1"; fi; }

# build PRESET: the asan build carries the fuzz targets too, so that no fourth build of everything is needed.
build() {
  local preset="$1" dir
  local -a extra=()
  case "$preset" in
    release | tsan) ;;
    asan) extra=(-DTAXGATE_FUZZ=ON) ;;
    *) echo "run: no preset '$preset' (release, asan, tsan)" >&2; return 2 ;;
  esac
  dir="$(build_dir "$preset")"
  quiet "configure $preset" cmake --preset "$preset" "${extra[@]}" || return 1
  local -a targets=()
  [ "$preset" != tsan ] || mapfile -t targets < <(threaded_targets "$dir")
  quiet "build $preset" ninja -C "$dir" -j "$JOBS" -k 0 "${targets[@]}"
}

# What runs under TSan: the programs and the tests that drive whole daemons.
threaded_targets() {
  ninja -C "$1" -t targets all | sed -nE 's/^((scenario|system)_[a-z0-9_]+|taxgated?(-[a-z]+)?): phony$/\1/p'
}

setup_and_build() { ensure_packages && build "$1" || exit 1; }

need_program() {
  [ -x "$ROOT/build/bin/$1" ] && return 0
  echo "run: build/bin/$1 is not in this tree yet, so $2 cannot run." >&2
  exit 1
}

bench_names() { (cd "$ROOT/tests/bench" && printf '%s\n' *_bench.cpp | sed 's/_bench\.cpp$//'); }

# run_benches NAME JSON [options]: one, or without a name all; then the status is that of the last that failed.
run_benches() {
  local name="$1" json="$2" status=0
  shift 2
  ninja -C "$ROOT/build" -j "$JOBS" "${name:+bench_}${name:-benches}" >&2 || return 1
  TAXGATE_BENCH_COMMIT="$(git -C "$ROOT" describe --always --dirty --abbrev=7 2>/dev/null || echo unknown)"
  export TAXGATE_BENCH_COMMIT
  for name in ${name:-$(bench_names)}; do
    "$ROOT/build/bin/bench_$name" ${json:+"$json"} "$@" || status=$?
    [ -n "$json" ] || echo
  done
  return $status
}

sources() { git -C "$ROOT" ls-files '*.h' '*.cpp'; }

check_format() { sources | xargs clang-format-19 --dry-run -Werror; }
# A room at a time, as the sanitizer builds compile it: file by file the same headers cost hours.
check_tidy() {
  find "$ROOT/build/lint/CMakeFiles" -name 'unity_*.cxx' | grep -v corpus_ | sort |
    xargs -P "$JOBS" -n 1 clang-tidy-19 -p "$ROOT/build/lint" --quiet --warnings-as-errors='*'
}
# Without precompiled headers, so that an include that is missing is missed.
prepare_tidy() {
  cmake --preset release -B "$ROOT/build/lint" -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON -DCMAKE_UNITY_BUILD=ON &&
    ninja -C "$ROOT/build/lint" -j "$JOBS" taxgate_proto
}
run_lint() {
  quiet "lint format" check_format || true
  quiet "lint prepare" prepare_tidy || true
  quiet "lint tidy" check_tidy || true
  phase_table
  return "$PHASE_FAILED"
}
