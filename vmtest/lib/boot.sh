# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154  # what vmtest/run, vmtest/power and image.sh have set
# What does the command answer on this kernel? Sourced by vmtest/run and vmtest/power. Results are left in variables, not
# in exit codes: bash forgets `set -e` in every function whose exit code is looked at.

readonly kDone=85         # qemu's status after guest/image/exit.c
readonly kPoweredOff=0    # after an orderly shutdown (guest/session)
readonly kMark=$'\036'    # starts the lines that are for us
readonly kAttempts=3
# Only lines the kernel wrote (they carry its clock), so that a command may print any of these words.
readonly kSplat='^\[ *[0-9]+\.[0-9]+\].*(BUG:|WARNING:|Oops|Kernel panic|general protection fault|UBSAN:|KASAN:|rcu.*(stall|starved)|INFO: task .* blocked)'

qemu_pid=
root_drive=            # the root disk and what becomes of writes to it; empty: $disk, and they are lost
payload_extra=()       # files for /opt/npanel, beside what always goes there

stop_qemu() {
  [[ $qemu_pid ]] || return 0
  kill -KILL "$qemu_pid" 2>/dev/null || true
  wait "$qemu_pid" 2>/dev/null || true
  qemu_pid=
}

# What a line of the result stream is to us; vmtest/power has its own.
heard() {
  printf '%s\n' "$1"
}

