# The guest of ./run system: a Debian 12 with systemd, udev, pcscd and libccid as a customer's server has them, made from
# Debian packages only. Kept in build/system/image-KEY; the key is made of what decides its content: the two files below
# and the package lists.

VM_DIR="$ROOT/build/system"
VM_AGENT_PORT=taxgate.agent

# What our programs link, what they talk to, and what the checks call.
vm_guest_packages() {
  echo systemd-sysv udev dbus kmod polkitd pcscd libccid
  echo libboost-container1.81.0 libboost-json1.81.0 libfmt9 libgcrypt20 libpcsclite1 libprotobuf32 libpugixml1v5 libsqlite3-0 libssl3 libstdc++6 \
    libtcmalloc-minimal4 libudev1 libusb-1.0-0 libusbredirparser1
  echo curl jq procps
}

# Modules of the kernel that the guest may load by itself (udev does), with what they need. The first line is for the
# initial RAM disk, which only finds the root disk.
VM_BOOT_MODULES="virtio_pci virtio_blk ext4"
VM_MODULES="virtio_console xhci_pci usb_storage sd_mod vhci_hcd autofs4 crc32c_intel"

# Nobody waits for these, and each costs a second or more of an emulated processor.
VM_MASKED="apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer
  getty.target serial-getty@ttyS0.service getty@tty1.service systemd-pstore.service systemd-firstboot.service
  systemd-network-generator.service systemd-networkd.service systemd-update-utmp.service systemd-update-utmp-runlevel.service
  systemd-machine-id-commit.service systemd-binfmt.service systemd-hwdb-update.service ldconfig.service
  systemd-journal-catalog-update.service systemd-update-done.service systemd-sysext.service systemd-boot-system-token.service
  systemd-rfkill.socket systemd-logind.service modprobe@drm.service modprobe@fuse.service modprobe@configfs.service
  modprobe@dm_mod.service modprobe@loop.service modprobe@efi_pstore.service sys-kernel-debug.mount sys-kernel-tracing.mount
  dev-hugepages.mount dev-mqueue.mount sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount"

vm_image_key() { { cat "$ROOT/tests/vm/image.sh" "$ROOT/tests/vm/agent"; dpkg --print-architecture; } | sha256sum | cut -c1-16; }

vm_root() {  # a root directory with the packages, without what only people read
  mmdebstrap --mode=root --variant=essential --include="$(vm_guest_packages | tr -s ' \n' ',' | sed 's/,$//')" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --aptopt='Acquire::Languages "none"' bookworm "$1"
}

vm_kernel() {  # vm_kernel DIRECTORY: vmlinuz and lib/modules/VERSION of Debian's kernel; the "cloud" one has no USB
  local package
  package="$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -1)"
  (cd "$1" && apt-get -qq download "$package") && dpkg-deb --fsys-tarfile "$1"/linux-image-*.deb | tar -x -C "$1" ./boot ./lib/modules
}

# vm_modules KERNEL-DIRECTORY VERSION TARGET MODULE...: these modules and what they need; prints them in loading order
vm_modules() {
  local from="$1" version="$2" to="$3" module file
  shift 3
  for module in "$@"; do modprobe -d "$from" -S "$version" --show-depends "$module"; done | awk '$1 == "insmod" && !seen[$2]++ {print $2}' |
    while read -r file; do
      install -D -m 644 "$file" "$to/${file#"$from"/}"
      echo "${file#"$from"}"
    done
}

vm_initrd() {  # vm_initrd KERNEL-DIRECTORY VERSION WORK OUT
  local work="$3"
  mkdir -p "$work"/{bin,dev,proc,sysroot}
  cp /bin/busybox "$work/bin/busybox"
  {
    echo '#!/bin/busybox sh'
    echo '/bin/busybox mount -t devtmpfs devtmpfs /dev'
    # shellcheck disable=SC2086
    vm_modules "$1" "$2" "$work" $VM_BOOT_MODULES | sed 's/^/\/bin\/busybox insmod /'
    echo 'while [ ! -b /dev/vda ]; do /bin/busybox sleep 0.1; done'
    echo '/bin/busybox mount -t ext4 /dev/vda /sysroot && exec /bin/busybox switch_root /sysroot /sbin/init'
  } >"$work/init"
  chmod 755 "$work/init"
  (cd "$work" && find . | cpio -o -H newc --quiet) >"$4"
}

vm_furnish() {  # vm_furnish ROOT: what a fresh installation is told, once
  local root="$1" unit
  echo 5461786761746520737973746574657a >"$root/etc/machine-id"
  echo taxgate-guest >"$root/etc/hostname"
  printf '127.0.0.1 localhost taxgate-guest\n' >"$root/etc/hosts"
  echo '/dev/vda / ext4 rw,noatime 0 0' >"$root/etc/fstab"
  mkdir -p "$root/etc/systemd/journald.conf.d"
  # Kept over a reboot, and never dropped: the checks read it.
  printf '[Journal]\nStorage=persistent\nRateLimitIntervalSec=0\n' >"$root/etc/systemd/journald.conf.d/taxgate.conf"
  mkdir -p "$root/var/log/journal"
  for unit in $VM_MASKED; do ln -sf /dev/null "$root/etc/systemd/system/$unit"; done
  ln -sf /lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"
  echo virtio_console >"$root/etc/modules-load.d/agent.conf"
  install -m 755 "$ROOT/tests/vm/agent" "$root/usr/local/sbin/agent"
  cat >"$root/etc/systemd/system/agent.service" <<'UNIT'
[Unit]
Description=Hands the commands of ./run system to a shell
DefaultDependencies=no
After=basic.target systemd-modules-load.service dev-vport0p1.device
Requires=dev-vport0p1.device
[Service]
ExecStart=/usr/local/sbin/agent
KillMode=process
[Install]
WantedBy=multi-user.target
UNIT
  cat >"$root/etc/udev/rules.d/90-agent.rules" <<'RULE'
SUBSYSTEM=="virtio-ports", TAG+="systemd"
RULE
  ln -sf /etc/systemd/system/agent.service "$root/etc/systemd/system/multi-user.target.wants/agent.service"
}

# Builds what is not there; prints nothing but what its tools print.
vm_build_image() {
  local image="$1" work="$1.new" version
  rm -rf "$work" && mkdir -p "$work/kernel"
  vm_root "$work/root" || return 1
  vm_kernel "$work/kernel" || return 1
  version="$(basename "$work"/kernel/lib/modules/*)"
  depmod -b "$work/kernel" "$version" || return 1
  # shellcheck disable=SC2086
  vm_modules "$work/kernel" "$version" "$work/root" $VM_BOOT_MODULES $VM_MODULES >/dev/null || return 1
  cp "$work/kernel/lib/modules/$version"/modules.{builtin,builtin.modinfo,order} "$work/root/lib/modules/$version/"
  depmod -b "$work/root" "$version" || return 1
  vm_initrd "$work/kernel" "$version" "$work/initrd" "$work/initrd.img" || return 1
  cp "$work/kernel/boot/vmlinuz-$version" "$work/vmlinuz"
  vm_furnish "$work/root"
  truncate -s 3G "$work/root.ext4"  # sparse; taxgate doctor wants a gigabyte of room
  mke2fs -q -F -t ext4 -O ^metadata_csum -E lazy_itable_init=1,nodiscard -d "$work/root" "$work/root.ext4" || return 1
  rm -rf "$work/root" "$work/kernel" "$work/initrd"
  find "$VM_DIR" -maxdepth 1 -name 'image-*' ! -name '*.new' -exec rm -rf {} +  # of other inputs
  mv "$work" "$image"
}
