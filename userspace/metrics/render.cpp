// SPDX-License-Identifier: Apache-2.0
#include "metrics/render.h"

#include <functional>

#include "metrics/families.h"
#include "model/cputime.h"

namespace npanel {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr double kSecond = 1e9;

// Families with one series for each account.
class AccountFamilies : public Families {
 public:
  template <class Value>
  void each(std::span<const AccountStats> accounts, uint64_t group, MetricType type, const std::string& name,
            const std::string& help, Value value) {
    MetricFamily& added = family(type, name, help);
    for (const AccountStats& stats : accounts)
      if (stats.has(group))
        added.metric.push_back(series(type, value(*stats.usage), {{"account", stats.account->name}}));
  }

  // The same with a second label.
  template <class Value>
  void each(std::span<const AccountStats> accounts, uint64_t group, MetricType type, const std::string& name,
            const std::string& help, const char* label, const std::vector<std::pair<const char*, Value>>& values) {
    MetricFamily& added = family(type, name, help);
    for (const AccountStats& stats : accounts)
      for (const auto& [label_value, value] : values)
        if (stats.has(group))
          added.metric.push_back(
              series(type, value(*stats.usage), {{"account", stats.account->name}, {label, label_value}}));
  }
};

using Figure = std::function<double(const np_usage&)>;

CpuSplit split(const np_usage& usage) {
  return split_runtime(usage.runtime_ns, {.user_ns = usage.user_ticks_ns, .system_ns = usage.system_ticks_ns},
                       {.user_ns = usage.shown_user_ns, .system_ns = usage.shown_system_ns});
}

Figure count(__u64 np_usage::* member) {
  return [member](const np_usage& usage) { return static_cast<double>(usage.*member); };
}

// Prometheus writes "no limit" as +Inf, so that usage / limit is 0.
Figure limit(__u64 np_usage::* member) {
  return [member](const np_usage& usage) {
    return usage.*member == NP_UNLIMITED ? std::numeric_limits<double>::infinity() : static_cast<double>(usage.*member);
  };
}

Figure stalled(np_pressure which) {
  return [which](const np_usage& usage) { return static_cast<double>(usage.pressure_ns[which]) / kSecond; };
}

void add_cpu(AccountFamilies& out, std::span<const AccountStats> accounts) {
  using enum MetricType;
  out.each(accounts, NP_USAGE_CPU, Counter, "npanel_cgroup_cpu_usage_seconds_total",
           "CPU time used, cpu.stat usage_usec",
           [](const np_usage& usage) { return static_cast<double>(usage.runtime_ns) / kSecond; });
  out.each<Figure>(
      accounts, NP_USAGE_CPU, Counter, "npanel_cgroup_cpu_mode_seconds_total", "CPU time used in user and system mode",
      "mode",
      {{"user", [](const np_usage& usage) { return static_cast<double>(split(usage).user_ns) / kSecond; }},
       {"system", [](const np_usage& usage) { return static_cast<double>(split(usage).system_ns) / kSecond; }}});
  out.each(accounts, NP_USAGE_BANDWIDTH, Counter, "npanel_cgroup_cpu_throttled_seconds_total",
           "Time throttled at cpu.max, cpu.stat throttled_usec",
           [](const np_usage& usage) { return static_cast<double>(usage.throttled_ns) / kSecond; });
  out.each(accounts, NP_USAGE_BANDWIDTH, Counter, "npanel_cgroup_cpu_periods_total",
           "Enforcement periods in which the account ran, cpu.stat nr_periods",
           [](const np_usage& usage) { return static_cast<double>(usage.periods); });
  out.each(accounts, NP_USAGE_BANDWIDTH, Gauge, "npanel_cgroup_cpu_limit_cores",
           "cpu.max as a number of cores, +Inf without a limit", [](const np_usage& usage) {
             if (usage.quota_ns == NP_UNLIMITED || usage.period_ns == 0) return std::numeric_limits<double>::infinity();
             return static_cast<double>(usage.quota_ns) / static_cast<double>(usage.period_ns);
           });
}

void add_memory(AccountFamilies& out, std::span<const AccountStats> accounts) {
  using enum MetricType;
  out.each(accounts, NP_USAGE_MEMORY, Gauge, "npanel_cgroup_memory_usage_bytes",
           "Memory charged, page cache included, memory.current", count(&np_usage::memory_bytes));
  out.each(accounts, NP_USAGE_PARTS, Gauge, "npanel_cgroup_memory_working_set_bytes",
           "Memory charged less inactive page cache: what a limit is to be compared with",
           [](const np_usage& usage) { return static_cast<double>(working_set_bytes(usage)); });
  out.each<Figure>(accounts, NP_USAGE_PARTS, Gauge, "npanel_cgroup_memory_part_bytes",
                   "What the memory is, memory.stat", "part",
                   {{"anon", count(&np_usage::anon_bytes)},
                    {"file", count(&np_usage::file_bytes)},
                    {"kernel", count(&np_usage::kernel_bytes)}});
  out.each(accounts, NP_USAGE_MEMORY, Gauge, "npanel_cgroup_memory_limit_bytes", "memory.max, +Inf without a limit",
           limit(&np_usage::memory_max_bytes));
  out.each<Figure>(accounts, NP_USAGE_MEMORY, Counter, "npanel_cgroup_memory_events_total",
                   "memory.events of the account", "event",
                   {{"high", count(&np_usage::memory_high_events)},
                    {"max", count(&np_usage::memory_max_events)},
                    {"oom", count(&np_usage::memory_oom_events)},
                    {"oom_kill", count(&np_usage::memory_oom_kills)}});
}

void add_pids(AccountFamilies& out, std::span<const AccountStats> accounts) {
  using enum MetricType;
  out.each(accounts, NP_USAGE_PIDS, Gauge, "npanel_cgroup_pids", "Processes and threads, pids.current",
           count(&np_usage::pids));
  out.each(accounts, NP_USAGE_PIDS, Gauge, "npanel_cgroup_pids_limit", "pids.max, +Inf without a limit",
           limit(&np_usage::pids_max));
}

void add_io(AccountFamilies& out, std::span<const AccountStats> accounts) {
  using enum MetricType;
  out.each<Figure>(accounts, NP_USAGE_IO, Counter, "npanel_cgroup_io_bytes_total",
                   "Bytes read from and written to block devices, io.stat", "direction",
                   {{"read", count(&np_usage::read_bytes)}, {"write", count(&np_usage::written_bytes)}});
  out.each<Figure>(accounts, NP_USAGE_IO, Counter, "npanel_cgroup_io_operations_total",
                   "Reads from and writes to block devices, io.stat", "direction",
                   {{"read", count(&np_usage::reads)}, {"write", count(&np_usage::writes)}});
}

// How often the kernel said no, whatever the resource: one family to alert on.
void add_limit_exceeded(AccountFamilies& out, std::span<const AccountStats> accounts) {
  using enum MetricType;
  MetricFamily& family = out.family(Counter, "npanel_cgroup_limit_exceeded_total",
                                    "Times a limit held the account: throttled periods, OOM kills, refused forks");
  for (const AccountStats& stats : accounts) {
    const auto add = [&](const char* resource, uint64_t group, double value) {
      if (stats.has(group))
        family.metric.push_back(series(Counter, value, {{"account", stats.account->name}, {"resource", resource}}));
    };
    if (!stats.usage) continue;
    add("cpu", NP_USAGE_BANDWIDTH, stats.usage->throttled_periods);
    add("memory", NP_USAGE_MEMORY, static_cast<double>(stats.usage->memory_oom_kills));
    add("pids", NP_USAGE_PIDS_EVENTS, static_cast<double>(stats.usage->pids_refused));
  }
}

void add_pressure(AccountFamilies& out, std::span<const AccountStats> accounts) {
  MetricFamily& family = out.family(MetricType::Counter, "npanel_cgroup_pressure_seconds_total",
                                    "Time that some or all of the account's processes waited for a resource (PSI)");
  const struct {
    const char* resource;
    const char* share;
    Figure figure;
  } rows[] = {
      {"cpu", "some", stalled(NP_PRESSURE_CPU_SOME)},       {"cpu", "full", stalled(NP_PRESSURE_CPU_FULL)},
      {"memory", "some", stalled(NP_PRESSURE_MEMORY_SOME)}, {"memory", "full", stalled(NP_PRESSURE_MEMORY_FULL)},
      {"io", "some", stalled(NP_PRESSURE_IO_SOME)},         {"io", "full", stalled(NP_PRESSURE_IO_FULL)}};
  for (const AccountStats& stats : accounts)
    for (const auto& row : rows)
      if (stats.has(NP_USAGE_PRESSURE))
        family.metric.push_back(
            series(MetricType::Counter, row.figure(*stats.usage),
                   {{"account", stats.account->name}, {"resource", row.resource}, {"share", row.share}}));
}

void add_smtp(AccountFamilies& out, std::span<const AccountStats> accounts, const AgentStatus& agent) {
  using enum MetricType;
  MetricFamily& verdicts = out.family(Counter, "npanel_smtp_connections_total", "Direct SMTP connections by verdict");
  MetricFamily configured;
  configured.name = "npanel_smtp_rate_limit_per_minute";
  configured.help = "Direct SMTP connections that the account may open a minute";
  configured.type = Gauge;
  for (const AccountStats& stats : accounts) {
    if (!stats.smtp) continue;
    const auto add = [&](const char* verdict, uint64_t value) {
      verdicts.metric.push_back(
          series(Counter, static_cast<double>(value), {{"account", stats.account->name}, {"verdict", verdict}}));
    };
    add("allowed", stats.smtp->allowed);
    add("denied", stats.smtp->denied);
    add("would_deny", stats.smtp->would_deny);
    add("redirected", stats.smtp->redirected);
    add("would_redirect", stats.smtp->would_redirect);
    add("exempt", stats.smtp->exempt);
    configured.metric.push_back(series(Gauge, stats.account->smtp.per_minute, {{"account", stats.account->name}}));
  }
  out.family(Gauge, configured.name, configured.help).metric = std::move(configured.metric);
  if (agent.smtp_reason) return;
  out.add(Counter, "npanel_smtp_unowned_connections_total", "SMTP connections by processes of no account, passed",
          static_cast<double>(agent.smtp.unknown));
  out.add(Counter, "npanel_smtp_lost_records_total", "Refusals whose record found the ring full",
          static_cast<double>(agent.smtp.lost));
  out.add(Counter, "npanel_evidence_missing_total", "Events of refusals in which something of the process is not known",
          static_cast<double>(agent.evidence_missing));
}

// Mail that no account owns.
void add_unattributed(AccountFamilies& out, const UnattributedMail& mail) {
  using enum MetricType;
  MetricFamily& counts =
      out.family(Counter, "npanel_mail_unattributed_total",
                 "Questions of the MTA about mail of no account, by why it is no account's and answer");
  for (const Nobody why : kAllNobodies)
    for (const NobodyAnswer answer : kAllNobodyAnswers)
      counts.metric.push_back(
          series(Counter, static_cast<double>(mail.counts[static_cast<size_t>(why)][static_cast<size_t>(answer)]),
                 {{"reason", std::string(to_string(why))}, {"answer", std::string(to_string(answer))}}));
  const auto figure = [&](const char* name, const char* help, auto value) {
    MetricFamily& family = out.family(Gauge, name, help);
    for (const MailField& field : kMailFields)
      if (const auto limit = limit_of(mail.figures, field))
        family.metric.push_back(series(Gauge, static_cast<double>(value(field, *limit)), {{"limit", field.name}}));
  };
  figure("npanel_mail_unattributed_current", "What counts against the limits of mail of no account now",
         [&](const MailField& field, uint64_t) { return sent_of(mail.figures, field); });
  figure("npanel_mail_unattributed_configured", "The limits of mail of no account",
         [](const MailField&, uint64_t limit) { return limit; });
}

// The figures of a limit have a series only where there is the limit.
void add_mail(AccountFamilies& out, std::span<const AccountStats> accounts, const AgentStatus& agent) {
  using enum MetricType;
  const auto each = [&](MetricType type, const char* name, const char* help, const auto& add) {
    MetricFamily& family = out.family(type, name, help);
    for (const AccountStats& stats : accounts) {
      if (!stats.mail) continue;
      add(stats, [&](double value, const char* label, const char* text) {
        family.metric.push_back(series(type, value, {{"account", stats.account->name}, {label, text}}));
      });
    }
  };
  each(Counter, "npanel_mail_messages_total", "What the MTA asked for, by answer", [](const auto& stats, auto add) {
    const np_mail_count& count = stats.mail->count;
    add(static_cast<double>(count.accepted.messages), "answer", "accepted");
    add(static_cast<double>(count.repeated), "answer", "repeated");
    add(static_cast<double>(count.would_defer), "answer", "would_defer");
  });
  each(Counter, "npanel_mail_rate_limit_rejected_total", "Mail deferred and direct SMTP connections refused",
       [](const auto& stats, auto add) {
         add(static_cast<double>(stats.mail->count.deferred), "way", "mta");
         add(static_cast<double>(stats.smtp ? stats.smtp->denied : 0), "way", "direct");
       });
  each(Gauge, "npanel_mail_deliveries", "Recipients of the last hour, by what the MTA has logged of them",
       [](const auto& stats, auto add) {
         const Deliveries& hour = stats.mail->deliveries;
         if (hour.total() == 0) return;
         for (const Outcome outcome : kAllOutcomes)
           add(static_cast<double>(hour[outcome]), "outcome", to_string(outcome).data());
       });
  MetricFamily& throttled =
      out.family(Gauge, "npanel_mail_throttled", "1 where too much of the account's mail is unwanted");
  for (const AccountStats& stats : accounts)
    if (stats.mail)
      throttled.metric.push_back(series(Gauge, stats.mail->throttled ? 1 : 0, {{"account", stats.account->name}}));
  const auto figure = [&](const char* name, const char* help, auto value) {
    each(Gauge, name, help, [&](const auto& stats, auto add) {
      for (const MailField& field : kMailFields)
        if (const auto limit = limit_of(*stats.mail, field)) add(value(stats, field, *limit), "limit", field.name);
    });
  };
  figure("npanel_mail_rate_limit_current", "What counts against the limit now",
         [](const auto& stats, const MailField& field, uint64_t) {
           return static_cast<double>(sent_of(*stats.mail, field));
         });
  figure("npanel_mail_rate_limit_configured", "The limit that is in force now",
         [](const auto&, const MailField&, uint64_t limit) { return static_cast<double>(limit); });
  if (agent.smtp_reason) return;
  add_unattributed(out, agent.unattributed);
  out.add(Counter, "npanel_mail_failed_total", "Questions that the kernel did not answer, passed",
          static_cast<double>(agent.mail_failed));
  out.add(Counter, "npanel_mail_unclear_total",
          "Answers of other servers that are not understood, and count for nothing",
          static_cast<double>(agent.mail_unclear));
}

void add_agent(AccountFamilies& out, std::span<const AccountStats> accounts, const AgentStatus& agent) {
  using enum MetricType;
  out.add(Gauge, "npanel_usage_cgroups_dropped",
          "Cgroups beside the accounts' that the latest walk had no place for: not measured",
          static_cast<double>(agent.usage_dropped));
  out.add(Gauge, "npanel_agent_info", "Version of the agent and of the kernel", 1,
          {{"version", agent.version}, {"kernel", agent.kernel}});
  out.add(Gauge, "npanel_agent_start_time_seconds", "When the agent started, Unix time",
          std::chrono::duration<double>(agent.started.time_since_epoch()).count());
  out.add(Gauge, "npanel_accounts", "Accounts in the database", static_cast<double>(agent.accounts));
  out.add(Gauge, "npanel_orphan_cgroups", "Cgroups with processes that belong to no account of the database",
          static_cast<double>(agent.orphans.size()));
  out.add(Counter, "npanel_clock_jumps_total", "Times that the wall clock was set by 10 s or more",
          static_cast<double>(agent.clock_jumps));
  out.add(Gauge, "npanel_accounts_lost", "1 while a loss of accounts waits to be confirmed",
          agent.accounts_lost ? 1 : 0);
  MetricFamily& controllers =
      out.family(Gauge, "npanel_controller_available", "1 when cgroup v2 offers the controller to the accounts");
  for (const std::string_view controller : kControllers)
    controllers.metric.push_back(
        series(Gauge, agent.controllers.contains(controller) ? 1 : 0, {{"controller", std::string(controller)}}));
  if (agent.listeners.tcp_open)
    out.add(Gauge, "npanel_api_tcp_open", "1 when the API is open over TCP, as it should be",
            *agent.listeners.tcp_open ? 1 : 0);
  out.add(Gauge, "npanel_mail_policy_connections", "Connections to the policy socket that are open",
          static_cast<double>(agent.listeners.policy_connections));
  MetricFamily& hung_up =
      out.family(Counter, "npanel_mail_policy_hung_up_total", "Connections to the policy socket that were not taken");
  hung_up.metric.push_back(
      series(Counter, static_cast<double>(agent.listeners.policy_strangers), {{"reason", "stranger"}}));
  hung_up.metric.push_back(
      series(Counter, static_cast<double>(agent.listeners.policy_over_share), {{"reason", "share"}}));
  out.add(Gauge, "npanel_usage_available", "1 when the kernel's usage walk runs", agent.usage_reason ? 0 : 1);
  out.add(Gauge, "npanel_smtp_attached", "1 when the connect hooks are attached", agent.smtp_reason ? 0 : 1);
  if (agent.smtp_attached_ms)
    out.add(Gauge, "npanel_smtp_attached_after_boot_seconds", "Since when in this boot direct SMTP is limited",
            static_cast<double>(*agent.smtp_attached_ms) / 1e3);
  out.add(Counter, "npanel_reconcile_accounts_total", "Accounts compared with the kernel",
          static_cast<double>(agent.reconcile.passes));
  out.add(Counter, "npanel_reconcile_writes_total",
          "Control files and map entries that were not right and were written",
          static_cast<double>(agent.reconcile.writes));
  out.add(Counter, "npanel_reconcile_errors_total", "Accounts whose limits could not be applied",
          static_cast<double>(agent.reconcile.errors));
  MetricFamily& degraded =
      out.family(Gauge, "npanel_account_degraded", "Limits of the account that are not in force as asked for");
  for (const AccountStats& stats : accounts)
    degraded.metric.push_back(series(Gauge, static_cast<double>(stats.degraded), {{"account", stats.account->name}}));
  out.add(Counter, "npanel_agent_log_lines_lost_total", "Lines that whoever reads the log did not take in time",
          static_cast<double>(agent.log_lines_lost));
  out.add_own_cost("agent");
}

// What a feature costs has no series while it is not known.
void add_features(AccountFamilies& out, const AgentStatus& agent) {
  using enum MetricType;
  const auto each = [&](MetricType type, const char* name, const char* help, auto value) {
    MetricFamily& added = out.family(type, name, help);
    for (const FeatureFigures& figures : agent.features)
      added.metric.push_back(series(type, value(figures), {{"feature", info(figures.feature).name}}));
  };
  each(Gauge, "npanel_feature_state", "0: off, 1: observe, 2: enforce",
       [](const FeatureFigures& figures) { return static_cast<double>(figures.mode); });
  each(Counter, "npanel_feature_toggles_total", "Times the feature was switched on or off since the start",
       [](const FeatureFigures& figures) { return static_cast<double>(figures.toggles); });
  each(Counter, "npanel_feature_switched_off_total", "Times the feature switched itself off because of its cost",
       [](const FeatureFigures& figures) { return static_cast<double>(figures.switched_off); });
  each(Gauge, "npanel_telemetry_shed", "How much the feature leaves out because of its cost, 0: nothing, 2: all it can",
       [](const FeatureFigures& figures) { return static_cast<double>(figures.shed); });
  MetricFamily& cpu =
      out.family(Gauge, "npanel_feature_cpu_percent", "What the feature costs, % of one core over the last minute");
  for (const FeatureFigures& figures : agent.features) {
    const auto add = [&](const char* where, double percent) {
      cpu.metric.push_back(series(Gauge, percent, {{"feature", info(figures.feature).name}, {"where", where}}));
    };
    if (figures.cost) add("agent", figures.cost->agent_percent);
    if (figures.cost && figures.cost->kernel_percent) add("kernel", *figures.cost->kernel_percent);
  }
  MetricFamily& memory =
      out.family(Gauge, "npanel_feature_memory_bytes", "Memory of the feature's BPF programs and maps");
  for (const FeatureFigures& figures : agent.features)
    if (figures.cost && figures.cost->memory_bytes)
      memory.metric.push_back(
          series(Gauge, static_cast<double>(*figures.cost->memory_bytes), {{"feature", info(figures.feature).name}}));
}

}  // namespace

std::string render_metrics(std::span<const AccountStats> accounts, const AgentStatus& agent) {
  AccountFamilies out;
  add_agent(out, accounts, agent);
  add_features(out, agent);
  add_cpu(out, accounts);
  add_memory(out, accounts);
  add_pids(out, accounts);
  add_io(out, accounts);
  add_limit_exceeded(out, accounts);
  add_pressure(out, accounts);
  add_smtp(out, accounts, agent);
  add_mail(out, accounts, agent);
  return out.text();
}

}  // namespace npanel
