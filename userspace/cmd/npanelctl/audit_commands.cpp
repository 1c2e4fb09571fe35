// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iostream>
#include <limits>
#include <memory>

#include "base/clock.h"
#include "cmd/npanelctl/audit_export.h"
#include "cmd/npanelctl/cells.h"
#include "cmd/npanelctl/format.h"
#include "cmd/npanelctl/line.h"
#include "cmd/npanelctl/moment.h"
#include "cmd/npanelctl/options.h"
#include "daemon/config_load.h"
#include "store/audit_chain.h"

namespace npanel {
namespace {

using nlohmann::json;

constexpr int kRefused = 1;
constexpr int kUsage = 2;
constexpr int kUnreachable = 3;
constexpr uint64_t kPage = 1000;  // the most that the API gives at once

int complain(const std::string& text, int exit_code) {
  std::cerr << "npanelctl: " << printable(text) << '\n';
  return exit_code;
}

// The conditions as the API calls them.
std::string audit_path(const json& query) {
  std::string path = "/api/v1/audit";
  for (const auto& [name, value] : query.items())
    path.append(path.ends_with("audit") ? "?" : "&").append(name).append("=").append(percent_encoded(plain(value)));
  return path;
}

std::string audit_view(const json& answer) {
  Table table({">ID", "TIME", "ACTOR", "SOURCE", "ACTION", "ACCOUNT", "TARGET", ">MS", "RESULT", "CHANGE"});
  for (const json& entry : field(answer, "entries")) {
    const json& us = field(entry, "duration_us");
    table.add({plain(field(entry, "id")), plain(field(entry, "time")), plain(field(entry, "actor")),
               plain(field(entry, "source")), plain(field(entry, "action")), plain(field(entry, "account")),
               plain(field(entry, "target"), ""), us.is_number() ? fixed(us.get<double>() / 1e3, 1) : plain(us),
               plain(field(entry, "result")), field(entry, "after").is_object() ? event_detail(entry) : ""});
  }
  return table.text();
}

void add_text(CLI::App& app, json& query, const char* flag, const char* name, const char* meaning) {
  const auto store = [&query, flag, name](const std::string& text) {
    if (text.empty()) throw CLI::ValidationError(std::string(flag) + " must not be empty");
    query[name] = text;
  };
  app.add_option_function<std::string>(flag, store, meaning)->type_name("TEXT");
}

void add_moment(CLI::App& app, json& query, const char* flag, const char* name, const char* meaning) {
  const auto store = [&query, flag, name](const std::string& text) {
    const auto ms = parse_moment(text);
    if (!ms)
      throw CLI::ValidationError(std::string(flag) +
                                 " must be a time as 2026-11-22T19:40:00Z or 2026-11-22T20:40:00+01:00 (RFC 3339), or "
                                 "a date as 2026-11-22; got \"" +
                                 text + "\"");
    query[name] = utc_time(*ms);
  };
  app.add_option_function<std::string>(flag, store, meaning)->type_name("TIME");
}

void add_conditions(CLI::App& app, json& query) {
  add_text(app, query, "--account", "account", "Only what was done to this account.");
  add_text(app, query, "--actor", "actor", "Only what was done by this one, as \"uid 0 (root)\" or \"token panel\".");
  add_text(app, query, "--action", "action",
           "Only this action, as account.create; with a point at its end, as account., all that begin so.");
  add_text(app, query, "--text", "text",
           "Only where this text is in target, before, after or result, as it is written; slow in a long trail.");
  add_moment(app, query, "--since", "from", "Only from this time on; a date is its first moment, UTC.");
  add_moment(app, query, "--until", "until", "Only before this time; a date is its first moment, UTC.");
}

void add_list(CLI::App& parent, Line& line) {
  CLI::App* app = parent.add_subcommand("list", "Shows who did what, the newest first.");
  add_conditions(*app, line.body);
  add_number_option(*app, {"--limit", "/limit", "How many to show; 100 without it.", Unit::kCount, 1, kPage, false},
                    line.body);
  app->callback([&line] { ask(line, audit_view, {"GET", audit_path(line.body), {}}); });
}

struct Export {
  bool csv = false;
  std::string output;  // empty: standard output
  json query;

