// SPDX-License-Identifier: Apache-2.0
#include "model/cputime.h"

#include <algorithm>

namespace npanel {
namespace {

__extension__ using Wide = unsigned __int128;

uint64_t system_share(uint64_t runtime_ns, CpuSplit ticks) {
  if (ticks.system_ns == 0) return 0;
  if (ticks.user_ns == 0) return runtime_ns;
  return static_cast<uint64_t>(Wide{ticks.system_ns} * runtime_ns / (Wide{ticks.system_ns} + ticks.user_ns));
}

}  // namespace

CpuSplit split_runtime(uint64_t runtime_ns, CpuSplit ticks, CpuSplit shown) {
  if (shown.system_ns + shown.user_ns >= runtime_ns) return shown;
  const uint64_t system_ns = std::max(system_share(runtime_ns, ticks), shown.system_ns);
  const uint64_t user_ns = runtime_ns - system_ns;
  if (user_ns < shown.user_ns) return {.user_ns = shown.user_ns, .system_ns = runtime_ns - shown.user_ns};
  return {.user_ns = user_ns, .system_ns = system_ns};
}

}  // namespace npanel
