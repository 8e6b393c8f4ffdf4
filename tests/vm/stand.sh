# What ./run system puts into its guest: our install tree, the configuration an operator would write, the virtual platform
# as a service, a ledger. And what stays outside: the virtual keys, one process each, pulled by ending it.
#
# Key 1 (VMKEY0001) is a USB storage device, key 2 (VMKEY0002) a card reader; each belongs to a taxpayer of its own. The
# guest has both as well, as they were made, for taxgate-sim attach; the two of one serial are never in at a time.

VM_RUN="$VM_DIR/run"
VM_TREE="$VM_RUN/tree"
STAND_SELLERS=(91310115TGDM00011U 91340200TGDM0002XD)
STAND_AS=(storage reader)
STAND_INVOICES=10  # blue invoices of each seller, ...0000 to ...0009: one for each red that is asked for
STAND_PIDS=("" "")
STAND_SECONDS=30

stand_blue() { printf '2699%015d%d' "$1" "$2"; }  # stand_blue KEY N: the Nth blue invoice of key's taxpayer

# The sample's first two invoices, each several times under new numbers, issued yesterday: rules look at the date.
stand_invoices() {
  jq --arg day "$(date -d yesterday +%F)" --argjson many "$STAND_INVOICES" '
    [to_entries[:2][] | .key as $seller | .value as $invoice | range($many) as $n |
     $invoice + {kprq: $day, fphm: ("2699" + (("0" * 15 + ($seller + 1 | tostring))[-15:]) + ($n | tostring))} | del(.red)]' \
    "$ROOT/simulator/sample/sample-invoices.json"
}

stand_taxgated_config() {
  local i
  cat <<'TOML'
[taxgated]
channel = "simulator"
state_dir = "/var/lib/taxgate"

[api]
socket = "/run/taxgate/api.sock"

[platform]
base_url = "https://127.0.0.1:8650"
ca_file = "/var/lib/taxgate-sim/platform-ca.pem"
profile = "signed"
signature_header = "access_signature"
access_unit = "SIM-ACCESS"
using_unit = "SIM-USING"
settle_ms = 1000

[keys]
socket = "/run/taxgate-keyd/keyd.sock"

[queue]
poll_form_ms = 1000
poll_upload_ms = 1000
poll_inbox_ms = 60000
retry_max_ms = 2000
TOML
  for i in 0 1; do
    printf '\n[[taxpayer]]\nid = "%s"\nname = "%s"\nsm4_key_file = "credential:secret_sm4"\nissue = "auto"\n' \
      "${STAND_SELLERS[i]}" "${STAND_SELLERS[i]}"
  done
}

stand_keyd_config() {
  local i
  cat <<'TOML'
socket = "/run/taxgate-keyd/keyd.sock"
state_directory = "/var/lib/taxgate-keyd"
allowed_user = "taxgate"
issuer_ca = "/etc/taxgate/key-ca.pem"

[usb]
devices = "/etc/taxgate/usb-devices.toml"
TOML
  for i in 0 1; do printf '\n[[pin]]\ntaxpayer = "%s"\ncredential = "pin_key%d"\n' "${STAND_SELLERS[i]}" $((i + 1)); done
}

# The platform knows the guest's taxpayers and invoices; its secret changes with every start, as nobody else's does.
stand_platform_unit() {
  cat <<'UNIT'
[Unit]
Description=Virtual tax platform (SIMULATED)
Before=taxgated.service
[Service]
ExecStartPre=/bin/rm -f /var/lib/taxgate-sim/ready.json
ExecStart=/usr/bin/taxgate-sim up --dir /var/lib/taxgate-sim --scenario /var/lib/taxgate-sim/scenario.json --port 8650 --control-port 8651
ExecStartPost=/bin/sh -c 'until [ -e /var/lib/taxgate-sim/ready.json ]; do kill -0 $MAINPID || exit 1; sleep 0.2; done; \
  install -m 600 /var/lib/taxgate-sim/platform-sm4.key /etc/taxgate/secrets/sm4'
[Install]
WantedBy=multi-user.target
UNIT
}

