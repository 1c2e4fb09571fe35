// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/run.h"

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "cmd/npanelctl/cells.h"
#include "cmd/npanelctl/follow.h"
#include "cmd/npanelctl/format.h"
#include "cmd/npanelctl/progress.h"
#include "cmd/npanelctl/terminal.h"

namespace npanel {
namespace {

using nlohmann::json;

constexpr int kRefused = 1;
constexpr int kUnreachable = 3;
constexpr const char* kWipe = "\r\x1b[K";  // the line, to be drawn again

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
  if (!errand.hint.empty()) std::cerr << "npanelctl: " << errand.hint << '\n';
  return 0;
}

int print_answer(const Command& command, const Errand& errand, const Response& response) {
  const int refused = response.succeeded() ? 0 : kRefused;
  if (!command.json) return std::max(refused, print_for_people(command, errand, response));
  print_line(response.body);
  return refused;
}

void print_progress(const json& job, Milestones& milestones) {
  if (const auto columns = terminal_columns())
    std::cout << kWipe << progress_line(job, *columns, wants_colour()) << std::flush;
  else if (milestones.reached(job))
    std::cout << progress_text(job) << '\n' << std::flush;
}

int print_outcome(const Command& command, const Response& ended) {
  const json job = json::parse(ended.body, nullptr, false);
  const bool done = field(job, "state") == "done";
  if (command.json)
    print_line(ended.body);
  else if (done)
    print_line(outcome(job));
  else
    std::cerr << "npanelctl: " << outcome(job) << '\n' << log_tail(job);
  return done ? 0 : kRefused;
}

std::string last_words(const Response& started) {
  const std::string id = plain(field(json::parse(started.body, nullptr, false), "id"));
  return "\nnpanelctl: no longer following job " + id + ", which goes on; follow it again with: npanelctl job follow " +
         id + "\n";
}

int follow_to_the_end(const Command& command, const Sender& sender, Response started) {
  end_on_interrupt(last_words(started));
  Milestones milestones;
  const auto show_it = [&](const json& job) {
    if (!command.json) print_progress(job, milestones);
  };
  const auto wait = [](std::chrono::milliseconds pause) { std::this_thread::sleep_for(pause); };
  const auto ended = follow({.send = sender, .show = show_it, .wait = wait}, std::move(started));
  if (!command.json && terminal_columns()) std::cout << kWipe << std::flush;
  if (!ended) return complain(ended.error().text, kUnreachable);
  if (!ended->succeeded()) return print_answer(command, {}, *ended);
  return print_outcome(command, *ended);
}

int run_errand(const Command& command, const Errand& errand) {
  const Sender sender = [&command](const Request& request) { return send(command.socket, request); };
  auto response = errand.paging ? gather(sender, errand.request, *errand.paging) : sender(errand.request);
  if (!response) return complain(response.error().text, kUnreachable);
  if (command.follow && response->succeeded()) return follow_to_the_end(command, sender, std::move(*response));
  return print_answer(command, errand, *response);
}

}  // namespace

int run(const Command& command) {
  if (command.work) return command.work(command);
  int exit_code = 0;
  for (const Errand& errand : command.errands) {
    exit_code = std::max(exit_code, run_errand(command, errand));
    if (exit_code == kUnreachable) break;
  }
  if (!std::cout.flush()) return complain("cannot write the answer to standard output", kRefused);
  return exit_code;
}

}  // namespace npanel
