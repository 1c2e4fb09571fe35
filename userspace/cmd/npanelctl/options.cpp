// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <optional>

#include "base/parse.h"
#include "model/account.h"
#include "npanel/token_bucket.h"

namespace npanel {
namespace {

using nlohmann::json;

constexpr uint64_t kKi = 1024;
constexpr std::array kModes = {"enforce", "redirect", "observe", "off"};
constexpr const char* kModeMeaning =
    "With enforce, connections above the limits are refused; with redirect, all go to the local MTA, but those to port "
    "465; with observe, they are only counted and reported; with off, neither.";

// The range is the model's own; the rest is how people write it.
template <class Fields>
constexpr NumberOption field_option(const Fields& fields, const char* flag, std::string_view field, const char* pointer,
                                    const char* meaning, Unit unit) {
  for (const auto& known : fields)
    if (field == known.name) return {flag, pointer, meaning, unit, known.least, known.most, true};
  throw "no such limit";  // at compile time
}

constexpr NumberOption limit_option(const char* flag, std::string_view field, const char* pointer, const char* meaning,
                                    Unit unit) {
  return field_option(kLimitFields, flag, field, pointer, meaning, unit);
}

constexpr NumberOption mail_option(const char* flag, std::string_view field, const char* pointer, const char* meaning,
                                   Unit unit) {
  return field_option(kMailFields, flag, field, pointer, meaning, unit);
}

constexpr std::array kLimitOptions = {
    limit_option("--cpu", "cpu_percent", "/limits/cpu_percent",
                 "The share of CPU time that the account may use, where 100% is one core.", Unit::kPercent),
    limit_option("--memory", "memory_max_bytes", "/limits/memory_max_bytes",
                 "The memory that the account may hold; beyond it, the kernel kills processes of the account.",
                 Unit::kBytes),
    limit_option("--memory-high", "memory_high_bytes", "/limits/memory_high_bytes",
                 "The memory above which the kernel slows the account down and reclaims; not above --memory.",
                 Unit::kBytes),
    limit_option("--swap", "swap_max_bytes", "/limits/swap_max_bytes",
                 "The swap space that the account may use; 0 means none.", Unit::kBytes),
    limit_option("--io-read", "io_read_bytes_per_s", "/limits/io_read_bytes_per_s",
                 "The bytes a second that the account may read from each disk.", Unit::kBytesPerSecond),
    limit_option("--io-write", "io_write_bytes_per_s", "/limits/io_write_bytes_per_s",
                 "The bytes a second that the account may write to each disk.", Unit::kBytesPerSecond),
    limit_option("--pids", "pids_max", "/limits/pids_max",
                 "The processes and threads that the account may have at once.", Unit::kCount),
};

constexpr std::array kMailOptions = {
    mail_option("--mail-per-15min", "messages_per_15min", "/mail/messages_per_15min",
                "The messages that the account may send in any 15 minutes.", Unit::kCount),
    mail_option("--mail-per-hour", "messages_per_hour", "/mail/messages_per_hour", "The messages in any hour.",
                Unit::kCount),
    mail_option("--mail-per-day", "messages_per_day", "/mail/messages_per_day", "The messages in any day.",
                Unit::kCount),
    mail_option("--mail-recipients-per-15min", "recipients_per_15min", "/mail/recipients_per_15min",
                "The recipients in any 15 minutes.", Unit::kCount),
    mail_option("--mail-recipients-per-hour", "recipients_per_hour", "/mail/recipients_per_hour",
                "The recipients in any hour.", Unit::kCount),
    mail_option("--mail-recipients-per-day", "recipients_per_day", "/mail/recipients_per_day",
                "The recipients in any day.", Unit::kCount),
    mail_option("--mail-bytes-per-15min", "bytes_per_15min", "/mail/bytes_per_15min", "The bytes in any 15 minutes.",
                Unit::kBytes),
    mail_option("--mail-bytes-per-hour", "bytes_per_hour", "/mail/bytes_per_hour", "The bytes in any hour.",
                Unit::kBytes),
    mail_option("--mail-bytes-per-day", "bytes_per_day", "/mail/bytes_per_day", "The bytes in any day.", Unit::kBytes),
    mail_option("--smtp-connections", "connections", "/mail/connections",
                "The direct SMTP connections that may be open at the same time.", Unit::kCount),
};

constexpr const char* kSizes =
    "\nSizes are plain bytes, or end in K M G T (powers of 1024) or KB MB GB TB (powers of 1000).";
constexpr const char* kPerMinuteMeaning =
    "The SMTP connections a minute that the account may open over time; 0 means none at all.";
constexpr const char* kBurstMeaning =
    "The SMTP connections that the account may open back to back; at most 1440 times the connections a minute.";

std::string short_size(uint64_t bytes) {
  constexpr std::string_view kUnits = "KMGT";
  std::string unit;
  for (const char next : kUnits) {
    if (bytes == 0 || bytes % kKi != 0) break;
    bytes /= kKi;
    unit = next;
  }
  return std::to_string(bytes) + unit;
}

std::string written(Unit unit, uint64_t value) {
  if (unit == Unit::kCount) return std::to_string(value);
  if (unit == Unit::kPercent) return std::to_string(value) + "%";
  return short_size(value);
}

std::string kind(Unit unit) {
  if (unit == Unit::kCount) return "a whole number";
  if (unit == Unit::kPercent) return "a whole percentage";
  return unit == Unit::kBytes ? "a size in bytes" : "a size in bytes a second";
}

bool is_size(Unit unit) {
  return unit == Unit::kBytes || unit == Unit::kBytesPerSecond;
}

// "a size in bytes from 64M to 1024T, or max for no limit"
std::string range(const NumberOption& option) {
  const std::string text =
      kind(option.unit) + " from " + written(option.unit, option.least) + " to " + written(option.unit, option.most);
  return option.may_be_max ? text + ", or max for no limit" : text;
}

std::optional<uint64_t> parse(Unit unit, std::string_view text) {
  if (is_size(unit)) return parse_size(text);
  if (unit == Unit::kPercent && text.ends_with('%')) text.remove_suffix(1);
  return parse_u64(text);
}

const char* type_name(Unit unit) {
  if (unit == Unit::kCount) return "N";
  return unit == Unit::kPercent ? "PERCENT" : "SIZE";
}

void add_mode_option(CLI::App& app, const std::string& flag, const char* pointer, json& body) {
  const auto store = [&body, flag, pointer](const std::string& text) {
    if (std::ranges::find(kModes, text) == kModes.end())
      throw CLI::ValidationError(flag + " must be enforce, redirect, observe or off; got \"" + text + "\"");
    body[json::json_pointer(pointer)] = text;
  };
  app.add_option_function<std::string>(flag, store, kModeMeaning)->type_name("MODE");
}

}  // namespace

json number_value(const NumberOption& option, std::string_view text) {
  if (option.may_be_max && text == "max") return nullptr;
  const auto value = parse(option.unit, text);
  if (!value || *value < option.least || *value > option.most)
    throw CLI::ValidationError(std::string(option.flag) + " must be " + range(option) + "; got \"" + std::string(text) +
                               "\"" + (is_size(option.unit) ? kSizes : ""));
  return *value;
}

void add_number_option(CLI::App& app, const NumberOption& option, json& body) {
  const auto store = [&body, option](const std::string& text) {
    body[json::json_pointer(option.field)] = number_value(option, text);
  };
  app.add_option_function<std::string>(option.flag, store,
                                       std::string(option.meaning) + " It is " + range(option) + ".")
      ->type_name(type_name(option.unit));
}

void add_uid_option(CLI::App& app, json& body, const std::string& meaning) {
  static constexpr NumberOption kUid = {"--uid", "/uid", "", Unit::kCount, 1, 4294967294, false};
  const auto store = [&body](const std::string& text) {
    body["uid"] = text == "none" ? json(nullptr) : number_value(kUid, text);
  };
  app.add_option_function<std::string>("--uid", store, meaning)->type_name("N");
}

void add_rename_option(CLI::App& app, json& body) {
  const auto store = [&body](const std::string& text) {
    if (const auto name = parse_account_name(text); !name)
      throw CLI::ValidationError("--rename " + name.error().text.substr(name.error().field.size() + 1));
    body["name"] = text;
  };
  app.add_option_function<std::string>("--rename", store,
                                       "The account's new name; its processes, limits and counts stay as they are.")
      ->type_name("NAME");
}

void add_limit_options(CLI::App& app, json& body) {
  app.footer(kSizes);
  for (const NumberOption& option : kLimitOptions) add_number_option(app, option, body);
}

void add_smtp_options(CLI::App& app, json& body) {
  add_number_option(
      app,
      {"--smtp-per-minute", "/smtp/per_minute", kPerMinuteMeaning, Unit::kCount, 0, NP_BUCKET_PER_MINUTE_MAX, false},
      body);
  add_number_option(app, {"--smtp-burst", "/smtp/burst", kBurstMeaning, Unit::kCount, 0, NP_BUCKET_BURST_MAX, false},
                    body);
  add_mode_option(app, "--smtp-mode", "/smtp/mode", body);
}

void add_mail_options(CLI::App& app, json& body) {
  for (const NumberOption& option : kMailOptions) add_number_option(app, option, body);
}

void add_contact_options(CLI::App& app, json& body) {
  const auto add = [&](const std::string& flag, const char* pointer, bool (*fits)(std::string_view),
                       const std::string& example, const std::string& meaning) {
    const auto store = [=, &body](const std::string& text) {
      if (text != "none" && !fits(text))
        throw CLI::ValidationError(flag + " must be " + example + ", or none; got \"" + text + "\"");
      body[json::json_pointer(pointer)] = text == "none" ? json(nullptr) : json(text);
    };
    app.add_option_function<std::string>(flag, store, meaning)->type_name("TEXT");
  };
  add("--contact-email", "/contact/email", is_email, "an address such as owner@example.com",
      "Where the owner is told that mail is held back; none for the mailbox of the account's user.");
  add("--contact-language", "/contact/language", is_language, "a language such as de or pt-BR",
      "The owner's language; none for the server's.");
}

void add_smtp_limit_options(CLI::App& app, json& body) {
  add_number_option(
      app, {"--per-minute", "/per_minute", kPerMinuteMeaning, Unit::kCount, 0, NP_BUCKET_PER_MINUTE_MAX, false}, body);
  add_number_option(app, {"--burst", "/burst", kBurstMeaning, Unit::kCount, 0, NP_BUCKET_BURST_MAX, false}, body);
  add_mode_option(app, "--mode", "/mode", body);
}

}  // namespace npanel
