# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154  # what vmtest/run has set
# What do the guest's Debian and its kernels look like, before our package? Sourced by vmtest/run and vmtest/power.
# After `image_ensure`, $image holds tree/, and vmlinuz- and release- of each kernel (lib/kernels.sh), and $disk is what
# to boot (lib/disk.sh); all stay until we exit.

readonly kKeptImages=3            # other checkouts and branches have their own

cache=${NPANEL_VM_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/npanel-vmtest}
image=

image_key() {
  {
    echo "${kernel_packages[*]}"
    (cd "$here" && sha256sum packages lib/image.sh lib/kernels.sh guest/image/*)
  } | sha256sum | cut -c 1-16
}

image_ensure() {
  mkdir -p "$cache"
  exec {cache_lock}>"$cache/lock"
  flock "$cache_lock"   # one build at a time; also keeps the pruning of others away until we hold our image
  find_kernels
  image=$cache/$(image_key)
  if [[ ! -e $image/complete ]]; then
    rm -rf --one-file-system "$image"
    mkdir "$image"
    image_build
    touch "$image/complete"
  fi
  touch "$image"
  exec {image_lock}>"$image/in-use"
  flock -s "$image_lock"
  disk_ensure
  prune_images
  exec {cache_lock}>&-
}

prune_images() {
  local old fd
  for old in $(find "$cache" -mindepth 1 -maxdepth 1 -type d ! -name apt -printf '%T@ %f\n' | sort -rn | tail -n +$((kKeptImages + 1)) | cut -d ' ' -f 2); do
    exec {fd}>"$cache/$old/in-use"
    if flock -n "$fd"; then
      rm -rf --one-file-system "${cache:?}/$old"
    fi
    exec {fd}>&-
  done
}

image_build() {
  local tree=$image/tree began=$SECONDS kernel
  say "building the guest image, once for this package list (about two minutes)"
  download_packages
  say "installing the packages of vmtest/packages with mmdebstrap"
  mmdebstrap --quiet --mode=root --variant=minbase --format=directory \
    --include="$(sed 's/#.*//' "$here/packages" | xargs | tr ' ' ',')" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/javascript/*' \
    --aptopt='Acquire::Languages "none"' \
    bookworm "$tree" "${NPANEL_VM_MIRROR:-$(host_mirror)}" >"$work/mmdebstrap.log" 2>&1 ||
    { cat "$work/mmdebstrap.log" >&2; die 125 "mmdebstrap failed"; }
  for kernel in "${kKernels[@]}"; do
    add_kernel "$kernel" "$tree"
  done
  add_postfix "$tree"
  configure_guest "$tree"
  say "image ready after $((SECONDS - began)) s: $image"
}

# Debian lets no two MTAs be installed at once: the second one is files that a case lays over the root (cases/postfix.py).
add_postfix() {
  dpkg -x "$work"/debs/postfix_*_amd64.deb "$1/opt/postfix"
  chroot "$1" groupadd --system postdrop
  chroot "$1" useradd --system --no-create-home --home-dir /var/spool/postfix --shell /usr/sbin/nologin postfix
}

configure_guest() {
  local tree=$1 ours=$1/usr/lib/npanel-vmtest unit
  install -D -t "$ours" "$here"/guest/image/{start,init-fast}
  gcc -O2 -Wall -static -o "$ours/exit" "$here/guest/image/exit.c"
  install -D -m 644 -t "$tree/etc/systemd/system" "$here/guest/image/npanel-vmtest.service"
  chroot "$tree" systemctl --quiet enable npanel-vmtest.service
  for unit in "${kMaskedUnits[@]}"; do
    ln -sf /dev/null "$tree/etc/systemd/system/$unit"
  done
  printf '%032x\n' 1 >"$tree/etc/machine-id"  # a set one: no first-boot work
  echo vmtest >"$tree/etc/hostname"
  printf '127.0.0.1 localhost vmtest\n::1 localhost\n' >"$tree/etc/hosts"
  mkdir -p "$tree/etc/systemd/journald.conf.d"
  printf '[Journal]\nStorage=volatile\n' >"$tree/etc/systemd/journald.conf.d/vmtest.conf"
}

# Nothing here is under test, and each costs boot time or wakes up in the middle of a measurement. Without the
# trigger udev handles what appears after boot and leaves alone what was there (it would load modules for seconds).
readonly kMaskedUnits=(
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer
  systemd-tmpfiles-clean.timer e2scrub_reap.service prometheus.service exim4.service exim4-base.timer exim4-base.service
  getty.target serial-getty@ttyS0.service systemd-logind.service systemd-user-sessions.service
  systemd-udev-trigger.service modprobe@.service systemd-modules-load.service kmod-static-nodes.service
  systemd-binfmt.service systemd-sysusers.service systemd-remount-fs.service systemd-random-seed.service
  systemd-journal-flush.service systemd-pstore.service systemd-update-utmp.service
  systemd-update-utmp-runlevel.service
  dev-hugepages.mount sys-fs-fuse-connections.mount sys-kernel-config.mount
)