# stand_plug KEY: puts it in; returns when it can be found by the guest, which asks about once a second.
stand_plug() {
  local i=$(($1 - 1)) waited
  "$ROOT/build/bin/taxgate-sim" usb --dir "$VM_RUN/keys" --serial "VMKEY000$1" --taxpayer "${STAND_SELLERS[i]}" \
    --as "${STAND_AS[i]}" --socket "$VM_RUN/usb$1" >>"$VM_RUN/key$1.log" 2>&1 &
  STAND_PIDS[i]=$!
  for ((waited = 0; waited < STAND_SECONDS * 10; waited++)); do
    [ -S "$VM_RUN/usb$1" ] && return 0
    sleep 0.1
  done
  cat "$VM_RUN/key$1.log" >&2
  return 1
}

stand_pull() {  # the hard way: as a hand would, in whatever it was doing
  local i=$(($1 - 1))
  [ -n "${STAND_PIDS[i]}" ] || return 0
  kill -KILL "${STAND_PIDS[i]}" 2>/dev/null || true
  wait "${STAND_PIDS[i]}" 2>/dev/null || true
  STAND_PIDS[i]=""
}
stand_stop() { stand_pull 1; stand_pull 2; }

stand_prepare() {
  local i etc="$VM_TREE/etc" sim="$VM_TREE/var/lib/taxgate-sim"
  DESTDIR="$VM_TREE" cmake --install "$ROOT/build" --prefix /usr --strip >/dev/null || return 1
  # Made by their first start, and pulled again: the guest begins without keys.
  for i in 1 2; do stand_plug "$i" || return 1; stand_pull "$i"; done
  rm -f "$VM_RUN"/usb[12]
  mkdir -p "$sim" "$etc/taxgate/pin" "$etc/taxgate/secrets" "$etc/udev/rules.d" "$etc/systemd/system" "$VM_TREE/root"
  cp "$VM_RUN/keys/key-ca.pem" "$etc/taxgate/key-ca.pem"
  cp -r "$VM_RUN"/keys/key-ca.{key,pem} "$VM_RUN"/keys/{keys,pins} "$sim/"
  for i in 1 2; do install -m 600 "$VM_RUN/keys/pins/VMKEY000$i.pin" "$etc/taxgate/pin/key$i"; done
  stand_taxgated_config >"$etc/taxgate/taxgated.toml"
  stand_keyd_config >"$etc/taxgate/keyd.toml"
  # A device that the shipped table does not know, entered as docs/usb.md and the rules file say.
  { cat "$ROOT/udev/usb-devices.toml"; printf '\n[[device]]\nname = "simulator"\nvendor = 0x1209\nproduct = 0x0001\n'; } \
    >"$etc/taxgate/usb-devices.toml"
  echo 'SUBSYSTEM=="usb", ATTR{idVendor}=="1209", ATTR{idProduct}=="0001", ENV{TAXGATE_KEY}="1"' >"$etc/udev/rules.d/59-taxgate.rules"
  install -D -m 755 "$ROOT/tests/vm/probe" "$VM_TREE/usr/local/sbin/probe"
  stand_platform_unit >"$etc/systemd/system/taxgate-sim.service"
  stand_invoices >"$VM_RUN/invoices.json"
  UP_SAMPLES="$VM_RUN/invoices.json" up_ledger >"$VM_TREE/root/ledger.jsonl"
  UP_SAMPLES="$VM_RUN/invoices.json" up_scenario | jq '.keys = [] | .spare_slots = 0 | .profile = "signed" |
    .platform.counterparty.rules |= map(.reaction = "confirm" | .after_ms = 500)' >"$sim/scenario.json"
  tar -C "$VM_TREE" --owner=0 --group=0 -cf "$VM_RUN/payload.tar" .
}
