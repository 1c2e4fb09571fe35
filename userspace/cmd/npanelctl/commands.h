// SPDX-License-Identifier: Apache-2.0
// commands.h: what does this command line ask for?
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "cmd/npanelctl/client.h"
#include "cmd/npanelctl/show.h"

namespace npanel {

struct Errand {
  Request request;
  std::string done;  // what to say when the agent did it and answers without a body
};

struct Command {
  std::string socket = "/run/npanel/agent.sock";
  bool json = false;
  bool doctor = false;          // asks the kernel, not the agent: no errands
  bool detach = false;          // the same
  bool sure = false;            // --yes
  std::vector<Errand> errands;  // one, but for `process add`: one each process
  View view = nullptr;          // none: the body is text for people already
};

// The unexpected value is an exit code: help or the version was printed (0), or what is wrong with the line (2).
[[nodiscard]] std::expected<Command, int> parse_command_line(int argc, char** argv);

}  // namespace npanel
