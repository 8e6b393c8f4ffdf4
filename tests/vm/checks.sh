# What ./run system looks at, in order. Each function is a phase; it says what it saw and fails at the first thing that is
# not as documented (docs/units.md, docs/keyd.md).

STAND_REDS=0  # handed in so far, of each seller

# see WHAT COMMAND [REGEX]: the command must succeed in the guest and print something that matches.
see() {
  local what="$1" output status=0
  output="$(vm "$2")" || status=$?
  VM_ASKED=$((VM_ASKED + 1))  # counted in the subshell; its next number must not be used again
  if [ "$status" -ne 0 ] || ! grep -Eq -- "${3:-}" <<<"$output"; then
    printf 'error: %s (status %d%s)\n%s\n' "$what" "$status" "${3:+, wanted: $3}" "$output"
    return 1
  fi
  printf 'seen: %s\n%s\n' "$what" "$output"
}
# see_soon WHAT COMMAND: until it succeeds, asked every second of the guest's time for a minute of it
see_soon() { see "$1" "for i in \$(seq 60); do if $2; then exit 0; fi; sleep 1; done; echo 'not within a minute'; exit 1"; }

SERVE='! systemctl is-active taxgated taxgate-keyd | grep -v "^active"'  # is-active is content with one of several
keys_are() { printf '[ "$(taxgate keys | grep -c " %s ")" = 2 ]' "$1"; }  # keys_are STATE: both of them

# hand_in KEY: one red of that key's taxpayer; leaves its blue number in BLUE
next_blue() { BLUE_N=$STAND_REDS; STAND_REDS=$((STAND_REDS + 1)); }
hand_in() {
  see "red $BLUE_N of taxpayer $1 is accepted" \
    "taxgate submit --seller ${STAND_SELLERS[$1 - 1]} --blue $(stand_blue "$1" "$BLUE_N") --reason 01" '^[0-9a-f-]{36}  '
}
issued() {
  see "red $BLUE_N of taxpayer $1 is signed and issued" \
    "taxgate submit --seller ${STAND_SELLERS[$1 - 1]} --blue $(stand_blue "$1" "$BLUE_N") --reason 01 --wait 120" 'red invoice issued'
}

check_install() {
  see "installed as docs/units.md says" 'tar -C / -xf /dev/vdb && systemd-sysusers && systemd-tmpfiles --create &&
    udevadm control --reload && udevadm trigger --subsystem-match=usb && systemctl daemon-reload && touch /tmp/of-others /var/tmp/of-others' || return 1
  # libccid names the readers it serves by number; an operator enters a new one like this.
  see "libccid is told of the simulator's reader" 'sed -i -e "/<key>ifdVendorID</,/<array>/s#<array>#&<string>0x1209</string>#" \
    -e "/<key>ifdProductID</,/<array>/s#<array>#&<string>0x0002</string>#" \
    -e "/<key>ifdFriendlyName</,/<array>/s#<array>#&<string>Taxgate SIMULATED reader</string>#" /etc/libccid_Info.plist' || return 1
  see "users, directories, modes" 'stat -c "%a %U %n" /etc/taxgate/{secrets,pin,keyd.toml,taxgated.toml} /var/lib/taxgate{,-keyd} | tr "\n" " "' \
    '700 root .*secrets 700 root .*pin 640 root .*keyd.toml 640 root .*taxgated.toml 700 taxgate /var/lib/taxgate 700 taxgate-keyd ' || return 1
  see "the platform starts" 'systemctl enable --now taxgate-sim 2>&1'
}

check_start() {
  see "both services start, and are ready when systemctl returns" \
    "systemctl enable --now taxgate-keyd taxgated 2>&1 && $SERVE" || return 1
  see "readiness, status and watchdog as systemd has them" \
    'systemctl show taxgated taxgate-keyd -p Type,NotifyAccess,StatusText,WatchdogUSec,NRestarts | tr "\n" " "' \
    'WatchdogUSec=30s.*StatusText=serves.*WatchdogUSec=20s.*StatusText=serves' || return 1
  see "a reload is told and ends" "systemctl reload taxgated taxgate-keyd && $SERVE" || return 1
  see "the ledger is imported over the API's socket" 'taxgate import /root/ledger.jsonl' 'added 20' || return 1
  see "the doctor is content before there is a key" 'taxgate doctor' '^0 open' || return 1
  see "exposure as systemd counts it on the running units" \
    'for u in taxgated taxgate-keyd; do systemd-analyze security $u.service --no-pager | tail -1; done' 'exposure level'
}

