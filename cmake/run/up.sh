# ./run up: simulator, key host and daemon left running. Everything lives in one temporary directory; Ctrl-C ends all of it.

UP_SAMPLES="$ROOT/simulator/sample/sample-invoices.json"
UP_START_SECONDS=20  # a start takes about two; beyond this the log says why

# One key and one account on the platform for each seller of the sample invoices. Buyers who are asked confirm after some
# seconds; the second invoice's refuses.
up_scenario() {
  jq 'def number: (.fpdm // "") + .fphm;
      ([.[] | .xf, .gf] | map(select(. != "个人")) | unique | map({id: ., name: .})) as $taxpayers |
      {seed: 1,
       keys: [to_entries[] | {serial: ("TGSIM" + (10001 + .key | tostring)[1:]), taxpayer: .value.xf, name: .value.xf}],
       platform: {
         counterparty: {rules: ([.[] | {blue_number: number, reaction: "confirm", after_ms: 5000}] | .[1].reaction = "deny")},
         seed: {behaviour: {issue: "automatic", issue_after_ms: 2000}, taxpayers: $taxpayers, invoices: .}}}' "$UP_SAMPLES"
}

up_ledger() {  # the same invoices as a billing server would import them, one a line
  jq -c 'def party: if . == "个人" then {name: .} else {id: ., name: .} end;
         .[] | {number: ((.fpdm // "") + .fphm), type: .fplx, issued_at: .kprq, seller: (.xf | party), buyer: (.gf | party),
                amount: .sum[0], tax: .sum[1], total: .sum[2], use: .fpyt, booking: (.rzzt // ""), status: "0", element: (.tdys // ""),
                lines: [.mx | to_entries[] | .key as $i | .value |
                        {line: ($i + 1), tax_code: .[0], name: .[1], unit: .[2], quantity: .[3], price: .[4], amount: .[5], rate: .[6],
                         tax: .[7], kind: (.[8].fphxz // ""), preference: (.[8].yhzcbs // "")}]}' "$UP_SAMPLES"
}

up_keyd_config() {
  printf 'socket = "%s/keyd.sock"\nstate_directory = "%s/keyd"\nissuer_ca = "%s"\n' "$UP_DIR" "$UP_DIR" "$(jq -r .key_ca "$1")"
  jq -r '.keys[] | "\n[[pin]]\ntaxpayer = \"\(.taxpayer)\"\nfile = \"\(.pin_file)\""' "$1"
}

up_taxgated_config() {
  cat <<TOML
[taxgated]
channel = "simulator"
state_dir = "$UP_DIR/state"

[api]
socket = "$UP_DIR/api.sock"
tcp_port = 0
token_file = "$UP_DIR/api.token"

[platform]
base_url = "$(jq -r .platform_url "$1")"
ca_file = "$(jq -r .platform_ca "$1")"
profile = "$(jq -r .platform_profile "$1")"
signature_header = "$(jq -r .signature_header "$1")"
access_unit = "SIM-ACCESS"
using_unit = "SIM-USING"
settle_ms = 5000

[keys]
socket = "$UP_DIR/keyd.sock"

[queue]
poll_form_ms = 2000
poll_upload_ms = 1000
poll_inbox_ms = 5000
TOML
  jq -r --arg key "$(jq -r .sm4_key_file "$1")" \
    '.keys[] | "\n[[taxpayer]]\nid = \"\(.taxpayer)\"\nname = \"\(.name)\"\nsm4_key_file = \"\($key)\"\nissue = \"auto\""' "$1"
}

# up_start NAME FILE COMMAND...: starts in the background and waits until FILE exists.
up_start() {
  local name="$1" file="$2" i
  shift 2
  "$@" >"$UP_DIR/$name.log" 2>&1 &
  local pid=$!
  UP_PIDS+=("$pid")
  for ((i = 0; i < UP_START_SECONDS * 10; i++)); do
    [ -e "$file" ] && return 0
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  echo "run: $name did not start:" >&2
  tail -5 "$UP_DIR/$name.log" >&2
  exit 1
}

up_end() {
  local i
  for ((i = ${#UP_PIDS[@]} - 1; i >= 0; i--)); do
    kill "${UP_PIDS[i]}" 2>/dev/null || true
    wait "${UP_PIDS[i]}" 2>/dev/null || true
  done
  rm -rf "$UP_DIR"
}

cmd_up() {
  local ready control port program
  setup_and_build release
  for program in taxgate-sim taxgate-keyd taxgated taxgate; do need_program "$program" "./run up"; done
  UP_PIDS=()
  UP_DIR="$(mktemp -d -t taxgate-up.XXXXXX)"
  trap up_end EXIT
  trap 'exit 0' INT TERM
  mkdir -m 700 "$UP_DIR/sim" "$UP_DIR/state" "$UP_DIR/keyd"
  (umask 077 && openssl rand -hex 32 >"$UP_DIR/api.token")
  up_scenario >"$UP_DIR/scenario.json"

  ready="$UP_DIR/sim/ready.json"
  up_start taxgate-sim "$ready" build/bin/taxgate-sim up --dir "$UP_DIR/sim" --scenario "$UP_DIR/scenario.json"
  up_keyd_config "$ready" >"$UP_DIR/keyd.toml"
  up_taxgated_config "$ready" >"$UP_DIR/taxgated.toml"
  up_start taxgate-keyd "$UP_DIR/keyd.sock" \
    env PCSCLITE_CSOCK_NAME="$(jq -r .pcsc_socket "$ready")" build/bin/taxgate-keyd --config "$UP_DIR/keyd.toml"
  up_start taxgated "$UP_DIR/state/api.json" \
    build/bin/taxgated --config "$UP_DIR/taxgated.toml" --lab "$(jq -r .legal_clock "$ready")"

  up_ledger | build/bin/taxgate --socket "$UP_DIR/api.sock" import -

  control="$(jq -r .control_url "$ready")"
  port="$(jq -r .tcp_port "$UP_DIR/state/api.json")"
  cat <<TEXT

Taxgate is running on the simulator's channel (渠道: 模拟). Ctrl-C ends it and removes $UP_DIR.

  socket   $UP_DIR/api.sock
  URL      http://127.0.0.1:$port
  token    $UP_DIR/api.token
  control  $control (simulator: clock, faults, counterparties; docs/simulator.md)
  clock    build/bin/taxgate-sim clock advance 72h --dir $UP_DIR/sim

Hand in a full red, look at it, and see what happened:

  curl --unix-socket $UP_DIR/api.sock http://localhost/v1/submissions -H 'Idempotency-Key: first' --json '{"seller":"91310115TGDM00011U","blue_number":"26990000000000000001","reason":"01"}'
  curl -H "Authorization: Bearer \$(cat $UP_DIR/api.token)" http://127.0.0.1:$port/v1/submissions
  curl --unix-socket $UP_DIR/api.sock http://localhost/v1/events

The same with the command line:

  export TAXGATE_SOCKET=$UP_DIR/api.sock PATH="$ROOT/build/bin:\$PATH"
  taxgate submit --seller 91320106TGDM00038N --blue 26990000000000000003 --reason 02 --line 1:quantity=20 --wait 60
  taxgate status
TEXT
  wait -n "${UP_PIDS[@]}" || true
  echo "run: a program ended by itself; logs:" >&2
  tail -n 3 "$UP_DIR"/*.log >&2
  exit 1
}
