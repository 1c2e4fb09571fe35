# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Is it the host that starved the guest? Sourced by boot.sh. A guest that gets no CPU time says "soft lockup" and "RCU
# stall", which are nobody's fault then; the same words on an idle host are the kernel's, or ours.

readonly kBusyLoad=200     # hundredths of runnable tasks a core: the guest gets half of what it asks for
readonly kBusySteal=20     # per cent of the time that the host itself did not get
readonly kWindowSeconds=10
readonly kStarvation='(soft|workqueue) lockup|rcu.*(stall|starved)'

worst_load=0 worst_steal=0

forget_host() {
  worst_load=0 worst_steal=0 window_began=-$kWindowSeconds last_total=
}

# Looks at the host, at most once in a window; $1 is its /proc.
watch_host() {
  if ((SECONDS - window_began < kWindowSeconds)); then return; fi
  window_began=$SECONDS
  local load times total=0 time
  read -r load _ <"$1/loadavg"
  load=$((10#${load/./} / ${cores:=$(nproc)}))
  if ((load > worst_load)); then worst_load=$load; fi
  read -ra times <"$1/stat"
  times=("${times[@]:1}")
  for time in "${times[@]:0:8}"; do total=$((total + time)); done   # guest time is in user time
  if [[ $last_total ]] && ((total > last_total)); then
    time=$(((times[7] - last_steal) * 100 / (total - last_total)))
    if ((time > worst_steal)); then worst_steal=$time; fi
  fi
  last_total=$total last_steal=${times[7]}
}

host_was_busy() {
  ((worst_load >= kBusyLoad || worst_steal >= kBusySteal))
}

# Is there a complaint, and is every line of it one of a guest without CPU time, on a host that had none?
was_starved() {
  [[ $1 ]] && host_was_busy && ! grep -qvE "$kStarvation" <<<"$1"
}

describe_starvation() {
  printf 'the guest was starved (load %d.%02d a core, steal %d %% at worst)' $((worst_load / 100)) $((worst_load % 100)) "$worst_steal"
}
