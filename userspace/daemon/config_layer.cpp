// SPDX-License-Identifier: Apache-2.0
#include "daemon/config_layer.h"

#include <algorithm>
#include <array>
#include <vector>

#include "daemon/config_keys.h"
#include "daemon/config_nearest.h"
#include "daemon/config_renamed.h"

namespace npanel {
namespace {

constexpr size_t kMostDots = 1000;

std::string place(const std::string& path, const toml::source_region& region) {
  return path + ":" + std::to_string(region.begin.line);
}

std::string meant(std::string_view wrong, const std::vector<std::string>& candidates) {
  const auto found = nearest(wrong, candidates);
  return found ? "; did you mean " + *found + "?" : "";
}

std::vector<std::string> all_variables() {
  std::vector<std::string> names;
  for (const ConfigKey& key : config_keys()) names.push_back(key.variable());
  return names;
}

// Behind the quotes of the string that begins at `at`, or at the end of a line that it may not pass (TOML 1.0, String).
size_t end_of_string(std::string_view text, size_t at) {
  const char quote = text[at];
  const std::string three(3, quote);
  const bool is_long = text.substr(at).starts_with(three);
  for (size_t i = at + (is_long ? three.size() : 1); i < text.size(); ++i) {
    if (text[i] == '\n' && !is_long) return i;
    const bool escapes = text[i] == '\\' && quote == '"';
    if (escapes && i + 1 < text.size() && text[i + 1] != '\n') ++i;
    if (escapes || text[i] != quote) continue;
    if (!is_long) return i + 1;
    if (!text.substr(i).starts_with(three)) continue;
    const size_t end = std::min(text.find_first_not_of(quote, i), text.size());
    return std::min(end, i + three.size() + 2);  // two quotes may stand before the three that end it
  }
  return text.size();
}

// toml++ 3.3 nests a table for each dot of [a.b.c], has no bound on that, and destroys what it nested recursively: half
// a MiB of dots is the end of the stack. Those of strings (192.0.2.1) and comments nest nothing.
bool has_too_many_dots(std::string_view text) {
  size_t dots = 0;
  for (size_t at = 0; at < text.size();) {
    if (text[at] == '"' || text[at] == '\'') {
      at = end_of_string(text, at);
    } else if (text[at] == '#') {
      at = std::min(text.find('\n', at), text.size());
    } else {
      dots += text[at] == '.' ? 1 : 0;
      ++at;
    }
  }
  return dots > kMostDots;
}

Result<toml::table> parse_toml(std::string_view text, const std::string& path) {
  if (has_too_many_dots(text))
    return failure(
        path + ": has more than " + std::to_string(kMostDots) + " dots outside of quotes: it is no configuration",
        EINVAL);
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& problem) {
    return failure(place(path, problem.source()) + ": " + std::string(problem.description()), EINVAL);
  }
}

// Keys that there were, and what is said instead.
struct GoneKey {
  std::string_view name;
  std::string_view variable;
  std::string_view instead;
};
constexpr std::array kGone = {GoneKey{
    "mail.account_by", "NPANEL_MAIL_ACCOUNT_BY",
    "whose mail it is does not depend on the configuration any more: the login, then the process that opened the "
    "connection; take the line out, and name hosts whose envelope sender is to be believed in mail.relays"}};

// "; it is called mail.throttle_minutes now", ": what is said instead of it", or "; did you mean smtp.ports?".
std::string advice(std::string_view wrong, std::string_view GoneKey::* called, const std::vector<std::string>& known) {
  const auto renamed = called == &GoneKey::name ? new_name_of_key(wrong) : new_name_of_variable(wrong);
  if (renamed) return "; it is called " + *renamed + " now";
  const auto gone = std::ranges::find(kGone, wrong, called);
  return gone == kGone.end() ? meant(wrong, known) : ": " + std::string(gone->instead);
}

// Is it [smtp], or [defaults] above [defaults.limits]?
bool is_section(const std::string& name) {
  return std::ranges::any_of(config_keys(), [&](const ConfigKey& key) { return key.name.starts_with(name + "."); });
}

Result<void> set(ConfigLayer& layer, const ConfigKey& key, const toml::node& node, const std::string& origin) {
  if (const auto done = key.set(layer.values, node); !done)
    return failure(origin + ": " + key.name + " " + done.error().text, EINVAL);
  layer.origins[key.name] = origin;
  return {};
}

Result<void> take(ConfigLayer& layer, const std::string& path, const toml::table& table, const std::string& prefix) {
  for (const auto& [name, node] : table) {
    const std::string full = prefix + std::string(name.str());
    const std::string origin = place(path, node.source());
    const toml::table* inner = node.as_table();
    if (const ConfigKey* key = find_config_key(full)) {
      NP_TRY(set(layer, *key, node, origin));
    } else if (is_section(full)) {
      if (!inner) return failure(origin + ": " + full + " is a section, [" + full + "]", EINVAL);
      NP_TRY(take(layer, path, *inner, full + "."));
    } else {
      // Of an unknown section the first key is told: it says best what was meant.
      const std::string wrong = inner && !inner->empty() ? full + "." + std::string(inner->begin()->first.str()) : full;
      return std::unexpected(unknown_key(wrong).within(origin));
    }
  }
  return {};
}

// The value of a variable or a flag as the table {value = …}. What is no TOML is a text without quotes; so is whatever
// comes without quotes where a text belongs, such as the name of a group that consists of digits.
Result<toml::table> value_of(const ConfigKey& key, const std::string& text) {
  const bool quoted = text.starts_with('"') || text.starts_with('\'');
  if (quoted || !key.is_text) {
    auto parsed = parse_toml("value = " + text, key.name);
    if (parsed && parsed->size() == 1) return parsed;
    if (quoted) return failure("must be one value as in the file", EINVAL);
  }
  return parse_toml("value = " + toml_quoted(text), key.name);
}

Result<ConfigLayer> one_value(const ConfigKey& key, const std::string& text, const std::string& origin) {
  ConfigLayer layer;
  const auto table = value_of(key, text);
  if (!table) return failure(origin + ": " + key.name + " must be a value as in the file, in UTF-8", EINVAL);
  NP_TRY(set(layer, key, *table->get("value"), origin));
  return layer;
}

}  // namespace

