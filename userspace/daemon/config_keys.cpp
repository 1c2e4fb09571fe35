// SPDX-License-Identifier: Apache-2.0
#include "daemon/config_keys.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <concepts>
#include <cstdio>
#include <optional>
#include <type_traits>

#include "daemon/config_address.h"
#include "daemon/config_device.h"
#include "model/log_name.h"
#include "model/net.h"
#include "npanel/smtp.h"

namespace npanel {
namespace {

bool has_control_characters(const std::string& text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c < ' ' || c == 0x7f; });
}

// What a key takes from a node; the error says what the value must be.

Result<std::string> text(const toml::node& node) {
  const auto value = node.value_exact<std::string>();
  if (!value || value->empty() || has_control_characters(*value))
    return failure("must be a text in quotes, not empty and without control characters");
  return *value;
}

Result<std::string> file_or_none(const toml::node& node) {
  const auto value = node.value_exact<std::string>();
  const bool absolute = value && value->starts_with('/') && !has_control_characters(*value);
  if (!value || (!value->empty() && !absolute)) return failure("must be the absolute path of a file, or \"\"");
  return *value;
}

Result<std::string> address_or_none(const toml::node& node) {
  const auto value = node.value_exact<std::string>();
  if (!value || (!value->empty() && !parse_listen(*value)))
    return failure(R"(must be an address with its port, "127.0.0.1:8443" or "[::1]:8443", or "")");
  return *value;
}

