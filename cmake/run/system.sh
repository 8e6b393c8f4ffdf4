# ./run system: the release build installed on a Debian of its own in QEMU, with systemd, udev, pcscd and libccid at work and
# virtual keys on its USB ports. Its parts are in tests/vm: image, machine, stand (what is installed), checks.

for part in image machine stand checks; do
  # shellcheck source=/dev/null
  . "$ROOT/tests/vm/$part.sh"
done

# step NAME FUNCTION: a phase. needed NAME FUNCTION: one without which the others make no sense.
SYSTEM_BROKEN=0
step() {
  [ "$SYSTEM_BROKEN" -eq 0 ] || return 0
  quiet "$@" && return 0
  if [ -n "$VM_PID" ]; then
    vm 'taxgate keys; taxgate status; journalctl -b -n 80 --no-pager -u taxgated -u taxgate-keyd -u pcscd -u taxgate-sim; dmesg | tail -20' \
      >"$LOG_DIR/${1// /-}-guest.log" 2>&1 || true
    echo "... what the guest says of it: build/log/${1// /-}-guest.log" >&2
  fi
  return 1
}
needed() { step "$@" || SYSTEM_BROKEN=1; }

cmd_system() {
  local image
  TEST_START=$(now_ms)
  if [ "$(id -u)" -ne 0 ]; then echo "run: making the guest's image needs root" >&2; exit 1; fi
  ensure_packages && ensure_packages system || exit 1
  build release || exit 1
  image="$VM_DIR/image-$(vm_image_key)"
  if [ -d "$image" ]; then row "image" 0 "kept from before"; else needed "image" vm_build_image "$image"; fi
  rm -rf "$VM_RUN" && mkdir -p "$VM_RUN"
  trap 'vm_stop; stand_stop' EXIT
  needed "stand" stand_prepare
  needed "boot" vm_start "$image" "$VM_RUN/payload.tar" "$VM_RUN/usb1" "$VM_RUN/usb2"
  checks_all || true
  if [ -n "$VM_PID" ]; then row "(processor time of QEMU)" "$(vm_processor_ms)" "of all phases together"; fi
  vm_stop
  stand_stop
  trap - EXIT
  finish
}
