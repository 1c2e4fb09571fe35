// SPDX-License-Identifier: Apache-2.0
// evidence.h: what was the process that was refused? Asked of npanel-helper, never looked up in the loop.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "api/codec.h"
#include "helper/client.h"
#include "npanel/smtp.h"

namespace npanel {

struct Evidence {
  struct Parent {
    std::string pid;
    std::string comm;
    std::optional<std::string> exe;
  };
  std::optional<std::string> exe = {};
  std::optional<std::string> cwd = {};
  std::optional<std::string> command = {};
  std::optional<std::string> cgroup = {};
  std::vector<Parent> parents = {};         // the nearest first
  std::optional<std::string> missing = {};  // why something is: "late", "gone", "busy", "no helper", "shed"
};

[[nodiscard]] Evidence evidence_of(const Answer& answer);
[[nodiscard]] Json encode(const std::vector<Evidence::Parent>& parents);

using Seen = std::function<void(Evidence)>;
// Asks for a process, and tells what was found, later.
using Look = std::function<void(const np_smtp_refusal&, Seen)>;

}  // namespace npanel
