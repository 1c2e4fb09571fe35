// SPDX-License-Identifier: Apache-2.0
#include "api/codec.h"

#include <algorithm>
#include <set>

#include "base/clock.h"
#include "model/cputime.h"

namespace npanel {
namespace {

constexpr uint64_t kMicrosecond = 1000;

Json or_null(std::optional<uint64_t> value) {
  return value ? Json(*value) : Json(nullptr);
}
Json limit(uint64_t value) {
  return value == NP_UNLIMITED ? Json(nullptr) : Json(value);
}

// What was sent, short enough for an error text and free of control characters.
std::string shown(const Json& value) {
  constexpr size_t kMost = 40;
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > kMost) text = text.substr(0, kMost) + "…";
  return text;
}

std::unexpected<Error> refused_value(const std::string& field, const std::string& wanted, const Json& value) {
  return refused(field, wanted + "; got " + shown(value));
}

Json encode_cpu(const np_usage& usage, bool bandwidth) {
  const CpuSplit split =
      split_runtime(usage.runtime_ns, {.user_ns = usage.user_ticks_ns, .system_ns = usage.system_ticks_ns},
                    {.user_ns = usage.shown_user_ns, .system_ns = usage.shown_system_ns});
  Json json{{"usage_us", usage.runtime_ns / kMicrosecond},
            {"user_us", split.user_ns / kMicrosecond},
            {"system_us", split.system_ns / kMicrosecond}};
  const auto add = [&](const char* name, Json value) { json[name] = bandwidth ? std::move(value) : Json(nullptr); };
  add("periods", usage.periods);
  add("throttled_periods", usage.throttled_periods);
  add("throttled_us", usage.throttled_ns / kMicrosecond);
  add("quota_us", usage.quota_ns == NP_UNLIMITED ? Json(nullptr) : Json(usage.quota_ns / kMicrosecond));
  add("period_us", usage.period_ns / kMicrosecond);
  return json;
}

Json encode_memory(const np_usage& usage) {
  return {{"current_bytes", usage.memory_bytes},
          {"max_bytes", limit(usage.memory_max_bytes)},
          {"high_bytes", limit(usage.memory_high_bytes)},
          {"events",
           {{"high", usage.memory_high_events},
            {"max", usage.memory_max_events},
            {"oom", usage.memory_oom_events},
            {"oom_kill", usage.memory_oom_kills}}}};
}

Json encode_pressure(const np_usage& usage) {
  const auto pair = [&](np_pressure some, np_pressure full) {
    return Json{{"some_us", usage.pressure_ns[some] / kMicrosecond},
                {"full_us", usage.pressure_ns[full] / kMicrosecond}};
  };
  return {{"cpu", pair(NP_PRESSURE_CPU_SOME, NP_PRESSURE_CPU_FULL)},
          {"memory", pair(NP_PRESSURE_MEMORY_SOME, NP_PRESSURE_MEMORY_FULL)},
          {"io", pair(NP_PRESSURE_IO_SOME, NP_PRESSURE_IO_FULL)}};
}

}  // namespace

Result<Json> parse_object(std::string_view body) {
  // The library keeps the last of two equal keys; a client that sends both is told instead.
  std::vector<std::set<std::string>> open;
  std::string twice;
  const auto watch = [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end) open.pop_back();
    if (event == Json::parse_event_t::key && !open.back().insert(parsed.get<std::string>()).second)
      twice = parsed.get<std::string>();
    return true;
  };
  Json json = Json::parse(body, watch, false);
  if (json.is_discarded()) return refused("body", "must be one JSON object (RFC 8259, UTF-8); it does not parse");
  if (!json.is_object()) return refused("body", std::string("must be a JSON object; got ") + json.type_name());
  if (!twice.empty()) return refused("body", "must not name a key twice; twice: " + shown(twice));
  return json;
}

Result<void> only_keys(const Json& object, std::string_view prefix, std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : object.items()) {
    if (std::ranges::find(known, key) != known.end()) continue;
    std::string list;
    for (const std::string_view name : known) list += (list.empty() ? "" : ", ") + std::string(name);
    return refused(std::string(prefix) + key, "is not known here; known: " + list);
  }
  return {};
}

Result<uint64_t> whole_number(const Json& value, const std::string& field, uint64_t least, uint64_t most) {
  if (value.is_number_unsigned())
    if (const auto number = value.get<uint64_t>(); number >= least && number <= most) return number;
  return refused_value(field, "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most),
                       value);
}

Result<Limits> decode_limits(const Json& object, Limits base) {
  if (!object.is_object()) return refused_value("limits", "must be an object", object);
  for (const auto& [key, value] : object.items()) {
    const auto field =
        std::ranges::find(kLimitFields, key, [](const LimitField& known) { return std::string_view(known.name); });
    if (field == std::end(kLimitFields)) {
      std::string list;
      for (const LimitField& known : kLimitFields) list += (list.empty() ? "" : ", ") + std::string(known.name);
      return refused("limits." + key, "is not known here; known: " + list);
    }
    const bool whole = value.is_number_unsigned();
    if (!whole && !value.is_null()) return refused_value("limits." + key, range_wanted(*field), value);
    base.*(field->member) = whole ? std::optional(value.get<uint64_t>()) : std::nullopt;
  }
  NP_TRY(check(base));
  return base;
}

