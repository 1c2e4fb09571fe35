// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/config_rollback.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "cmd/npanelctl/cells.h"
#include "cmd/npanelctl/config_answer.h"
#include "cmd/npanelctl/format.h"
#include "daemon/config_rollback.h"

namespace npanel {
namespace {

using nlohmann::ordered_json;

constexpr int kRefused = 1;
constexpr int kUsage = 2;

std::optional<uint64_t> number(const ordered_json& from, const char* name) {
  const auto found = from.find(name);
  if (found == from.end() || !found->is_number_unsigned()) return std::nullopt;
  return found->get<uint64_t>();
}

std::expected<uint64_t, int> version_before(const std::string& socket) {
  const auto now = ask_agent(socket, {"GET", "/api/v1/config", {}});
  if (!now) return std::unexpected(now.error());
  const auto versions = ask_agent(socket, {"GET", "/api/v1/config/versions", {}});
  if (!versions) return std::unexpected(versions.error());
  uint64_t before = 0;
  if (const auto effective = number(*now, "version"); effective && versions->contains("versions"))
    for (const ordered_json& version : versions->at("versions"))
      if (const auto id = number(version, "id"); id && *id < *effective) before = std::max(before, *id);
  if (before == 0) return std::unexpected(complain("there is no version before the one in force", kRefused));
  return before;
}

// The answer comes from the agent, which is not to be trusted with the paths: rollback_changes() judges them.
Result<ConfigFiles> files_of(const ordered_json& version) {
  const auto files = version.find("files");
  if (files == version.end() || !files->is_object()) return failure("the agent's answer has no files");
  ConfigFiles found;
  for (const auto& [path, text] : files->items()) {
    if (!text.is_string()) return failure("the agent's answer has no text for " + path);
    found[path] = text.get<std::string>();
  }
  return found;
}

// The values before and after, as far as the files that are there now can be read.
std::string changed_values(const ConfigFiles& now, const LoadedConfig& then) {
  const auto before = load_config({}, now);
  if (!before) return "  the present files are wrong: " + printable(before.error().text) + '\n';
  std::string text;
  for (size_t i = 0; i < then.values.size(); ++i) {
    const std::string& was = before->values[i].now.value;
    const std::string& is = then.values[i].now.value;
    if (was != is) text += "  " + then.values[i].key + ": " + printable(was) + " -> " + printable(is) + '\n';
  }
  return text;
}

void print_changes(const std::vector<FileChange>& changes, bool json) {
  if (json) {
    auto list = ordered_json::array();
    for (const FileChange& change : changes)
      list.push_back({{"path", change.path}, {"action", change.after ? "write" : "move_aside"}});
    std::cout << ordered_json{{"changes", list}}.dump(-1, ' ', false, ordered_json::error_handler_t::replace) << '\n';
    return;
  }
  for (const FileChange& change : changes)
    std::cout << (change.after ? "write " + printable(change.path)
                               : "move " + printable(change.path) + " to " + printable(set_aside(change.path)))
              << '\n';
}

void print_reloaded(const ordered_json& answer) {
  const nlohmann::json report = answer;
  std::cout << key_values({{"version", plain(field(report, "version"))},
                           {"changed", joined(field(report, "changed"), ", ", "nothing")},
                           {"needs a restart", joined(field(report, "needs_restart"), ", ", "nothing")}});
}

int put_back(const std::vector<FileChange>& changes, int exit_code) {
  if (const auto undone = undo_changes(changes); !undone)
    return complain("the former files could not be put back: " + undone.error().text, exit_code);
  return complain("the former files are back", exit_code);
}

int roll_back(const std::vector<FileChange>& changes, const std::string& socket, bool json) {
  if (const auto made = make_changes(changes); !made)
    return complain(made.error().text + "; nothing was changed", kRefused);
  const auto answer = ask_agent(socket, {"POST", "/api/v1/reload", {}});
  if (!answer) return put_back(changes, answer.error());
  if (json)
    std::cout << answer->dump(-1, ' ', false, ordered_json::error_handler_t::replace) << '\n';
  else
    print_reloaded(*answer);
  return 0;
}

// What is to be done, once it is known to be possible.
struct Plan {
  std::vector<FileChange> changes;
  std::string values;
};

Result<Plan> plan(const ordered_json& version) {
  const ConfigFiles now = NP_TRY(read_config_files({}));
  const ConfigFiles wanted = NP_TRY(files_of(version));
  auto changes = NP_TRY(rollback_changes({}, now, wanted));
  const auto then = load_config({}, wanted);
  if (!then) return failure("this npanel-agent cannot use that version: " + then.error().text);
  return Plan{.changes = std::move(changes), .values = changed_values(now, *then)};
}

}  // namespace

int run_rollback(std::optional<uint64_t> version, const std::string& socket, bool sure, bool json) {
  if (::geteuid() != 0) return complain("config rollback needs root", kUsage);
  const auto id = version ? std::expected<uint64_t, int>(*version) : version_before(socket);
  if (!id) return id.error();
  const std::string number = std::to_string(*id);
  const auto answer = ask_agent(socket, {"GET", "/api/v1/config/versions/" + number, {}});
  if (!answer) return answer.error();
  const auto planned = plan(*answer);
  if (!planned) return complain(planned.error().text, kRefused);
  if (planned->changes.empty())
    return complain("the files are those of version " + number + " already; npanelctl reload puts them in force", 0);
  if (!json || !sure) print_changes(planned->changes, json);
  if (!json) std::cout << planned->values;
  if (!sure)
    return complain("nothing was changed yet; to do it: npanelctl config rollback " + number + " --yes", kUsage);
  return roll_back(planned->changes, socket, json);
}

}  // namespace npanel
