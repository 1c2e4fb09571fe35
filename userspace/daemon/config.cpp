// SPDX-License-Identifier: Apache-2.0
#include "daemon/config.h"

#include <toml++/toml.h>

#include <filesystem>
#include <functional>
#include <map>

#include "npanel/smtp.h"

namespace npanel {
namespace {

// Takes one value of the file; the error says what the value must be.
using Setter = std::function<Result<void>(const toml::node&)>;
using Setters = std::map<std::string, Setter, std::less<>>;

Setter text(std::string& target) {
  return [&target](const toml::node& node) -> Result<void> {
    const auto value = node.value_exact<std::string>();
    if (!value || value->empty()) return failure("must be a text in quotes");
    target = *value;
    return {};
  };
}

Setter number(uint64_t& target, int64_t least, int64_t most) {
  return [&target, least, most](const toml::node& node) -> Result<void> {
    const auto value = node.value_exact<int64_t>();
    if (!value || *value < least || *value > most)
      return failure("must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    target = static_cast<uint64_t>(*value);
    return {};
  };
}

Setter small_number(uint32_t& target, int64_t most) {
  return [&target, most](const toml::node& node) -> Result<void> {
    uint64_t value = 0;
    NP_TRY(number(value, 0, most)(node));
    target = static_cast<uint32_t>(value);
    return {};
  };
}

Setter limit(std::optional<uint64_t>& target, const LimitField& field) {
  return [&target, &field](const toml::node& node) -> Result<void> {
    if (node.value_exact<std::string>() == "max") {
      target.reset();
      return {};
    }
    uint64_t value = 0;
    const auto least = static_cast<int64_t>(field.least);
    const auto most = static_cast<int64_t>(field.most);
    if (auto set = number(value, least, most)(node); !set) return failure(set.error().text + ", or \"max\"");
    target = value;
    return {};
  };
}

Setter mode(SmtpMode& target) {
  return [&target](const toml::node& node) -> Result<void> {
    const auto value = parse_smtp_mode(node.value_or(std::string()));
    if (!value) return failure(R"(must be "off", "observe" or "enforce")");
    target = *value;
    return {};
  };
}

Setter ports(std::vector<uint16_t>& target) {
  return [&target](const toml::node& node) -> Result<void> {
    const std::string wanted = "must be a list of 1 to " + std::to_string(NP_SMTP_PORTS) + " ports from 1 to 65535";
    const toml::array* list = node.as_array();
    if (!list || list->empty() || list->size() > NP_SMTP_PORTS) return failure(wanted);
    target.clear();
    for (const toml::node& entry : *list) {
      const auto port = entry.value_exact<int64_t>().value_or(0);
      if (port < 1 || port > 65535) return failure(wanted);
      target.push_back(static_cast<uint16_t>(port));
    }
    return {};
  };
}

Setter texts(std::vector<std::string>& target) {
  return [&target](const toml::node& node) -> Result<void> {
    const toml::array* list = node.as_array();
    if (!list) return failure("must be a list of device nodes, [\"/dev/nvme0n1\"]");
    target.clear();
    for (const toml::node& entry : *list) {
      const auto value = entry.value_exact<std::string>();
      if (!value || !value->starts_with("/dev/")) return failure("must be a list of device nodes, [\"/dev/nvme0n1\"]");
      target.push_back(*value);
    }
    return {};
  };
}

Setters setters_for(Config& config) {
  Setters setters{
      {"paths.cgroup_mount", text(config.cgroup_mount)},
      {"paths.cgroup", text(config.cgroup_path)},
      {"paths.database", text(config.database)},
      {"paths.socket", text(config.socket)},
      {"paths.bpf_pins", text(config.pin_dir)},
      {"paths.watchdog_socket", text(config.watchdog_socket)},
      {"watchdog.interval_seconds", number(config.watchdog_interval_s, 1, 60)},
      {"watchdog.timeout_seconds", number(config.watchdog_timeout_s, 1, 30)},
      {"watchdog.restarts_per_hour", number(config.watchdog_restarts_per_hour, 1, 1000)},
      {"api.group", text(config.socket_group)},
      {"smtp.ports", ports(config.smtp_ports)},
      {"io.devices", texts(config.io_devices)},
      {"reconcile.accounts_per_second", number(config.reconcile_per_second, 1, NP_SLOTS)},
      {"defaults.rate_limit.per_minute", small_number(config.default_rate_limit.per_minute, NP_BUCKET_PER_MINUTE_MAX)},
      {"defaults.rate_limit.burst", small_number(config.default_rate_limit.burst, NP_BUCKET_BURST_MAX)},
      {"defaults.rate_limit.mode", mode(config.default_rate_limit.mode)}};
  for (const LimitField& field : kLimitFields)
    setters.emplace(std::string("defaults.limits.") + field.name, limit(config.default_limits.*field.member, field));
  return setters;
}

std::string place(const std::string& path, const toml::source_region& region) {
  return path + ":" + std::to_string(region.begin.line);
}

Result<void> take(const std::string& path, const toml::table& table, const std::string& prefix,
                  const Setters& setters) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    if (const auto setter = setters.find(name); setter != setters.end()) {
      if (auto set = setter->second(node); !set)
        return failure(place(path, node.source()) + ": " + name + " " + set.error().text, EINVAL);
    } else if (const toml::table* inner = node.as_table()) {
      NP_TRY(take(path, *inner, name + ".", setters));
    } else {
      return failure(place(path, node.source()) + ": " + name + " is not a key of npanel-agent", EINVAL);
    }
  }
  return {};
}

Result<void> check_cgroup_path(const std::string& path) {
  if (path.starts_with('/') || ("/" + path + "/").find("/../") != std::string::npos ||
      ("/" + path + "/").find("/./") != std::string::npos)
    return failure("paths.cgroup must be a path below the mount, without . and ..: " + path, EINVAL);
  return {};
}

}  // namespace

std::string Config::failure_directory() const {
  return std::filesystem::path(database).replace_filename("failures").string();
}

std::string Config::watchdog_memory() const {
  return std::filesystem::path(database).replace_filename("watchdog.json").string();
}

std::string Config::scratch_directory() const {
  return std::filesystem::path(socket).parent_path().string();
}

Result<Config> read_config(const std::string& path) {
  Config config;
  try {
    NP_TRY(take(path, toml::parse_file(path), "", setters_for(config)));
  } catch (const toml::parse_error& problem) {
    return failure(place(path, problem.source()) + ": " + std::string(problem.description()), EINVAL);
  }
  const auto whole = [&](Result<void> checked) {
    return checked ? checked : failure(path + ": defaults: " + checked.error().text, EINVAL);
  };
  NP_TRY(whole(check(config.default_limits)));
  NP_TRY(whole(check(config.default_rate_limit)));
  NP_TRY(whole(check_cgroup_path(config.cgroup_path)));
  return config;
}

}  // namespace npanel
