// SPDX-License-Identifier: Apache-2.0
// Is every configuration either refused with file and place, or one that the agent can be started with? What stands
// behind a NUL is a drop-in of what stands before it.
#include "daemon/config_load.h"
#include "must.h"
#include "npanel/smtp.h"

namespace npanel {
namespace {

constexpr const char* kFile = "/etc/npanel/agent.toml";
constexpr const char* kDropIn = "/etc/npanel/agent.d/10-fuzz.toml";

Result<LoadedConfig> load(ConfigFiles files) {
  static const ConfigSources kSources{.vendor = "/nonexistent/agent.toml", .file = kFile};
  return load_config(kSources, std::move(files));
}

void judge_path(const std::string& text) {
  must(!text.empty(), "a path is not empty");
  must(text.find('\0') == std::string::npos, "a path holds no NUL: it would be another one", text);
}

void judge(const Config& config) {
  must(check(config.default_limits).has_value(), "default limits are valid");
  must(check(config.default_smtp).has_value(), "the default rate is valid");
  must(!config.smtp_ports.empty() && config.smtp_ports.size() <= NP_SMTP_PORTS, "the kernel has room for the ports");
  for (const uint16_t port : config.smtp_ports) must(port != 0, "no port is 0");
  must(config.reconcile_per_second >= 1 && config.reconcile_per_second <= NP_SLOTS, "accounts_per_second");
  must(config.watchdog_interval_s >= 1 && config.watchdog_timeout_s >= 1, "the watchdog has a time");
  must(config.overhead_agent_percent > 0 && config.overhead_kernel_percent > 0 && config.overhead_seconds > 0,
       "an overhead limit");
  must(config.tls_certificate.empty() == config.tls_key.empty(), "certificate and key come together");
  for (const std::string* text : {&config.cgroup_mount, &config.cgroup_path, &config.database, &config.socket,
                                  &config.socket_group, &config.pin_dir, &config.watchdog_socket})
    judge_path(*text);
  for (const std::string& device : config.io_devices) judge_path(device);
  for (const std::string& path : config.io_paths) judge_path(path);
  const std::string below = "/" + config.cgroup_path + "/";
  must(config.cgroup_path.front() != '/' && below.find("/../") == std::string::npos, "paths.cgroup stays below",
       config.cgroup_path);
}

std::string shown(const LoadedConfig& loaded) {
  std::string text;
  for (const ConfigValue& value : loaded.values) text += value.key + " = " + value.now.value + "\n";
  return text;
}

void run(std::string_view input) {
  const auto end = std::min(input.find('\0'), input.size());
  ConfigFiles files{{kFile, std::string(input.substr(0, end))}};
  if (end < input.size()) files[kDropIn] = input.substr(end + 1);
  const auto loaded = load(std::move(files));
  if (!loaded) {
    must(loaded.error().text.find("/etc/npanel/agent.") != std::string::npos, "a refusal names the file",
         loaded.error().text);
    return;
  }
  judge(loaded->config);
  const std::string text = shown(*loaded);
  const auto again = load({{kFile, text}});
  must(again && shown(*again) == text, "what is shown, written into a file, is the same configuration", text);
}

}  // namespace
}  // namespace npanel

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's own name
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  npanel::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