# A start that cannot go well is not repeated; a person repairs the file.
check_refused() {
  see "a refused configuration is told once, by its own exit status, and not tried again" 'cd /etc/taxgate && cp -p taxgated.toml good &&
    echo "[nonsense]" >>taxgated.toml && ! systemctl restart taxgated 2>&1 && sleep 4 &&
    systemctl show taxgated -p ActiveState,ExecMainStatus,NRestarts | tr "\n" " "' 'ExecMainStatus=78 .*ActiveState=failed|ActiveState=failed .*ExecMainStatus=78' || return 1
  see "with the old file it serves again" 'cd /etc/taxgate && mv good taxgated.toml && systemctl start taxgated && systemctl is-active taxgated'
}

# The same directives, another program: it tries what each of them forbids.
check_confinement() {
  local daemon
  see "probes made of the units" 'for d in taxgated taxgate-keyd; do
      sed -e "s#^ExecStart=.*#ExecStart=/usr/local/sbin/probe $d#" -e "s/^Type=.*/Type=oneshot/" -e "/^NotifyAccess=\|^WatchdogSec=\|^Restart/d" \
        -e "/^ExecReload=/d" -e "/^RuntimeDirectory/d" /lib/systemd/system/$d.service >/run/systemd/system/probe-$d.service
    done; systemctl daemon-reload' || return 1
  for daemon in taxgated taxgate-keyd; do
    see "$daemon may do nothing it need not" "systemctl start probe-$daemon; journalctl -o cat -u probe-$daemon --no-pager | grep -E '^(held|NOT)'; \
      ! journalctl -o cat -u probe-$daemon --no-pager | grep -q 'NOT HELD' && [ \$(systemctl show -p Result --value probe-$daemon) = success ]" '^held' || return 1
  done
  # The probe itself: without the unit it must find much allowed, or it proves nothing. As a user, it can break nothing.
  see "outside of the unit the probe finds the same things allowed" \
    'setpriv --reuid taxgate --regid taxgate --clear-groups probe taxgated | grep -c "NOT HELD"' '^(1[5-9]|[23][0-9])$' || return 1
  # What hangs on the control group, tried by root inside it: devices, packets, number of processes.
  see "taxgated's group: no device, the network, 128 processes" 'g=/sys/fs/cgroup/system.slice/taxgated.service; [ $(cat $g/pids.max) = 128 ] &&
    bash -c "echo \$\$ >$g/cgroup.procs; ! head -c1 /dev/vda && ! head -c1 /dev/bus/usb/001/001 && curl -s -m 5 http://127.0.0.1:8651/clock" 2>&1' 'legal' || return 1
  see "taxgate-keyd's group: USB devices only, no packet, 256 processes" 'g=/sys/fs/cgroup/system.slice/taxgate-keyd.service; [ $(cat $g/pids.max) = 256 ] &&
    bash -c "echo \$\$ >$g/cgroup.procs; ! head -c1 /dev/vda && head -c1 /dev/bus/usb/001/001 | wc -c && ! curl -s -m 2 http://127.0.0.1:8651/clock" 2>&1' '^1' || return 1
  # Debian 12's pcscd does not ask polkit; the rule is asked by hand, about an action as later releases declare it.
  see "polkit lets taxgate-keyd use pcscd, and not taxgated" 'cat >/usr/share/polkit-1/actions/test.policy <<X
<policyconfig><action id="org.debian.pcsc-lite.access_pcsc"><description>x</description><message>x</message>
<defaults><allow_any>no</allow_any><allow_inactive>no</allow_inactive><allow_active>no</allow_active></defaults></action></policyconfig>
X
    ask() { pkcheck --action-id org.debian.pcsc-lite.access_pcsc --process $(systemctl show -p MainPID --value $1); }
    ask taxgate-keyd && ! ask taxgated'
}