Error unknown_key(const std::string& name) {
  std::vector<std::string> names;
  for (const ConfigKey& key : config_keys()) names.push_back(key.name);
  return {.text = name + " is not a key of npanel-agent" + advice(name, &GoneKey::name, names), .code = EINVAL};
}

Result<ConfigLayer> parse_layer(std::string_view text, const std::string& path) {
  const toml::table table = NP_TRY(parse_toml(text, path));
  ConfigLayer layer;
  NP_TRY(take(layer, path, table, ""));
  return layer;
}

bool is_config_variable(std::string_view name) {
  const auto of_section = [name](const ConfigKey& key) {
    const std::string variable = key.variable();
    return name.starts_with(variable.substr(0, variable.find('_', std::string_view("NPANEL_").size()) + 1));
  };
  if (!name.starts_with("NPANEL_")) return false;
  return std::ranges::any_of(config_keys(), of_section) || new_name_of_variable(name) || nearest(name, all_variables());
}

Result<ConfigLayer> parse_variable(const std::string& name, const std::string& value) {
  const std::string origin = "environment " + name;
  const auto key = std::ranges::find(config_keys(), name, &ConfigKey::variable);
  if (key == config_keys().end())
    return failure(origin + " is not a variable of npanel-agent" + advice(name, &GoneKey::variable, all_variables()),
                   EINVAL);
  return one_value(*key, value, origin);
}

Result<ConfigLayer> parse_set(const std::string& assignment) {
  const std::string origin = "--set";
  const auto equals = assignment.find('=');
  if (equals == std::string::npos) return failure("--set must be KEY=VALUE; got \"" + assignment + "\"", EINVAL);
  const std::string name = assignment.substr(0, equals);
  const ConfigKey* key = find_config_key(name);
  if (key == nullptr) return std::unexpected(unknown_key(name).within(origin));
  return one_value(*key, assignment.substr(equals + 1), origin);
}

}  // namespace npanel
