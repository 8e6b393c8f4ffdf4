# Phases: each command of ./run is a list of named phases, timed, their noise kept in build/log/.

LOG_DIR="$ROOT/build/log"
PHASE_ROWS=()
PHASE_FAILED=0

now_ms() { local t=${EPOCHREALTIME/,/.}; local s=${t%.*} f=${t#*.}; echo $((s * 1000 + 10#${f:0:3})); }
seconds() { printf '%d.%d' $(($1 / 1000)) $(($1 % 1000 / 100)); }

# row NAME MS RESULT: one line now, and again in the table at the end.
row() {
  PHASE_ROWS+=("$(printf '%-28s %9s s  %s' "$1" "$(seconds "$2")" "$3")")
  echo "${PHASE_ROWS[-1]}"
}

# quiet NAME COMMAND...: output to a log, shown only when the command fails. Returns the command's status.
quiet() {
  local name="$1" log start status=0
  shift
  mkdir -p "$LOG_DIR"
  log="$LOG_DIR/${name// /-}.log"
  start=$(now_ms)
  "$@" >"$log" 2>&1 || status=$?
  if [ $status -eq 0 ]; then
    row "$name" $(($(now_ms) - start)) ok
  else
    grep -E -A4 '(error|FAILED|Error)[: ]' "$log" | head -60 >&2 || true
    echo "... last lines of ${log#"$ROOT"/}:" >&2
    tail -15 "$log" >&2
    row "$name" $(($(now_ms) - start)) FAILED
    PHASE_FAILED=1
  fi
  return $status
}

# loud NAME COMMAND...: the same, the output shown as it comes.
loud() {
  local name="$1" start status=0
  shift
  echo "--- $name"
  start=$(now_ms)
  "$@" || status=$?
  if [ $status -eq 0 ]; then row "$name" $(($(now_ms) - start)) ok; else
    row "$name" $(($(now_ms) - start)) FAILED
    PHASE_FAILED=1
  fi
  return $status
}

missing() {  # missing NAME WHY: a piece this tree does not have; never passed over in silence
  row "$1" 0 "NOT THERE: $2"
  PHASE_FAILED=1
}

phase_table() {
  local line
  echo
  printf '%-28s %11s  %s\n' phase time result
  for line in "${PHASE_ROWS[@]}"; do echo "$line"; done
}
