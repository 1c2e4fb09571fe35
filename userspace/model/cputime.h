// SPDX-License-Identifier: Apache-2.0
// cputime.h: how does cpu.stat split the time that the scheduler measured into user and system?
#pragma once

#include <cstdint>

namespace npanel {

struct CpuSplit {
  uint64_t user_ns = 0;
  uint64_t system_ns = 0;
  bool operator==(const CpuSplit&) const = default;
};

// kernel/sched/cputime.c, cputime_adjust(), Linux 6.1 to 6.18: the measured runtime is divided in the ratio of the
// ticks, and neither part ever goes below what was shown before.
[[nodiscard]] CpuSplit split_runtime(uint64_t runtime_ns, CpuSplit ticks, CpuSplit shown);

}  // namespace npanel
