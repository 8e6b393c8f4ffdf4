# The guest of ./run system as a machine: started, asked, stopped. No KVM (a machine of CI has none), one processor, no
# network; the console goes to a file, commands through a virtio port (agent), USB devices come from sockets.
#
# icount: the guest's time is its own work (2 ns an instruction) while it works, and real time only while it is idle. A
# host that is busy or suspended for a minute thus makes no watchdog of the guest bite and no timeout pass.

VM_PID=""
VM_BOOT_SECONDS=300  # a boot takes fifteen on an idle core; others may work on it
VM_ASK_SECONDS=300   # one command; the longest wait inside is for the watchdog, 30 s
VM_ASKED=0

# vm_start IMAGE PAYLOAD USB-SOCKET...: the disk is the image's, what is written to it lasts as long as the process.
# PAYLOAD is a file the guest sees as its second disk. A device is plugged in when somebody listens on its socket.
vm_start() {
  local image="$1" payload="$2" socket i=0
  local -a usb=()
  shift 2
  for socket in "$@"; do
    i=$((i + 1))
    usb+=(-chardev "socket,id=usb$i,path=$socket,reconnect=1" -device "usb-redir,chardev=usb$i,bus=xhci.0,port=$i")
  done
  rm -f "$VM_RUN"/agent.in "$VM_RUN"/agent.out
  mkfifo "$VM_RUN/agent.in" "$VM_RUN/agent.out"
  qemu-system-x86_64 -nodefaults -no-user-config -display none -machine q35 -accel tcg,tb-size=256 -icount shift=1,sleep=on \
    -rtc clock=vm -cpu max -smp 1 -m 1024 \
    -kernel "$image/vmlinuz" -initrd "$image/initrd.img" \
    -append "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on systemd.show_status=no" \
    -drive "file=$image/root.ext4,format=raw,if=virtio,snapshot=on" -drive "file=$payload,format=raw,if=virtio,readonly=on" \
    -serial "file:$VM_RUN/console" -device virtio-serial-pci -chardev "pipe,id=agent,path=$VM_RUN/agent" \
    -device virtserialport,chardev=agent,name="$VM_AGENT_PORT" -device qemu-xhci,id=xhci "${usb[@]}" \
    >"$VM_RUN/qemu.log" 2>&1 &
  VM_PID=$!
  exec {VM_IN}>"$VM_RUN/agent.in" {VM_OUT}<"$VM_RUN/agent.out"
  vm_wait_boot
}

vm_wait_boot() {
  local line
  if read -r -t "$VM_BOOT_SECONDS" -u "$VM_OUT" line && [ "$line" = ready ]; then return 0; fi
  echo "the guest did not come up; its console:" >&2
  tail -20 "$VM_RUN/console" "$VM_RUN/qemu.log" >&2
  return 1
}

# vm COMMAND: runs it in the guest as root, prints what it printed, returns its status; 255 when no answer came.
vm() {
  local number status output
  VM_ASKED=$((VM_ASKED + 1))
  echo "$VM_ASKED $(base64 -w0 <<<"$1")" >&"$VM_IN"
  while read -r -t "$VM_ASK_SECONDS" -u "$VM_OUT" number status output; do
    [ "$number" = "$VM_ASKED" ] || continue  # of one that was given up
    base64 -d <<<"$output"
    return "$status"
  done
  echo "no answer from the guest within $VM_ASK_SECONDS s" >&2
  return 255
}

# What it has cost so far; on a busy host the clock says little.
vm_processor_ms() { awk '{print ($14 + $15) * 10}' "/proc/$VM_PID/stat" 2>/dev/null || echo 0; }

vm_stop() {
  [ -n "$VM_PID" ] || return 0
  kill "$VM_PID" 2>/dev/null || true
  wait "$VM_PID" 2>/dev/null || true
  VM_PID=""
}
