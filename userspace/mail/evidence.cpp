// SPDX-License-Identifier: Apache-2.0
#include "mail/evidence.h"

#include <cerrno>

namespace npanel {
namespace {

std::optional<std::string> why_missing(int error) {
  switch (error) {
    case 0:
      return std::nullopt;
    case ETIME:
      return "late";
    case ESRCH:
      return "gone";
    case EBUSY:
    case EAGAIN:
      return "busy";
    default:
      return "no helper";
  }
}

}  // namespace

Evidence evidence_of(const Answer& answer) {
  Evidence evidence{.exe = find_field(answer.fields, "exe"),
                    .cwd = find_field(answer.fields, "cwd"),
                    .command = find_field(answer.fields, "command"),
                    .cgroup = find_field(answer.fields, "cgroup"),
                    .missing = why_missing(answer.error)};
  for (const auto& [name, value] : answer.fields) {
    if (name == "parent_pid") evidence.parents.push_back({.pid = value, .comm = {}, .exe = {}});
    if (evidence.parents.empty()) continue;
    if (name == "parent_comm") evidence.parents.back().comm = value;
    if (name == "parent_exe") evidence.parents.back().exe = value;
  }
  return evidence;
}

Json encode(const std::vector<Evidence::Parent>& parents) {
  Json list = Json::array();
  for (const Evidence::Parent& parent : parents)
    list.push_back({{"pid", std::atoi(parent.pid.c_str())}, {"comm", parent.comm}, {"exe", or_null(parent.exe)}});
  return list;
}

}  // namespace npanel