# Lays out what the guest finds under /opt/npanel.
write_payload() {
  local dir=$work/payload
  rm -rf "$dir"
  mkdir -p "$dir/out" "$dir/tests" "$dir/debs"
  cp -a "$here" "$here/../scripts" "$dir"
  if [[ $package ]]; then
    find "$build/bin" -maxdepth 1 \( -name 'kernel.*_test' -o -name 'bench.*' \) -exec cp -t "$dir/tests" {} +
  fi
  if ((${#debs[@]})); then cp -t "$dir/debs" "${debs[@]}"; fi
  if ((${#payload_extra[@]})); then cp -t "$dir" "${payload_extra[@]}"; fi
  printf '%q ' "$@" >"$dir/command"
  # 256 MiB of room for what the command writes. No journal: debugfs does not replay one.
  truncate -s $(($(du -sm "$dir" | cut -f 1) * 5 / 4 + 256))M "$work/payload.img"
  mke2fs -q -F -t ext4 -O ^has_journal -E root_owner=0:0 -L NPANELPAY -d "$dir" "$work/payload.img"
  rm -rf "$dir"
}

start_qemu() {
  local kernel=$1 append="root=PARTUUID=$kMbrSignature-01 rootwait rootfstype=ext4 rw console=ttyS0 panic=-1 oops=panic"
  append+=" loglevel=5 systemd.show_status=no net.ifnames=0"  # 5: WARNING splats are shown, information is not
  if [[ $fast ]]; then
    append+=" init=/usr/lib/npanel-vmtest/init-fast"
  fi
  rm -f "$work/io.img" "$work/results"
  : >"$work/console.log"
  truncate -s 256M "$work/io.img"
  mkfifo "$work/results"
  # Should we be killed without a chance to clean up, the machine ends too.
  setpriv --pdeathsig KILL qemu-system-x86_64 -M q35 -accel tcg,thread=multi -cpu max,svm=off,la57=off -smp 2 -m 2048 \
    -nodefaults -display none -no-reboot -device isa-debug-exit,iobase=0x501,iosize=1 \
    -kernel "$image/vmlinuz-$kernel" -append "$append" \
    -chardev "file,id=console,path=$work/console.log" -serial chardev:console \
    -chardev stdio,id=results,signal=off -serial chardev:results \
    -drive "if=none,id=root,format=raw,${root_drive:-snapshot=on,file=$disk}" \
    -drive "if=none,id=payload,format=raw,cache=unsafe,file=$work/payload.img" \
    -drive "if=none,id=io,format=raw,cache=unsafe,file=$work/io.img" \
    -device nvme,id=nvme,serial=npanel \
    -device nvme-ns,drive=root,bus=nvme,nsid=1 \
    -device nvme-ns,drive=payload,bus=nvme,nsid=2 \
    -device nvme-ns,drive=io,bus=nvme,nsid=3 \
    </dev/null >"$work/results" 2>"$work/qemu.log" &
  qemu_pid=$!
}

# Hands the result stream to heard() as it comes; sets $ready and $code from the marked lines, $late at a deadline.
follow_results() {
  local began=$SECONDS deadline=$((SECONDS + boot_timeout)) line='' part status
  ready='' code='' late=''
  forget_host
  while ((SECONDS < deadline)); do
    watch_host /proc
    status=0
    IFS= read -r -t 1 part || status=$?
    line+=$part
    if ((status > 128)); then continue; fi  # no whole line yet
    case $line in
      *"${kMark}npanel-ready")
        ready=yes
        deadline=$((began + timeout))
        ;;
      *"${kMark}npanel-exit "*)
        if [[ $line != "$kMark"* ]]; then heard "${line%"$kMark"*}"; fi
        code=${line##* }
        ;;
      ?*) heard "$line" ;;
      *) ((status)) || heard '' ;;
    esac
    line=
    if ((status)); then return; fi  # qemu is gone
  done
  late=yes
}

# One boot: sets $ready when the command was reached, $code when it came back, and $qemu_status.
boot() {
  write_payload "${@:2}"
  start_qemu "$1"
  follow_results <"$work/results"
  if [[ $late ]]; then stop_qemu; fi
  qemu_status=0
  wait "$qemu_pid" 2>/dev/null || qemu_status=$?
  qemu_pid=
}

# Files the command left in $NPANEL_OUT, and the console.
collect() {
  local out=$1
  rm -rf "$out"
  mkdir -p "$out" "$work/rdump"
  debugfs -R "rdump /out $work/rdump" "$work/payload.img" >"$work/debugfs.log" 2>&1 || true
  if [[ -d $work/rdump/out ]]; then cp -a "$work/rdump/out/." "$out/"; fi
  rm -rf "$work/rdump"
  tr -d '\r' <"$work/console.log" >"$out/console.log"
}

# An int3 that nobody handles is the emulator's: it runs the breakpoint of a static key after the kernel has taken it away.
emulator_raced() {
  [[ ! $code ]] && grep -qaE '^\[ *[0-9]+\.[0-9]+\] Oops: int3' "$1"
}

# Boots until the command starts, three times at most; sets $ready, and files are in $out.
reach_command() {
  local kernel=$1 attempt
  for ((attempt = 1; attempt <= kAttempts; attempt++)); do
    boot "$@"
    collect "$out"
    if [[ $ready ]]; then
      emulator_raced "$out/console.log" || return 0
      if ((attempt == kAttempts)); then return 0; fi
      say "$kernel: the emulator lost a race when the kernel rewrote its code (int3), attempt $attempt of $kAttempts"
      continue
    fi
    say "$kernel: ${late:+deadline of $boot_timeout s, }guest not ready (qemu: $qemu_status), attempt $attempt of $kAttempts; last of $out/console.log:"
    cat "$work/qemu.log" >&2
    tail -n 5 "$out/console.log" >&2
  done
  say "$kernel: infrastructure, not a result: no boot reached the command"
}

# Runs the command on one kernel; sets $kernel_status to the command's exit code, or to one of README.md's. What a starved
# guest says is worth nothing, whatever it says: it is asked once more.
run_kernel() {
  local out=$results/$1 began=$SECONDS
  run_once "$@"
  if [[ ! $starved ]]; then return; fi
  say "$1: infrastructure, not a result: $(describe_starvation); once more"
  began=$SECONDS
  run_once "$@"
  if [[ $starved ]]; then
    kernel_status=125
    say "$1: infrastructure, not a result: $(describe_starvation), again"
  fi
}

run_once() {
  kernel_status=125 starved=
  reach_command "$@"
  if [[ $ready ]]; then judge "$1" $((SECONDS - began)) "$out/console.log"; fi
}

# Sets $splat to what the kernel complained about, and $starved when that was the host's fault.
find_splat() {
  local kernel=$1 console=$2
  splat=$(grep -aE "$kSplat" "$console" | head -n 20) || true
  if [[ $splat ]]; then
    say "$kernel: the kernel complained ($console):"
    printf '%s\n' "$splat" >&2
  fi
  if was_starved "$splat"; then starved=yes; else starved=; fi
}

judge() {
  local kernel=$1 seconds=$2 console=$3
  find_splat "$kernel" "$console"
  if [[ $code ]] && ((qemu_status == kDone || qemu_status == kPoweredOff)); then
    kernel_status=$code
    if [[ $splat ]] && ((code == 0)); then kernel_status=1; fi
    say "$kernel: exit code $kernel_status after $seconds s (Linux $(<"$image/release-$kernel"))"
  elif [[ $late ]]; then
    kernel_status=124
    say "$kernel: ended at the deadline of $timeout s (NPANEL_VM_TIMEOUT)"
  else
    kernel_status=125
    say "$kernel: the guest died without a result (qemu: $qemu_status); last of $console:"
    tail -n 15 "$console" >&2
  fi
}