check_keys() {
  stand_plug 1 && stand_plug 2 || return 1
  see_soon "both keys are ready: one by libusb, one by libccid and pcscd" "$(keys_are ready)" || return 1
  see "where they are" 'taxgate keys' 'USB 1-1' || return 1
  see "usb-storage had it, and gave it to libusb" 'dmesg | grep "USB Mass Storage device detected"; readlink /sys/bus/usb/devices/1-1:1.0/driver' 'usbfs' || return 1
  see "the udev rule gave the storage key to taxgate-keyd alone, and no sleep" 'd=/sys/bus/usb/devices/1-1; echo $(stat -c "%a %U:%G" /dev/bus/usb/001/$(printf %03d $(cat $d/devnum))) $(cat $d/power/control)' \
    '^660 root:taxgate-keyd on$' || return 1
  see "one worker for each" 'pgrep -P $(systemctl show -p MainPID --value taxgate-keyd) -af -- --worker | wc -l' '^2$' || return 1
  see "the doctor is content" 'taxgate doctor' '^0 open'
}

check_sign() {
  next_blue
  issued 1 && issued 2 &&
    see "the key host's own log has both" 'cut -f 4,5 /var/lib/taxgate-keyd/signing.log' 'signed'
}

check_replug() {
  next_blue
  stand_pull 1; stand_pull 2
  see_soon "both keys are seen to be gone" "$(keys_are gone)" || return 1
  hand_in 1 && hand_in 2 || return 1
  stand_plug 1 && stand_plug 2 || return 1
  issued 1 && issued 2 &&
    see "no PIN try was spent" 'taxgate keys | grep -c "  10  "' '^2$'
}

# Whatever they were doing: opening, logging in, signing. Nobody waits for anything between handing in and pulling.
check_pulled_at_work() {
  next_blue
  hand_in 1 && hand_in 2 || return 1
  stand_pull 1; stand_pull 2
  stand_plug 1 && stand_plug 2 || return 1
  issued 1 && issued 2 &&
    see "no PIN try was spent" 'taxgate keys | grep -c "  10  "' '^2$'
}

check_worker_killed() {
  next_blue
  see "both workers are killed" 'pkill -KILL -P $(systemctl show -p MainPID --value taxgate-keyd) -f -- --worker' || return 1
  issued 1 && issued 2
}

# A loop that hangs is what the watchdog is for; the other daemon goes on, accepted work waits.
check_watchdog() {
  next_blue
  see "both daemons are stopped in their tracks" 'kill -STOP $(systemctl show -p MainPID --value taxgated taxgate-keyd | grep .)' || return 1
  vm 'sleep 30'  # looking costs an emulated processor more than waiting
  see_soon "the watchdog ends both and systemd starts them anew" \
    '[ $(journalctl -u taxgated -u taxgate-keyd --no-pager | grep -c "Watchdog timeout") -ge 2 ] && '"$SERVE" || return 1
  issued 1 && issued 2
}

