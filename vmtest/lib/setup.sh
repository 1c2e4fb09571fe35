# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034,SC2154  # variables of the sourced and the sourcing files
# What do vmtest/run and vmtest/power both begin with: settings, the package, a working directory, a disk to boot.

say() {
  printf 'vmtest: %s\n' "$*" >&2
}

die() {
  say "${@:2}"
  exit "$1"
}

build=$(realpath -m "${NPANEL_BUILD:-$here/../build/release}")
results=$(realpath -m "${NPANEL_VM_OUT:-$here/../build/vmtest}")
timeout=${NPANEL_VM_TIMEOUT:-2400}
boot_timeout=${NPANEL_VM_BOOT_TIMEOUT:-120}
read -ra debs <<<"${NPANEL_DEBS-}"
work=

# shellcheck source=vmtest/lib/kernels.sh
. "$here/lib/kernels.sh"
# shellcheck source=vmtest/lib/image.sh
. "$here/lib/image.sh"
# shellcheck source=vmtest/lib/disk.sh
. "$here/lib/disk.sh"
# shellcheck source=vmtest/lib/host.sh
. "$here/lib/host.sh"
# shellcheck source=vmtest/lib/boot.sh
. "$here/lib/boot.sh"

clean_up() {
  stop_qemu
  rm -rf --one-file-system "$work"
}

set_up() {
  local deb
  if ((EUID)); then die 2 "needs root, to install the guest's packages"; fi
  if [[ ! ${NPANEL_NO_INSTALL-} ]]; then
    [[ -d $build ]] || die 2 "there is no build in $build: build first, or set NPANEL_BUILD"
    package_find
  fi
  for deb in ${debs[@]+"${debs[@]}"}; do
    [[ -f $deb ]] || die 2 "NPANEL_DEBS names $deb, which is not there"
  done
  work=$(mktemp -d "${TMPDIR:-/tmp}/npanel-vmtest.XXXXXX")
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  trap 'exit 141' PIPE
  image_ensure
}
