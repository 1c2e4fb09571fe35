# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154  # what vmtest/run and setup.sh have set
# Which kernels can be booted, and which packages hold them? Sourced by vmtest/run and vmtest/power.
# 7.3 is the newest that Debian has for a stable release: trixie-backports, of which this host's apt knows nothing and
# learns nothing. It is read with lists of its own, and believed only with the archive's signature.

readonly kKernels=(6.1 6.12 7.3)
readonly kBackports=trixie-backports
readonly kArchiveKeys=/usr/share/keyrings/debian-archive-keyring.gpg   # trixie's, too, from 2023.3+deb12u2

declare -A kernel_packages=()   # of each kernel, as name=version

# Is $1 a kernel that can be booted?
knows_kernel() {
  [[ " ${kKernels[*]} " == *" $1 "* ]]
}

# Where this host's own packages come from.
host_mirror() {
  # shellcheck disable=SC2016  # apt's own variables
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' 'Component: main' | head -n 1
}

# apt, as if this host were on $kBackports: backports get update
backports() {
  local dir=$cache/apt
  "apt-$1" -o Dir::Etc::SourceList="$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$dir/lists" \
    -o Dir::Cache="$dir" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root \
    -o Acquire::Languages=none "${@:2}"
}

# Reads the list of backports when there is none of today; yesterday's will do where no network is.
read_backports() {
  local dir=$cache/apt source
  source="deb [signed-by=$kArchiveKeys] ${NPANEL_VM_MIRROR:-$(host_mirror)} $kBackports main"
  if [[ $(cat "$dir/sources.list" 2>/dev/null) != "$source" ]]; then
    rm -rf "$dir"
    mkdir -p "$dir/lists/partial" "$dir/archives/partial"
    echo "$source" >"$dir/sources.list"
  fi
  if [[ ${1-} != again && $(find "$dir/read" -mmin -1440 2>/dev/null) ]]; then return; fi
  say "reading the package list of $kBackports"
  if backports get update -qq --error-on=any >&2; then touch "$dir/read"; else [[ -e $dir/read ]]; fi
}

# The newest kernels, from the meta packages. One call for each list: apt-cache needs a second to start.
resolve_kernels() {
  local depends release
  depends=$(apt-cache show --no-all-versions linux-image-cloud-amd64 linux-image-6.12-cloud-amd64 2>/dev/null | the_image) || true
  kernel_packages[6.1]=$(grep -F linux-image-6.1. <<<"$depends") &&
    kernel_packages[6.12]=$(grep -F linux-image-6.12. <<<"$depends") &&
    depends=$(backports cache show --no-all-versions linux-image-cloud-amd64 2>/dev/null | the_image) && [[ $depends ]] || return
  # Since 7.2 an image package is empty, and needs three others.
  release=${depends#linux-image-}
  kernel_packages[7.3]="linux-binary-$release linux-modules-$release linux-base-$release"
}

# `Depends: …, linux-image-RELEASE (= VERSION), …`, as name=version.
the_image() {
  sed -n 's/^Depends:.* \(linux-image-[^ ]*\) (= \([^)]*\)).*/\1=\2/p'
}

# Sets $kernel_packages, with younger lists where these name no kernel.
find_kernels() {
  read_backports || die 2 "apt cannot read $kBackports (with the keys in $kArchiveKeys)"
  if resolve_kernels; then return; fi
  refresh_lists
  resolve_kernels || die 2 "apt knows no linux-image-cloud-amd64 of 6.1 and $kBackports, or no linux-image-6.12-cloud-amd64: is this Debian 12?"
}

refresh_lists() {
  say "reading the package lists (apt-get update)"
  apt-get update -qq
  read_backports again
}

download_packages() {
  say "downloading ${kernel_packages[*]} and postfix"
  # A list that is older than the mirror names packages that are gone: refresh it once.
  fetch_packages || { refresh_lists && resolve_kernels && fetch_packages; } ||
    die 125 "the kernels could not be downloaded"
}

fetch_packages() {
  rm -rf "$work/debs"
  # shellcheck disable=SC2086  # several
  fetch_into . apt-get postfix &&
    fetch_into 6.1 apt-get ${kernel_packages[6.1]} &&
    fetch_into 6.12 apt-get ${kernel_packages[6.12]} &&
    fetch_into 7.3 'backports get' ${kernel_packages[7.3]}
}

# fetch_into DIRECTORY COMMAND PACKAGE...
fetch_into() {
  mkdir -p "$work/debs/$1"
  # shellcheck disable=SC2086  # words
  (cd "$work/debs/$1" && $2 download -qq -o APT::Sandbox::User=root "${@:3}")
}

# Lays the modules of kernel $1 into the tree $2, and its vmlinuz beside it.
add_kernel() {
  local unpacked=$work/kernel-$1 modules deb release
  for deb in "$work/debs/$1"/*.deb; do
    dpkg -x "$deb" "$unpacked"
  done
  modules=$(find "$unpacked" -path '*lib/modules/*' -name kernel -prune -printf '%h\n')
  release=$(basename "$modules")
  find "$unpacked" \( -name "vmlinuz-$release" -o -name vmlinuz \) -type f -exec mv {} "$image/vmlinuz-$1" \;
  [[ -e $image/vmlinuz-$1 ]] || die 125 "no vmlinuz in ${kernel_packages[$1]}"
  mkdir -p "$2/usr/lib/modules"
  mv "$modules" "$2/usr/lib/modules/"
  chroot "$2" depmod "$release"
  rm -rf "$unpacked"
  echo "$release" >"$image/release-$1"
}
