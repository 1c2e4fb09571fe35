// SPDX-License-Identifier: Apache-2.0
// npanelctl: argv -> one question to the agent or more -> what it said.
#include "cmd/npanelctl/run.h"

int main(int argc, char** argv) {
  const auto command = npanel::parse_command_line(argc, argv);
  return command ? npanel::run(*command) : command.error();
}
