// SPDX-License-Identifier: Apache-2.0
// encode.cpp: what only goes out, as JSON.
#include <cmath>

#include "api/codec.h"
#include "base/clock.h"
#include "model/cputime.h"

namespace npanel {
namespace {

constexpr uint64_t kMicrosecond = 1000;

Json limit(uint64_t value) {
  return value == NP_UNLIMITED ? Json(nullptr) : Json(value);
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

Json encode_memory(const np_usage& usage, bool parts) {
  const auto part = [parts](uint64_t bytes) { return parts ? Json(bytes) : Json(nullptr); };
  return {{"current_bytes", usage.memory_bytes},
          {"working_set_bytes", part(working_set_bytes(usage))},
          {"anon_bytes", part(usage.anon_bytes)},
          {"file_bytes", part(usage.file_bytes)},
          {"kernel_bytes", part(usage.kernel_bytes)},
          {"max_bytes", limit(usage.memory_max_bytes)},
          {"high_bytes", limit(usage.memory_high_bytes)},
          {"events",
           {{"high", usage.memory_high_events},
            {"max", usage.memory_max_events},
            {"oom", usage.memory_oom_events},
            {"oom_kill", usage.memory_oom_kills}}}};
}

Json encode_io(const np_usage& usage) {
  return {{"read_bytes", usage.read_bytes},
          {"written_bytes", usage.written_bytes},
          {"reads", usage.reads},
          {"writes", usage.writes}};
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

// What was changed, as JSON; null also for a row that is damaged, or was edited by hand.
Json kept_json(const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  return json.is_discarded() ? Json(nullptr) : json;
}

// One decimal is what a person wants to know, and what stays the same between two looks.
double rounded(double number) {
  return std::round(number * 10) / 10;
}

}  // namespace

Json encode(Feature feature, const FeatureState& state) {
  Json overrides = Json::object();
  for (const auto& [account, on] : state.overrides) overrides[account] = on;
  return {{"name", info(feature).name},        {"enabled", state.enabled},
          {"mode", to_string(state.mode)},     {"rollout", state.rollout},
          {"overrides", std::move(overrides)}, {"switched_off", or_null(state.switched_off)}};
}

Json encode(const FeatureView& view) {
  const FeatureInfo& known = info(view.feature);
  Json json = encode(view.feature, view.state);
  json["summary"] = known.summary;
  json["available"] = known.available;
  json["modes"] = known.observable ? Json{"observe", "enforce"} : Json{"enforce"};
  json["per_account"] = known.per_account;
  json["accounts_on"] = view.accounts_on;
  json["shed"] = view.shed;
  json["cost"] = nullptr;
  if (view.cost)
    json["cost"] = {{"kernel_percent", or_null(view.cost->kernel_percent)},
                    {"agent_percent", view.cost->agent_percent},
                    {"memory_bytes", or_null(view.cost->memory_bytes)}};
  return json;
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
  add("memory", NP_USAGE_MEMORY,
      [&](const np_usage& usage) { return encode_memory(usage, stats.has(NP_USAGE_PARTS)); });
  if (stats.has(NP_USAGE_MEMORY) && !stats.has(NP_USAGE_PARTS)) unavailable.push_back("memory.working_set");
  add("pids", NP_USAGE_PIDS, [&](const np_usage& usage) {
    return Json{{"current", usage.pids},
                {"max", limit(usage.pids_max)},
                {"refused", stats.has(NP_USAGE_PIDS_EVENTS) ? Json(usage.pids_refused) : Json(nullptr)}};
  });
  add("io", NP_USAGE_IO, encode_io);
  add("pressure", NP_USAGE_PRESSURE, encode_pressure);
  json["unavailable"] = std::move(unavailable);
  json["smtp"] = nullptr;
  if (stats.smtp)
    json["smtp"] = {{"allowed", stats.smtp->allowed},
                    {"denied", stats.smtp->denied},
                    {"would_have_denied", stats.smtp->would_deny},
                    {"redirected", stats.smtp->redirected},
                    {"would_have_redirected", stats.smtp->would_redirect},
                    {"exempt", stats.smtp->exempt},
                    {"open", stats.mail ? stats.mail->open : 0}};
  json["mail"] = nullptr;
  if (stats.mail)
    json["mail"] = {
        {"messages", stats.mail->count.accepted.messages}, {"recipients", stats.mail->count.accepted.recipients},
        {"bytes", stats.mail->count.accepted.bytes},       {"repeated", stats.mail->count.repeated},
        {"deferred", stats.mail->count.deferred},          {"would_have_deferred", stats.mail->count.would_defer}};
  return json;
}

namespace {

Json encode(const Deliveries& hour) {
  return {{"accepted", hour[Outcome::accepted]},
          {"unknown_recipients", hour[Outcome::unknown_recipient]},
          {"deferred", hour[Outcome::deferred_recipient]},
          {"content", hour[Outcome::content]},
          {"authentication", hour[Outcome::authentication]},
          {"server", hour[Outcome::server]},
          {"local", hour[Outcome::local]},
          {"unclear", hour[Outcome::unclear]}};
}

Json encode(const UnclearAnswer& answer) {
  return {{"account", answer.account}, {"server", answer.server},          {"stage", to_string(answer.stage)},
          {"code", answer.code},       {"status", or_null(answer.status)}, {"text", answer.text},
          {"count", answer.count},     {"time", utc_time(answer.last_ms)}};
}

}  // namespace

Json encode(const DeliveryExample& example) {
  return {{"outcome", to_string(example.outcome)}, {"domain", example.domain}, {"answer", example.answer}};
}

Json encode(const UnclearMail& mail) {
  Json answers = Json::array();
  for (const UnclearAnswer& answer : mail.newest) answers.push_back(encode(answer));
  return {{"count", mail.count}, {"answers", std::move(answers)}};
}

Json encode(const MailFinding& finding) {
  return {{"trouble", to_string(finding.trouble)}, {"description", description(finding.trouble)},
          {"remedy", remedy(finding.trouble)},     {"since", utc_time(finding.since_ms)},
          {"accounts", finding.senders},           {"recipients", finding.recipients},
          {"destinations", finding.destinations},  {"answer", finding.example.answer}};
}

Json encode(const MailStatus& status) {
  Json sent = Json::object();
  for (const MailField& field : kMailFields)
    sent[field.name] = field.member == &MailLimits::connections ? status.figures.open : sent_of(status.figures, field);
  return {{"name", status.account},
          {"mode", to_string(status.mode)},
          {"limits", encode(status.limits)},
          {"sent", std::move(sent)},
          {"free_in_seconds", or_null(status.free_in_s)},
          {"raise", encode(status.raise)},
          {"throttle", encode(status.throttle)},
          {"deliveries", encode(status.figures.deliveries)},
          {"deferred", status.figures.count.deferred},
          {"would_have_deferred", status.figures.count.would_defer},
          {"direct",
           {{"allowed", status.direct.allowed},
            {"denied", status.direct.denied},
            {"redirected", status.direct.redirected}}}};
}

namespace {

Json encode(const NobodyCounts& counts) {
  Json json = Json::object();
  for (const Nobody why : kAllNobodies)
    for (const NobodyAnswer answer : kAllNobodyAnswers)
      json[to_string(why)][to_string(answer)] = counts[static_cast<size_t>(why)][static_cast<size_t>(answer)];
  return json;
}

Json encode(const NobodySender& sender) {
  return {{"reason", to_string(sender.why)},  {"login", or_null(sender.login)},   {"uid", or_null(sender.uid)},
          {"client", or_null(sender.client)}, {"sender", or_null(sender.sender)}, {"messages", sender.messages},
          {"deferred", sender.deferred},      {"time", utc_time(sender.last_ms)}, {"remedy", remedy(sender.why)}};
}

}  // namespace

Json encode(const UnattributedMail& mail) {
  Json limits = Json::object();
  Json sent = Json::object();
  for (const MailField& field : kMailFields) {
    if (field.member == &MailLimits::connections) continue;
    limits[field.name] = or_null(mail.limits.*field.member);
    sent[field.name] = sent_of(mail.figures, field);
  }
  Json senders = Json::array();
  for (const NobodySender& sender : mail.newest) senders.push_back(encode(sender));
  return {{"mode", to_string(mail.mode)},
          {"limits", std::move(limits)},
          {"sent", std::move(sent)},
          {"free_in_seconds", or_null(mail.free_in_s)},
          {"deferred", mail.figures.count.deferred},
          {"would_have_deferred", mail.figures.count.would_defer},
          {"messages", encode(mail.counts)},
          {"senders", std::move(senders)}};
}

Json encode(const Event& event) {
  return {{"id", event.id},
          {"time", utc_time(event.at_ms)},
          {"account", or_null(event.account)},
          {"kind", event.kind},
          {"detail", kept_json(event.detail)}};
}

Json encode(const AuditEntry& entry) {
  return {{"id", entry.id},
          {"time", utc_time(entry.at_ms)},
          {"actor", entry.actor},
          {"source", entry.source},
          {"action", entry.action},
          {"account", or_null(entry.account)},
          {"target", or_null(entry.target)},
          {"before", kept_json(entry.before)},
          {"after", kept_json(entry.after)},
          {"result", entry.result},
          {"duration_us", entry.duration_us},
          {"request_id", or_null(entry.request_id)}};
}

Json encode(const Failure& failure) {
  return {{"time", utc_time(failure.at_ms)},
          {"reason", failure.reason},
          {"recovered_by", or_null(failure.recovered_by)},
          {"recovery_seconds", or_null(failure.recovery_seconds)},
          {"log", failure.log}};
}

Json encode(const AgentStatus& status) {
  const auto started = std::chrono::duration_cast<std::chrono::milliseconds>(status.started.time_since_epoch()).count();
  Json present = Json::array();
  Json missing = Json::array();
  for (const std::string_view controller : kControllers)
    (status.controllers.contains(controller) ? present : missing).push_back(controller);
  return {{"version", status.version},
          {"kernel", status.kernel},
          {"started", utc_time(started)},
          {"accounts", status.accounts},
          {"cgroup_path", status.cgroup_path},
          {"controllers", std::move(present)},
          {"missing_controllers", std::move(missing)},
          {"orphan_cgroups", status.orphans},
          {"usage_source", status.usage_reason ? "unavailable" : "bpf"},
          {"usage_reason", or_null(status.usage_reason)},
          {"smtp",
           {{"attached", !status.smtp_reason},
            {"reason", or_null(status.smtp_reason)},
            {"attached_after_boot_ms", or_null(status.smtp_attached_ms)},
            {"ports", status.smtp_ports},
            {"lost_records", status.smtp.lost},
            {"unknown", status.smtp.unknown}}},
          {"reconcile",
           {{"accounts", status.reconcile.passes},
            {"writes", status.reconcile.writes},
            {"errors", status.reconcile.errors},
            {"full_seconds", status.reconcile.full_seconds}}}};
}

Json encode(const LostAccounts& lost) {
  Json held = Json::array();
  for (const HeldAccount& account : lost.held)
    held.push_back({{"cgroup", account.directory},
                    {"name", or_null(account_of_directory(account.directory))},
                    {"uid", or_null(account.uid)},
                    {"state", to_string(account.state)},
                    {"limits", encode(account.limits)},
                    {"smtp", account.smtp ? encode(*account.smtp) : Json(nullptr)},
                    {"mail", account.mail ? encode(*account.mail) : Json(nullptr)}});
  return {{"lost", lost.loss.has_value()},
          {"found", lost.loss ? Json(utc_time(lost.loss->found_ms)) : Json(nullptr)},
          {"taken_over", !lost.loss || lost.loss->taken_over},
          {"done", lost.loss ? Json(lost.loss->done) : Json::array()},
          {"held", std::move(held)}};
}

Json encode(const Job& job) {
  const auto time = [](int64_t ms) { return Json(utc_time(ms)); };
  return {{"id", job.id},
          {"kind", job.kind},
          {"account", or_null(job.account)},
          {"state", to_string(job.state)},
          {"stage", job.stage},
          {"percent", rounded(job.percent())},
          {"done", job.done},
          {"total", job.total},
          {"started", time(job.started_ms)},
          {"ended", job.ended_ms ? time(*job.ended_ms) : Json(nullptr)},
          {"eta_seconds", job.eta_seconds ? Json(rounded(*job.eta_seconds)) : Json(nullptr)},
          {"result", or_null(job.result)},
          {"log", job.log}};
}

}  // namespace npanel
