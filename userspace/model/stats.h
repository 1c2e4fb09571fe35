// SPDX-License-Identifier: Apache-2.0
// stats.h: what is known about the accounts and the agent at one moment?
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/account.h"
#include "model/feature.h"
#include "model/mail_status.h"
#include "model/settings.h"
#include "model/unattributed.h"
#include "npanel/smtp.h"
#include "npanel/usage.h"

namespace npanel {

// What the account's memory would be without the file pages that nobody has used for a while, which the kernel takes
// back before it asks for more: memory.current less inactive_file, never below 0. Only where there is NP_USAGE_PARTS.
[[nodiscard]] constexpr uint64_t working_set_bytes(const np_usage& usage) {
  return usage.memory_bytes > usage.inactive_file_bytes ? usage.memory_bytes - usage.inactive_file_bytes : 0;
}

struct AccountStats {
  const Account* account = nullptr;        // lives in the agent
  std::optional<np_usage> usage = {};      // nullopt: the walk did not meet the account's cgroup, or cannot run
  std::optional<np_smtp_count> smtp = {};  // nullopt: the hooks are not attached
  std::optional<MailFigures> mail = {};    // the same
  size_t degraded = 0;                     // limits that are not in force as asked for

  // Has this cgroup these fields (enum np_usage_group)?
  [[nodiscard]] bool has(uint64_t group) const { return usage && (usage->groups & group) != 0; }
};

struct ReconcileFigures {
  uint64_t passes = 0;      // accounts looked at since start
  uint64_t writes = 0;      // control files and map entries that were not right
  uint64_t errors = 0;      // accounts whose limits could not be applied
  double full_seconds = 0;  // the pass over all accounts at start
};

struct FeatureFigures {
  Feature feature;
  FeatureMode mode = FeatureMode::off;  // of the server
  uint64_t toggles = 0;                 // since start, whoever turned it
  uint64_t switched_off = 0;            // by itself, since start
  std::optional<FeatureCost> cost = {};
  unsigned shed = 0;  // of its telemetry, because of its cost
};

// The sockets where the agent is asked.
struct ListenerStatus {
  std::vector<std::string> complaints = {};
  std::optional<bool> tcp_open = {};  // nullopt: nobody wants it
  uint64_t policy_strangers = 0;      // connections of users that may not ask
  uint64_t policy_over_share = 0;     // of a user who had as many as one may have
  uint64_t policy_connections = 0;    // open now
};

struct AgentStatus {
  std::string version;
  std::string kernel;
  std::chrono::system_clock::time_point started;
  size_t accounts = 0;
  std::string cgroup_path;
  Controllers controllers;
  std::optional<std::string> usage_reason;       // why the walk cannot run
  std::optional<std::string> smtp_reason;        // why the hooks are not attached
  std::optional<int64_t> smtp_attached_ms = {};  // CLOCK_BOOTTIME, when they came into this boot
  std::vector<uint16_t> smtp_ports;
  np_smtp_total smtp{};
  UnattributedMail unattributed;
  uint64_t mail_failed = 0;       // questions of the MTA that the kernel did not answer
  uint64_t mail_unclear = 0;      // answers of other servers that were not understood
  uint64_t evidence_missing = 0;  // refusals of whose process not all is known
  uint64_t log_lines_lost = 0;    // that the journal, or whoever reads, did not take in time
  uint64_t usage_dropped = 0;     // cgroups for which the latest walk had no place
  ReconcileFigures reconcile;
  std::vector<std::string> orphans;  // cgroups with processes that belong to no account of the database
  uint64_t clock_jumps = 0;          // that the agent has seen
  bool accounts_lost = false;        // npanelctl accounts lost
  std::vector<FeatureFigures> features;
  ListenerStatus listeners = {};
};

}  // namespace npanel
