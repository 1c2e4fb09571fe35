// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iostream>
#include <string>

#include "cmd/npanelctl/commands.h"
#include "cmd/npanelctl/detach.h"
#include "cmd/npanelctl/doctor.h"
#include "cmd/npanelctl/format.h"

namespace npanel {
namespace {

constexpr int kRefused = 1;
constexpr int kUnreachable = 3;

int complain(const std::string& text, int exit_code) {
  std::cerr << "npanelctl: " << printable(text) << '\n';
  return exit_code;
}

void print_line(const std::string& text) {
  std::cout << text;
  if (!text.empty() && !text.ends_with('\n')) std::cout << '\n';
}

int print_for_people(const Command& command, const Errand& errand, const Response& response) {
  if (const auto reason = refusal(response)) return complain(*reason, kRefused);
  if (response.body.empty() && !errand.done.empty()) {
    print_line(errand.done);
  } else if (command.view == nullptr) {
    print_line(response.body);
  } else {
    const auto text = show(command.view, response.body);
    if (!text) return complain(text.error().text, kRefused);
    print_line(*text);
  }
  return 0;
}

int run_errand(const Command& command, const Errand& errand) {
  const auto response = send(command.socket, errand.request);
  if (!response) return complain(response.error().text, kUnreachable);
  const int refused = response->status >= 200 && response->status < 300 ? 0 : kRefused;
  if (!command.json) return std::max(refused, print_for_people(command, errand, *response));
  print_line(response->body);
  return refused;
}

int run(const Command& command) {
  if (command.doctor) return run_doctor(command.json);
  if (command.detach) return run_detach(command.sure, command.json);
  int exit_code = 0;
  for (const Errand& errand : command.errands) {
    exit_code = std::max(exit_code, run_errand(command, errand));
    if (exit_code == kUnreachable) break;
  }
  if (!std::cout.flush()) return complain("cannot write the answer to standard output", kRefused);
  return exit_code;
}

}  // namespace
}  // namespace npanel

int main(int argc, char** argv) {
  const auto command = npanel::parse_command_line(argc, argv);
  return command ? npanel::run(*command) : command.error();
}
