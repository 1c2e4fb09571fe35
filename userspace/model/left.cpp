// SPDX-License-Identifier: Apache-2.0
#include "model/left.h"

namespace npanel {
namespace {

// The freezer of cgroup v1, before and since it became freezable_schedule(); v2's own lets SIGKILL through.
bool is_frozen(const LeftProcess& process) {
  return process.waits_in == "__refrigerator" || process.waits_in == "do_freezer_trap";
}

}  // namespace

std::string why_left(const LeftProcess& process) {
  const std::string where = process.waits_in.empty() ? "" : ", " + process.waits_in;
  if (is_frozen(process)) return "is frozen by somebody else (the freezer of cgroup v1, say): thaw it";
  switch (process.state) {
    case 'D':
      return "waits in the kernel, where no signal reaches it (D" + where +
             "): for a disk or a network file system that does not answer, or one that is frozen";
    case 'Z':
    case 'X':
      return "is dead (" + std::string(1, process.state) + "), and the kernel has not let go of it yet";
    case 'T':
    case 't':
      return "is stopped or traced (" + std::string(1, process.state) + where + ")";
    default:
      return "runs on in the kernel (" + std::string(1, process.state) + where + "), or is new";
  }
}

std::string left_text(const std::vector<LeftProcess>& some, size_t all) {
  if (all == 0) return "the kernel lists no process, but says that the cgroup is populated";
  std::string text = std::to_string(all) + (all == 1 ? " process is left" : " processes are left");
  const char* before = ": ";
  for (const LeftProcess& process : some) {
    text += before + std::to_string(process.pid) + " (" + process.name + ") " + why_left(process);
    before = "; ";
  }
  return all > some.size() ? text + before + std::to_string(all - some.size()) + " more" : text;
}

}  // namespace npanel