Result<RateLimit> decode_rate_limit(const Json& object, RateLimit base) {
  if (!object.is_object()) return refused_value("rate_limit", "must be an object", object);
  NP_TRY(only_keys(object, "rate_limit.", {"per_minute", "burst", "mode"}));
  if (object.contains("per_minute"))
    base.per_minute = static_cast<uint32_t>(
        NP_TRY(whole_number(object["per_minute"], "rate_limit.per_minute", 0, NP_BUCKET_PER_MINUTE_MAX)));
  if (object.contains("burst"))
    base.burst =
        static_cast<uint32_t>(NP_TRY(whole_number(object["burst"], "rate_limit.burst", 0, NP_BUCKET_BURST_MAX)));
  else if (base.per_minute == 0)
    base.burst = 0;
  if (object.contains("mode")) {
    const Json& mode = object["mode"];
    const auto parsed = mode.is_string() ? parse_smtp_mode(mode.get<std::string>()) : std::nullopt;
    if (!parsed) return refused_value("rate_limit.mode", R"(must be "off", "observe" or "enforce")", mode);
    base.mode = *parsed;
  }
  NP_TRY(check(base));
  return base;
}

Json encode(const Limits& limits) {
  Json json = Json::object();
  for (const LimitField& field : kLimitFields) json[field.name] = or_null(limits.*field.member);
  return json;
}

Json encode(const RateLimit& rate_limit) {
  return {{"per_minute", rate_limit.per_minute}, {"burst", rate_limit.burst}, {"mode", to_string(rate_limit.mode)}};
}

Json encode(const AccountView& view) {
  const Account& account = view.account;
  return {{"name", account.name},
          {"uid", account.uid ? Json(*account.uid) : Json(nullptr)},
          {"state", to_string(account.state)},
          {"limits", encode(account.limits)},
          {"rate_limit", encode(account.rate_limit)},
          {"degraded", view.degraded}};
}

Json encode(const AccountStats& stats) {
  Json json{{"name", stats.account->name}};
  Json unavailable = Json::array();
  const auto add = [&](const char* name, uint64_t group, auto&& make) {
    json[name] = stats.has(group) ? make(*stats.usage) : Json(nullptr);
    if (!stats.has(group)) unavailable.push_back(name);
  };
  json["cgroup_id"] = stats.usage ? Json(stats.usage->cgroup_id) : Json(nullptr);
  add("cpu", NP_USAGE_CPU, [&](const np_usage& usage) { return encode_cpu(usage, stats.has(NP_USAGE_BANDWIDTH)); });
  if (stats.has(NP_USAGE_CPU) && !stats.has(NP_USAGE_BANDWIDTH)) unavailable.push_back("cpu.bandwidth");
  add("memory", NP_USAGE_MEMORY, encode_memory);
  add("pids", NP_USAGE_PIDS, [&](const np_usage& usage) {
    return Json{{"current", usage.pids},
                {"max", limit(usage.pids_max)},
                {"refused", stats.has(NP_USAGE_PIDS_EVENTS) ? Json(usage.pids_refused) : Json(nullptr)}};
  });
  add("pressure", NP_USAGE_PRESSURE, encode_pressure);
  json["unavailable"] = std::move(unavailable);
  json["smtp"] = nullptr;
  if (stats.smtp)
    json["smtp"] = {{"allowed", stats.smtp->allowed},
                    {"denied", stats.smtp->denied},
                    {"would_have_denied", stats.smtp->would_deny}};
  return json;
}

Json encode(const Event& event) {
  Json detail = Json::parse(event.detail, nullptr, false);
  if (detail.is_discarded()) detail = nullptr;  // a row that is damaged, or was edited by hand
  return {{"id", event.id},
          {"time", utc_time(event.at_ms)},
          {"account", event.account ? Json(*event.account) : Json(nullptr)},
          {"kind", event.kind},
          {"detail", std::move(detail)}};
}

Json encode(const Failure& failure) {
  return {{"time", utc_time(failure.at_ms)},
          {"reason", failure.reason},
          {"recovered_by", failure.recovered_by ? Json(*failure.recovered_by) : Json(nullptr)},
          {"recovery_seconds", failure.recovery_seconds ? Json(*failure.recovery_seconds) : Json(nullptr)},
          {"log", failure.log}};
}

Json encode(const AgentStatus& status) {
  const auto started = std::chrono::duration_cast<std::chrono::milliseconds>(status.started.time_since_epoch()).count();
  Json present = Json::array();
  Json missing = Json::array();
  for (const std::string_view controller : kControllers)
    (status.controllers.contains(controller) ? present : missing).push_back(controller);
  const auto reason = [](const std::optional<std::string>& why) { return why ? Json(*why) : Json(nullptr); };
  return {{"version", status.version},
          {"kernel", status.kernel},
          {"started", utc_time(started)},
          {"accounts", status.accounts},
          {"cgroup_path", status.cgroup_path},
          {"controllers", std::move(present)},
          {"missing_controllers", std::move(missing)},
          {"orphan_cgroups", status.orphans},
          {"usage_source", status.usage_reason ? "unavailable" : "bpf"},
          {"usage_reason", reason(status.usage_reason)},
          {"smtp",
           {{"attached", !status.smtp_reason},
            {"reason", reason(status.smtp_reason)},
            {"ports", status.smtp_ports},
            {"lost_records", status.smtp.lost},
            {"unknown", status.smtp.unknown}}},
          {"reconcile",
           {{"accounts", status.reconcile.passes},
            {"writes", status.reconcile.writes},
            {"errors", status.reconcile.errors},
            {"full_seconds", status.reconcile.full_seconds}}}};
}

}  // namespace npanel
