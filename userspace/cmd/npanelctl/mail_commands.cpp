// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include "base/parse.h"
#include "cmd/npanelctl/line.h"
#include "cmd/npanelctl/options.h"
#include "model/mail.h"

namespace npanel {
namespace {

constexpr NumberOption kTop = {"--limit", "/limit", "How many accounts to show; 20 without it.", Unit::kCount, 1,
                               1000,      false};
constexpr uint64_t kTopUsually = 20;

// "2000/h", "2000"
uint64_t messages_an_hour(std::string_view text) {
  std::string_view digits = text;
  if (digits.ends_with("/h")) digits.remove_suffix(2);
  const auto number = parse_u64(digits);
  if (!number || *number < 1 || *number > kMailCountMost)
    throw CLI::ValidationError("--to must be a number of messages an hour, such as 2000/h; got \"" + std::string(text) +
                               "\"");
  return *number;
}

// "30m", "2h", "1d", "90" (seconds)
uint64_t seconds_of(std::string_view text) {
  constexpr uint64_t kLeast = 60;
  std::string_view digits = text;
  uint64_t unit = 1;
  if (digits.ends_with('m')) unit = 60;
  if (digits.ends_with('h')) unit = 3600;
  if (digits.ends_with('d')) unit = 86400;
  if (unit != 1 || digits.ends_with('s')) digits.remove_suffix(1);
  const auto number = parse_u64(digits);
  if (!number || *number > kRaiseSecondsMost || *number * unit < kLeast || *number * unit > kRaiseSecondsMost)
    throw CLI::ValidationError("--for must be from 1m to 7d, such as 90m, 2h or 1d; got \"" + std::string(text) + "\"");
  return *number * unit;
}

void add_raise(CLI::App& parent, Line& line) {
  CLI::App* app =
      add_named(parent, line, "raise", "Lets the account send more for a while; then the limits are as before.");
  CLI::Option* to =
      app->add_option_function<std::string>(
             "--to", [&line](const std::string& text) { line.body["messages_per_hour"] = messages_an_hour(text); },
             "The messages an hour; the account's other mail limits grow by the same factor.")
          ->type_name("N/h");
  CLI::Option* span =
      app->add_option_function<std::string>(
             "--for", [&line](const std::string& text) { line.body["seconds"] = seconds_of(text); }, "For how long.")
          ->type_name("TIME");
  const CLI::Option* end =
      app->add_flag("--end")->description("Ends the raise before its time.")->excludes(to)->excludes(span);
  app->callback([&line, to, span, end] {
    require_name(line.name);
    const std::string path = account_path(line.name) + "/mail/raise";
    const bool ends = end->count() > 0;
    if (!ends && (to->count() == 0 || span->count() == 0))
      throw CLI::ValidationError("raise needs --to and --for, or --end");
    ask(line, account_view, ends ? Request{"DELETE", path, {}} : Request{"POST", path, dumped(line.body)});
  });
}

}  // namespace

void add_mail(Line& line) {
  CLI::App* app = line.app.add_subcommand("mail", "Shows who sends how much, and raises what one may send.");
  app->require_subcommand(1);
  CLI::App* top = app->add_subcommand("top", "Lists the accounts that send, the most in this hour first.");
  add_number_option(*top, kTop, line.body);
  top->callback([&line] {
    ask(line, mail_top_view,
        {"GET", "/api/v1/mail?limit=" + std::to_string(line.body.value("limit", kTopUsually)), {}});
  });
  add_plain(*app, line, "why", "Says what the account has sent, what it may, and who was refused last.", "GET", "/mail",
            mail_why_view);
  CLI::App* unattributed = app->add_subcommand(
      "unattributed",
      "Shows mail that no account owns: its allowance, and who sent it last, so that it can be attributed.");
  unattributed->callback([&line] { ask(line, mail_unattributed_view, {"GET", "/api/v1/mail/unattributed", {}}); });
  CLI::App* unclear =
      app->add_subcommand("unclear", "Shows answers of other servers that are not understood, and count for nothing.");
  unclear->callback([&line] { ask(line, mail_unclear_view, {"GET", "/api/v1/mail/unclear", {}}); });
  CLI::App* findings = app->add_subcommand(
      "findings", "Shows what is wrong with the server's own mail, as a block list, and what to do about it.");
  findings->callback([&line] { ask(line, mail_findings_view, {"GET", "/api/v1/mail/findings", {}}); });
  add_raise(*app, line);
  add_plain(*app, line, "release", "Ends the throttle of an account before its time.", "DELETE", "/mail/throttle",
            account_view);
}

}  // namespace npanel
