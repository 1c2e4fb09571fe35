// SPDX-License-Identifier: Apache-2.0
// commands.h: what does this command line ask for?
#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cmd/npanelctl/client.h"
#include "cmd/npanelctl/pages.h"
#include "cmd/npanelctl/show.h"

namespace npanel {

struct Errand {
  Request request;
  std::string done = {};              // what to say when the agent did it and answers without a body
  std::string hint = {};              // what to say besides, on standard error
  std::optional<Paging> paging = {};  // the answer is a list that comes in pages
};

struct Command {
  std::string socket = "/run/npanel/agent.sock";
  bool json = false;
  bool sure = false;            // --yes
  bool follow = false;          // the answer is a job: show it until it has ended
  std::vector<Errand> errands;  // one, but for `process add`: one each process
  View view = nullptr;          // none: the body is text for people already
  // What needs more than questions to the agent (the kernel, the files): returns the exit code. Then no errands.
  std::function<int(const Command&)> work = nullptr;
};

// The unexpected value is an exit code: help or the version was printed (0), or what is wrong with the line (2).
[[nodiscard]] std::expected<Command, int> parse_command_line(int argc, char** argv);

}  // namespace npanel
