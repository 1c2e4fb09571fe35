# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# lib.sh: what every script here begins with: the place, the packages, the build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
}

die() {
  say "$@"
  exit 1
}

# Installs the packages of scripts/packages that are not there.
install_packages() {
  local wanted missing=()
  wanted=$(grep -v '^#' scripts/packages)
  for package in $wanted; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  if ((! ${#missing[@]})); then return; fi
  if ((EUID)); then die "these packages are missing, and installing them needs root: ${missing[*]}"; fi
  say "installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
}

# build PRESET: dev (with sanitizers) or release; see CMakePresets.json.
build() {
  say "building $1 (build/$1)"
  cmake --preset "$1" >/dev/null
  cmake --build --preset "$1" -- --quiet
}

# Makes the package that the VM boots with, and one that is newer, for upgrades and downgrades.
package_for_vm() {
  NPANEL_DEB=$(NPANEL_NO_BUILD=1 scripts/package | tail -n 1)
  NPANEL_DEBS="$NPANEL_DEB $(NPANEL_NO_BUILD=1 scripts/package --version "$(package_version "$NPANEL_DEB")+next" | tail -n 1)"
  export NPANEL_DEB NPANEL_DEBS
}

package_version() {
  dpkg-deb -f "$1" Version
}

# Does cgroup v2 offer what limits need, on this very host?
host_has_controllers() {
  local mount controller
  mount=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
  for controller in cpu io memory pids; do
    grep -qw "$controller" "${mount:-/nonexistent}/cgroup.controllers" 2>/dev/null || return 1
  done
}