# The same keys once more, by USB/IP in the guest's own kernel, as a person has them who tries this on one machine.
attach() { printf 'taxgate-sim attach --dir /var/lib/taxgate-sim --serial VMKEY000%s --taxpayer %s --as %s' "$1" "${STAND_SELLERS[$1 - 1]}" "${STAND_AS[$1 - 1]}"; }
check_attached() {
  stand_pull 1; stand_pull 2
  see_soon "both keys are pulled from the machine's ports" "$(keys_are gone)" || return 1
  see "without the module, attach says what to load" "! $(attach 1) 2>&1" 'modprobe vhci_hcd' || return 1
  see "and without root, who may" "modprobe vhci_hcd && ! setpriv --reuid taxgate --regid taxgate --clear-groups $(attach 1) --dir /tmp/own 2>&1" \
    'sim.vhci_rights' || return 1
  see "both are attached" "systemd-run -q --unit=key1 $(attach 1) && systemd-run -q --unit=key2 $(attach 2) && for i in \$(seq 60); do
      [ \$(journalctl -o cat -u key1 -u key2 --no-pager | grep -c ^attached) = 2 ] && break; sleep 1; done; journalctl -o cat -u key1 -u key2 --no-pager" \
    'Bus 00[0-9] Device 0[0-9]*: ID 1209:0001 Taxgate simulator SIMULATED tax key' || return 1
  see_soon "both keys are ready" "$(keys_are ready)" || return 1
  see "where they are" 'taxgate keys; cat /sys/devices/platform/vhci_hcd.0/status | grep -v " 004 "' 'VMKEY0001 .*USB [2-9]-1' || return 1
  see "the udev rule applies" 'p=$(journalctl -o cat -u key1 --no-pager | sed -n "s/^port  *//p") d=/sys/bus/usb/devices/$p
    echo $(stat -c "%a %U:%G" /dev/bus/usb/$(printf %03d/%03d $(cat $d/busnum $d/devnum))) $(cat $d/power/control)' '^660 root:taxgate-keyd on$' || return 1
  next_blue
  issued 1 && issued 2 || return 1
  next_blue
  see "both are pulled" 'systemctl kill -s USR1 key1 key2' || return 1
  see_soon "and seen to be gone" "$(keys_are gone)" || return 1
  hand_in 1 && hand_in 2 || return 1
  see "both are put back" 'systemctl kill -s USR1 key1 key2' || return 1
  issued 1 && issued 2 || return 1
  see "no PIN try was spent" 'taxgate keys | grep -c "  10  "' '^2$' || return 1
  see "one is killed, one ends in order and is gone when it has ended" 'systemctl kill -s KILL key1; systemctl stop key2
    log="$(journalctl -o cat -u key2 --no-pager)"; grep ^detached <<<"$log" && ! ls -d /sys/bus/usb/devices/$(sed -n "s/^port  *//p" <<<"$log" | tail -1)' || return 1
  see_soon "both are seen to be gone" "$(keys_are gone)" || return 1
  stand_plug 1 && stand_plug 2 || return 1
  see_soon "the machine's ports have them again" "$(keys_are ready)"
}

check_upgrade() {
  local other
  for daemon in taxgate-keyd taxgated; do
    next_blue
    other=$([ "$daemon" = taxgated ] && echo taxgate-keyd || echo taxgated)
    see "another $daemon is installed and started; $other is left alone" "before=\$(systemctl show -p MainPID --value $other)
      { cat /usr/bin/$daemon; echo another; } >/usr/bin/$daemon.new && chmod 755 /usr/bin/$daemon.new && mv /usr/bin/$daemon.new /usr/bin/$daemon &&
      systemctl restart $daemon && systemctl is-active $daemon && [ \$before = \$(systemctl show -p MainPID --value $other) ]" || return 1
    issued 1 || return 1
  done
}

check_reboot() {
  next_blue
  stand_pull 1; stand_pull 2
  hand_in 1 && hand_in 2 || return 1
  see "a reboot is asked for" 'systemctl start reboot.target --no-block' || return 1
  vm_wait_boot || return 1
  see_soon "both services came up by themselves" "$SERVE" || return 1
  stand_plug 1 && stand_plug 2 || return 1
  issued 1 && issued 2 &&
    see "they had stopped in order" 'journalctl -b -1 -u taxgated -u taxgate-keyd --no-pager | tail -20' 'Deactivated successfully'
}

checks_all() {
  needed "install" check_install
  needed "start" check_start
  step "refused configuration" check_refused || true
  step "confinement" check_confinement || true
  needed "keys by USB and by reader" check_keys
  step "sign" check_sign || true
  step "pulled and put in again" check_replug || true
  step "pulled at work" check_pulled_at_work || true
  step "worker killed" check_worker_killed || true
  step "attached to its own kernel" check_attached || true
  step "upgrade of one daemon" check_upgrade || true
  step "watchdog" check_watchdog || true
  step "reboot" check_reboot || true
}