  [[nodiscard]] std::string place() const { return output.empty() ? "standard output" : output; }
};

Result<json> fetch(const std::string& socket, const json& query) {
  Result<Response> response = send(socket, {"GET", audit_path(query), {}});
  if (!response) return failure(response.error().text, EHOSTUNREACH);
  if (const auto reason = refusal(*response)) return failure(*reason);
  json answer = json::parse(response->body, nullptr, false);
  if (!field(answer, "entries").is_array()) return failure("the agent's answer has no entries");
  return answer;
}

// Page after page, so that neither side holds the whole trail. How many were written is told by `written` also when it
// ends early.
Result<void> write_pages(const std::string& socket, const Export& wanted, std::ostream& out, uint64_t& written) {
  json query = wanted.query;
  const uint64_t most = query.value("limit", std::numeric_limits<uint64_t>::max());
  while (written < most) {
    query["limit"] = std::min(most - written, kPage);
    const json answer = NP_TRY(fetch(socket, query));
    if (written == 0 && wanted.csv) out << csv_header();
    const json& entries = field(answer, "entries");
    for (const json& entry : entries) out << (wanted.csv ? csv_record(entry) : json_line(entry));
    if (!out.flush()) return failure("cannot write to " + wanted.place());
    written += entries.size();
    query["below"] = field(answer, "next");
    if (!query["below"].is_number() || entries.empty()) break;
  }
  return {};
}

int run_export(const Command& command, const Export& wanted) {
  std::ofstream file;
  if (!wanted.output.empty()) {
    ::umask(077);  // what customers have is nobody else's business
    file.open(wanted.output, std::ios::binary | std::ios::trunc);
    if (!file) return complain(errno_failure("write " + wanted.output, errno).error().text, kRefused);
  }
  uint64_t written = 0;
  const auto done = write_pages(command.socket, wanted, wanted.output.empty() ? std::cout : file, written);
  if (done) return 0;
  const std::string so_far =
      written == 0 ? "" : "; " + wanted.place() + " has only the newest " + std::to_string(written) + " entries";
  return complain(done.error().text + so_far, done.error().code == EHOSTUNREACH ? kUnreachable : kRefused);
}

void add_export(CLI::App& parent, Line& line) {
  CLI::App* app = parent.add_subcommand(
      "export", "Writes the whole trail, or what meets the conditions, as CSV or as JSON Lines, the newest first.");
  const auto wanted = std::make_shared<Export>();
  const auto store_format = [wanted](const std::string& text) {
    if (text != "csv" && text != "json")
      throw CLI::ValidationError("--format must be csv or json; got \"" + text + "\"");
    wanted->csv = text == "csv";
  };
  app->add_option_function<std::string>("--format", store_format, "csv, or json: one object a line.")
      ->required()
      ->type_name("FORMAT");
  app->add_option("--output", wanted->output, "The file to write, mode 0600; without it, standard output.")
      ->type_name("FILE");
  add_conditions(*app, line.body);
  add_number_option(*app,
                    {"--limit", "/limit", "How many to write; all without it.", Unit::kCount, 1,
                     std::numeric_limits<int64_t>::max(), false},
                    line.body);
  app->callback([&line, wanted] {
    wanted->query = line.body;
    line.command.work = [wanted](const Command& command) { return run_export(command, *wanted); };
  });
}

struct Check {
  std::string database;  // empty: as the agent's configuration says
  std::optional<std::string> head;
};

nlohmann::ordered_json optional_time(std::optional<int64_t> ms) {
  return ms ? nlohmann::ordered_json(utc_time(*ms)) : nlohmann::ordered_json(nullptr);
}

void print_proof(const AuditProof& proof, bool as_json) {
  if (as_json) {
    const nlohmann::ordered_json body{{"intact", true},
                                      {"entries", proof.entries},
                                      {"first", optional_time(proof.first_ms)},
                                      {"last", optional_time(proof.last_ms)},
                                      {"head", proof.head}};
    std::cout << body.dump() << '\n';
    return;
  }
  std::cout << "the audit trail is intact: " << proof.entries << " entries";
  if (proof.first_ms) std::cout << " from " << utc_time(*proof.first_ms) << " to " << utc_time(*proof.last_ms);
  std::cout << "\nhead " << proof.head << '\n';
}

Result<std::string> database_of(const Check& check) {
  if (!check.database.empty()) return check.database;
  return NP_TRY(load_config({})).config.database;
}

Result<AuditProof> verify(const Check& check) {
  return verify_audit(NP_TRY(database_of(check)), check.head);
}

int run_verify(const Command& command, const Check& check) {
  if (::geteuid() != 0) return complain("audit verify needs root: it reads the database itself", kUsage);
  const auto proof = verify(check);
  if (proof) {
    print_proof(*proof, command.json);
    return 0;
  }
  if (command.json && proof.error().code == EBADMSG)
    std::cout << nlohmann::ordered_json{{"intact", false}, {"reason", proof.error().text}}.dump() << '\n';
  return complain(proof.error().text, kRefused);
}

void store_head(Check& check, std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c; });
  if (text.size() != 64 || text.find_first_not_of("0123456789abcdef") != std::string::npos)
    throw CLI::ValidationError("--head must be the 64 hexadecimal digits that an earlier audit verify told; got \"" +
                               text + "\"");
  check.head = std::move(text);
}

void add_verify(CLI::App& parent, Line& line) {
  CLI::App* app = parent.add_subcommand(
      "verify", "Checks that no entry was changed, added or taken away; works without the agent, as root.");
  app->footer(
      "\nEach entry carries a hash of itself and of the entry before it. Whoever is root on this server can rewrite "
      "all "
      "of it, so note the head elsewhere: verify --head proves later that nothing up to there was changed.");
  const auto check = std::make_shared<Check>();
  app->add_option("--database", check->database, "The database; without it, that of the agent's configuration.")
      ->type_name("PATH");
  app->add_option_function<std::string>(
         "--head", [check](const std::string& text) { store_head(*check, text); },
         "The head that an earlier check told.")
      ->type_name("HASH");
  app->callback(
      [&line, check] { line.command.work = [check](const Command& command) { return run_verify(command, *check); }; });
}

}  // namespace

void add_audit(Line& line) {
  CLI::App* app = line.app.add_subcommand("audit", "Shows, exports and checks the trail of who changed what.");
  app->require_subcommand(1);
  add_list(*app, line);
  add_export(*app, line);
  add_verify(*app, line);
}

}  // namespace npanel