auto number(int64_t least, int64_t most) {
  return [least, most](const toml::node& node) -> Result<uint64_t> {
    const auto value = node.value_exact<int64_t>();
    if (!value || *value < least || *value > most)
      return failure("must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return static_cast<uint64_t>(*value);
  };
}

Result<bool> truth(const toml::node& node) {
  const auto value = node.value_exact<bool>();
  if (!value) return failure("must be true or false");
  return *value;
}

Result<double> percent(const toml::node& node) {
  const auto value = node.is_number() ? node.value<double>() : std::nullopt;
  const bool within = value && *value >= 0.01 && *value <= 100;  // nan is not
  if (!within) return failure("must be a number from 0.01 to 100");
  return *value;
}

auto limit(const auto& field) {
  return [&field](const toml::node& node) -> Result<std::optional<uint64_t>> {
    if (node.value_exact<std::string>() == "max") return std::nullopt;
    auto value = number(static_cast<int64_t>(field.least), static_cast<int64_t>(field.most))(node);
    if (!value) return failure(value.error().text + ", or \"max\"");
    return *value;
  };
}

Result<SmtpMode> mode(const toml::node& node) {
  const auto value = parse_smtp_mode(node.value_or(std::string()));
  if (!value) return failure(R"(must be "off", "observe", "redirect" or "enforce")");
  return *value;
}

Result<std::vector<uint16_t>> ports(const toml::node& node) {
  const std::string wanted = "must be a list of 1 to " + std::to_string(NP_SMTP_PORTS) + " ports from 1 to 65535";
  const toml::array* list = node.as_array();
  if (!list || list->empty() || list->size() > NP_SMTP_PORTS) return failure(wanted);
  std::vector<uint16_t> found;
  for (const toml::node& entry : *list) {
    const auto port = entry.value_exact<int64_t>().value_or(0);
    if (port < 1 || port > 65535) return failure(wanted);
    found.push_back(static_cast<uint16_t>(port));
  }
  return found;
}

// Texts, each of which `fits`; `what` they are.
auto texts(const std::string& what, size_t most, bool (*fits)(const std::string&)) {
  return [=](const toml::node& node) -> Result<std::vector<std::string>> {
    const std::string wanted = "must be a list of " + what;
    const toml::array* list = node.as_array();
    if (!list || list->size() > most) return failure(wanted);
    std::vector<std::string> found;
    for (const toml::node& entry : *list) {
      const auto value = entry.value_exact<std::string>();
      if (!value || has_control_characters(*value) || !fits(*value)) return failure(wanted);
      found.push_back(*value);
    }
    return found;
  };
}

constexpr size_t kDevicesMost = 256;
constexpr size_t kPathsMost = 64;
constexpr size_t kUsersMost = 16;
constexpr size_t kLogsMost = 8;

bool is_device(const std::string& text) {
  return text.starts_with("/dev/");
}
// What useradd(8) takes, and the capitals of Debian-exim.
bool is_user(const std::string& text) {
  constexpr std::string_view kOthers = "_.-";
  constexpr size_t kLongest = 32;
  return !text.empty() && text.size() <= kLongest && std::ranges::all_of(text, [&](unsigned char c) {
    return std::isalnum(c) != 0 || kOthers.find(static_cast<char>(c)) != std::string_view::npos;
  });
}
bool is_net(const std::string& text) {
  return parse_net(text).has_value();
}
bool is_path(const std::string& text) {
  return text.starts_with('/');
}
bool is_log(const std::string& text) {
  return is_log_path(text);
}
// A device that is not there may come; a partition will never have a limit.
Result<std::vector<std::string>> whole_devices(const toml::node& node) {
  auto nodes = NP_TRY(texts(R"(device nodes, ["/dev/nvme0n1"])", kDevicesMost, is_device)(node));
  for (const std::string& device : nodes)
    if (const auto whole = disk_of_partition(device))
      return failure("must be a list of whole devices: " + device + " is a partition of " + *whole);
  return nodes;
}
// This host's own mail is known by its process, so nobody's word on it is asked for.
bool is_elsewhere(const std::string& text) {
  const auto net = parse_net(text);
  return net && !overlap(*net, *parse_net("127.0.0.0/8")) && !overlap(*net, *parse_net("::1"));
}

Result<std::string> mailbox(const toml::node& node) {
  std::string value = node.value_exact<std::string>().value_or("");
  if (!is_user(value) && !is_email(value))
    return failure(R"(must be a user of this host or an address, "postmaster" or "support@example.com")");
  return value;
}

Result<std::string> language(const toml::node& node) {
  std::string value = node.value_exact<std::string>().value_or("");
  if (!is_language(value)) return failure(R"(must be a language such as "de" or "pt-BR")");
  return value;
}

// How a value looks in TOML.

std::string shown(const std::string& value) {
  return toml_quoted(value);
}

std::string shown(std::integral auto value) {
  return std::to_string(value);
}

std::string shown(bool value) {
  return value ? "true" : "false";
}

std::string shown(double value) {
  std::array<char, 32> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  const std::string written(digits.data(), end);
  return written.find_first_of(".e") == std::string::npos ? written + ".0" : written;
}

std::string shown(const std::optional<uint64_t>& value) {
  return value ? std::to_string(*value) : "\"max\"";
}

std::string shown(SmtpMode value) {
  return toml_quoted(to_string(value));
}

template <class T>
std::string shown(const std::vector<T>& values) {
  std::string list;
  for (const T& value : values) list += (list.empty() ? "" : ", ") + shown(value);
  return "[" + list + "]";
}

// Where in Config a value is.

template <class T>
auto at(T Config::* member) {
  return [member](auto& config) -> auto& { return config.*member; };
}

template <class Part, class T>
auto at(Part Config::* part, T Part::* member) {
  return [part, member](auto& config) -> auto& { return (config.*part).*member; };
}

// The sockets, the database and the kernel's tree are opened once; the watchdog does not reload.
bool needs_restart(std::string_view name) {
  constexpr std::array kOpenedOnce = {"api.group", "api.listen", "api.tls_certificate", "api.tls_key"};
  return name.starts_with("paths.") || name.starts_with("watchdog.") ||
         std::ranges::find(kOpenedOnce, name) != kOpenedOnce.end();
}

template <class At, class Read>
ConfigKey key(const std::string& name, At at, Read read) {
  using T = std::remove_cvref_t<decltype(at(std::declval<Config&>()))>;
  return {.name = name,
          .is_text = std::is_same_v<T, std::string> || std::is_same_v<T, SmtpMode>,
          .needs_restart = needs_restart(name),
          .set = [at, read](Config& config, const toml::node& node) -> Result<void> {
            at(config) = static_cast<T>(NP_TRY(read(node)));
            return {};
          },
          .shown = [at](const Config& config) { return npanel::shown(at(config)); },
          .copy = [at](Config& to, const Config& from) { at(to) = at(from); }};
}

// Of one limit on mail in the section; limits on recipients follow those on messages.
ConfigKey mail_key(const std::string& section, MailLimits Config::* limits, const MailField& field) {
  ConfigKey made = key(section + field.name, at(limits, field.member), limit(field));
  for (const auto& [messages, recipients] : kMailWindowFields) {
    if (field.member != recipients) continue;
    made.leader = section + field_of(messages).name;
    made.follow = [limits, messages, recipients](Config& config) {
      (config.*limits).*recipients = (config.*limits).*messages;
    };
  }
  return made;
}

std::vector<ConfigKey> all_keys() {
  std::vector<ConfigKey> keys{
      key("paths.cgroup_mount", at(&Config::cgroup_mount), text),
      key("paths.cgroup", at(&Config::cgroup_path), text),
      key("paths.database", at(&Config::database), text),
      key("paths.socket", at(&Config::socket), text),
      key("paths.policy_socket", at(&Config::policy_socket), file_or_none),
      key("paths.bpf_pins", at(&Config::pin_dir), text),
      key("paths.watchdog_socket", at(&Config::watchdog_socket), text),
      key("paths.helper_socket", at(&Config::helper_socket), text),
      key("api.group", at(&Config::socket_group), text),
      key("api.listen", at(&Config::listen), address_or_none),
      key("api.tls_certificate", at(&Config::tls_certificate), file_or_none),
      key("api.tls_key", at(&Config::tls_key), file_or_none),
      key("api.requests_per_second", at(&Config::requests_per_second), number(1, 100000)),
      key("api.burst", at(&Config::request_burst), number(1, 100000)),
      key("smtp.ports", at(&Config::smtp_ports), ports),
      key("smtp.exempt_users", at(&Config::smtp_exempt_users),
          texts(R"(at most 8 system users, ["Debian-exim"])", NP_SMTP_EXEMPT, is_user)),
      key("smtp.allow", at(&Config::smtp_allow),
          texts(R"(at most 1024 networks, ["192.0.2.0/24", "2001:db8::/32"])", NP_SMTP_NETS, is_net)),
      key("smtp.redirect_port", at(&Config::smtp_redirect_port), number(0, 65535)),
      key("mail.mta_users", at(&Config::mta_users),
          texts(R"(at most 16 system users, ["Debian-exim"])", kUsersMost, is_user)),
      key("mail.relays", at(&Config::mail_relays),
          texts(R"(at most 1024 networks of other hosts, without this one's loopback, ["192.0.2.25", "2001:db8::/64"])",
                NP_SMTP_NETS, is_elsewhere)),
      key("mail.users_map", at(&Config::users_map), file_or_none),
      key("mail.domains_map", at(&Config::domains_map), file_or_none),
      key("mail.logs", at(&Config::mail_logs),
          texts("at most 8 absolute paths of log files, in which %D, %M and %s may stand as in Exim's log_file_path",
                kLogsMost, is_log)),
      key("mail.throttle_unknown_percent", at(&Config::mail_throttle, &ThrottleRule::unknown_percent), number(0, 100)),
      key("mail.throttle_deferred_percent", at(&Config::mail_throttle, &ThrottleRule::deferred_percent),
          number(0, 100)),
      key("mail.throttle_content_percent", at(&Config::mail_throttle, &ThrottleRule::content_percent), number(0, 100)),
      key("mail.throttle_recipients", at(&Config::mail_throttle, &ThrottleRule::least), number(1, 1'000'000)),
      key("mail.throttle_minutes", at(&Config::mail_throttle, &ThrottleRule::minutes), number(1, 10080)),
      key("mail.notice_hours", at(&Config::notice_hours), number(0, 720)),
      key("mail.notice_from", at(&Config::notice_from), mailbox),
      key("mail.notice_language", at(&Config::notice_language), language),
      key("io.devices", at(&Config::io_devices), whole_devices),
      key("io.paths", at(&Config::io_paths), texts(R"(absolute paths of directories, ["/home"])", kPathsMost, is_path)),
      key("accounts.least_uid", at(&Config::least_uid), number(1, 4294967294)),
      key("reconcile.accounts_per_second", at(&Config::reconcile_per_second), number(1, NP_SLOTS)),
      key("overhead.agent_percent", at(&Config::overhead_agent_percent), percent),
      key("overhead.kernel_percent", at(&Config::overhead_kernel_percent), percent),
      key("overhead.memory_mb", at(&Config::overhead_memory_mb), number(1, 4096)),
      key("overhead.seconds", at(&Config::overhead_seconds), number(1, 86400)),
      key("overhead.drop_limits", at(&Config::overhead_drop_limits), truth),
      key("watchdog.interval_seconds", at(&Config::watchdog_interval_s), number(1, 60)),
      key("watchdog.timeout_seconds", at(&Config::watchdog_timeout_s), number(1, 30)),
      key("watchdog.restarts_per_hour", at(&Config::watchdog_restarts_per_hour), number(1, 1000))};
  for (const LimitField& field : kLimitFields)
    keys.push_back(
        key(std::string("defaults.limits.") + field.name, at(&Config::default_limits, field.member), limit(field)));
  keys.push_back(key("defaults.smtp.per_minute", at(&Config::default_smtp, &SmtpLimit::per_minute),
                     number(0, NP_BUCKET_PER_MINUTE_MAX)));
  keys.push_back(
      key("defaults.smtp.burst", at(&Config::default_smtp, &SmtpLimit::burst), number(0, NP_BUCKET_BURST_MAX)));
  keys.push_back(key("defaults.smtp.mode", at(&Config::default_smtp, &SmtpLimit::mode), mode));
  for (const MailField& field : kMailFields) keys.push_back(mail_key("defaults.mail.", &Config::default_mail, field));
  for (const MailField& field : kMailFields)
    if (field.member != &MailLimits::connections)
      keys.push_back(mail_key("mail.unattributed.", &Config::unattributed_mail, field));
  return keys;
}

Result<void> check_cgroup_path(const std::string& path) {
  if (path.starts_with('/') || ("/" + path + "/").find("/../") != std::string::npos ||
      ("/" + path + "/").find("/./") != std::string::npos)
    return refused("paths.cgroup", "must be a path below the mount, without . and ..: " + path);
  return {};
}

// What goes over a network is encrypted.
Result<void> check_tls(const Config& config) {
  if (config.tls_certificate.empty() != config.tls_key.empty())
    return refused(config.tls_key.empty() ? "api.tls_certificate" : "api.tls_key",
                   "must not be alone: api.tls_certificate and api.tls_key are both set, or none");
  const auto address = parse_listen(config.listen);
  if (address && !is_loopback(*address) && config.tls_key.empty())
    return refused("api.listen",
                   "must be a loopback address, 127.0.0.1 or ::1, unless api.tls_certificate and api.tls_key are set");
  return {};
}

// "limits.pids_max must be …" is about "defaults.limits.pids_max".
Result<void> of_defaults(Result<void> checked) {
  if (checked) return {};
  return std::unexpected(
      Error{.text = "defaults." + checked.error().text, .code = EINVAL, .field = "defaults." + checked.error().field});
}

}  // namespace

std::string config_variable(std::string_view key) {
  std::string text = "NPANEL_" + std::string(key);
  std::ranges::replace(text, '.', '_');
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return text;
}

std::string ConfigKey::variable() const {
  return config_variable(name);
}

const std::vector<ConfigKey>& config_keys() {
  static const std::vector<ConfigKey> keys = all_keys();
  return keys;
}

const ConfigKey* find_config_key(std::string_view name) {
  const auto found = std::ranges::find(config_keys(), name, &ConfigKey::name);
  return found == config_keys().end() ? nullptr : &*found;
}

std::string toml_quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) {
      std::array<char, 8> escaped{};
      std::snprintf(escaped.data(), escaped.size(), "\\u%04X", static_cast<unsigned>(c));
      quoted += escaped.data();
      continue;
    }
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

Result<void> check_together(const Config& config) {
  NP_TRY(check_cgroup_path(config.cgroup_path));
  NP_TRY(check_tls(config));
  NP_TRY(of_defaults(check(config.default_limits)));
  NP_TRY(of_defaults(check(config.default_smtp)));
  return of_defaults(check(config.default_mail));
}

}  // namespace npanel
