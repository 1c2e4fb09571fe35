// SPDX-License-Identifier: Apache-2.0
// jobs.h: what takes longer than a request, and how far is it?
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/route.h"
#include "core/ledger.h"
#include "core/scheduler.h"
#include "model/progress.h"

namespace npanel {

// Jobs with their steps between requests. A job ends with its agent.
class Jobs {
 public:
  explicit Jobs(Ledger& ledger) : ledger_(ledger) {}

  // `on_cancel` undoes what is half done.
  int64_t begin(std::string kind, std::optional<std::string> account, std::function<void()> on_cancel = {});
  // Somebody asked for it: "account.<kind>" or "<kind>" in the audit trail.
  void audit(const Caller& caller, int64_t id);
  // Called between requests, or each second for who waits for others, while it returns true and the job runs.
  void step(int64_t id, Scheduler::Step step);
  void step_each_second(int64_t id, Scheduler::Step step);
  void advance(int64_t id, uint64_t done, uint64_t total, std::string stage);
  void log(int64_t id, std::string_view line) { list_.log(id, line); }
  void end(int64_t id, Job::State state, std::string result);
  // What was done stays done. EBUSY: it has ended already.
  Result<Job> cancel(const Caller& caller, int64_t id);

  [[nodiscard]] std::vector<Job> list() const { return list_.list(); }  // newest first
  [[nodiscard]] Result<Job> find(int64_t id) const;
  // nullopt: no such job of this account runs.
  [[nodiscard]] std::optional<int64_t> running(std::string_view kind, const std::string& account) const;

  [[nodiscard]] Scheduler& scheduler() { return scheduler_; }

 private:
  [[nodiscard]] bool is_running(int64_t id) const;
  [[nodiscard]] Scheduler::Step while_running(int64_t id, Scheduler::Step step) const;

  Ledger& ledger_;
  Scheduler scheduler_;
  JobList list_;
  std::map<int64_t, std::function<void()>> on_cancel_;
};

[[nodiscard]] std::vector<Route> job_routes(Jobs& jobs);

}  // namespace npanel
