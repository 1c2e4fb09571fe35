# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154  # what vmtest/run and image.sh have set
# Which root disk has this package in it? Sourced by vmtest/run and vmtest/power.
# `package_find` sets $package; after `disk_ensure`, $disk is the root disk with that package installed.

readonly kMbrSignature=6e70616e   # "npan"; the partition is PARTUUID=6e70616e-01
readonly kRootOffset=1048576      # where it begins
readonly kKeptDisks=2             # the package before this one is what a bisection or another checkout asks for next

package=   # empty: none
disk=

# The package to test: NPANEL_DEB, or the newest that scripts/package has made.
package_find() {
  local made=$here/../build
  package=${NPANEL_DEB-}
  if [[ ! $package ]]; then
    package=$(find "$made/" -maxdepth 1 -name 'npanel-agent_*.deb' -printf '%T@ %p\n' 2>/dev/null | sort -rn | head -n 1 | cut -d ' ' -f 2-)
    [[ $package ]] || die 2 "there is no build/npanel-agent_*.deb: run scripts/package, or set NPANEL_DEB"
    if [[ $build/bin/npanel-agent -nt $package ]]; then
      say "$(basename "$package") is older than what was built since: scripts/package makes a new one"
    fi
  fi
  [[ -f $package ]] || die 2 "there is no package $package"
  package=$(realpath "$package")
}

disk_key() {
  if [[ $package ]]; then cat "$package" "$here/lib/disk.sh" | sha256sum | cut -c 1-16; else echo bare; fi
}

disk_ensure() {
  mkdir -p "$image/disks"
  disk=$image/disks/$(disk_key).img
  if [[ ! -e $disk ]]; then disk_build; fi
  touch "$disk"
  exec {disk_lock}<"$disk"
  flock -s "$disk_lock"
  prune_disks
}

prune_disks() {
  local old fd
  for old in $(find "$image/disks" -name '*.img' -printf '%T@ %p\n' | sort -rn | tail -n +$((kKeptDisks + 1)) | cut -d ' ' -f 2); do
    exec {fd}<"$old"
    if flock -n "$fd"; then rm "$old"; fi
    exec {fd}<&-
  done
}

disk_build() {
  local tree=$image/tree began=$SECONDS
  if [[ $package ]]; then
    tree=$image/tree-with-package
    rm -rf --one-file-system "$tree"   # of one who was killed here
    cp -a --reflink=auto "$image/tree" "$tree"
    install_package "$tree"
  fi
  write_disk "$tree" "$disk.part"
  mv "$disk.part" "$disk"
  if [[ $package ]]; then
    rm -rf --one-file-system "$tree"
    say "$(basename "$package") installed in $((SECONDS - began)) s: $disk"
  fi
}

# What apt would do on a server, with nobody to talk to: nothing is started, neither in the tree nor on this host.
install_package() {
  local tree=$1
  cp "$package" "$tree/var/tmp/package.deb"
  printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
  chmod +x "$tree/usr/sbin/policy-rc.d"
  # No --force-*: a dependency that vmtest/packages does not have is an error here, with its name.
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1 \
    chroot "$tree" dpkg --force-unsafe-io --install /var/tmp/package.deb >"$work/dpkg.log" 2>&1 </dev/null ||
    { cat "$work/dpkg.log" >&2; rm -rf --one-file-system "$tree"; die 1 "$(basename "$package") does not install"; }
  rm "$tree/var/tmp/package.deb" "$tree/usr/sbin/policy-rc.d"
}

write_disk() {
  local tree=$1 file=$2 bytes
  bytes=$(($(du -s --block-size=1 "$tree" | cut -f 1) * 5 / 4 + (512 << 20)))
  bytes=$((bytes >> 20 << 20))
  rm -f "$file"
  truncate -s $((kRootOffset + bytes)) "$file"
  printf 'label: dos\nlabel-id: 0x%s\nstart=%d, type=83\n' "$kMbrSignature" $((kRootOffset / 512)) |
    sfdisk --quiet "$file"
  mke2fs -q -t ext4 -L npanelroot -E "offset=$kRootOffset,lazy_itable_init=1" -d "$tree" "$file" $((bytes >> 10))k
}
