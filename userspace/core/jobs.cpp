// SPDX-License-Identifier: Apache-2.0
#include "core/jobs.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "daemon/log.h"

namespace npanel {
namespace {

Moment now() {
  return {.steady_ms = steady_ms(), .unix_ms = now_ms()};
}

std::string called(int64_t id) {
  return "job " + std::to_string(id);
}

}  // namespace

int64_t Jobs::begin(std::string kind, std::optional<std::string> account, std::function<void()> on_cancel) {
  const int64_t id = list_.begin(std::move(kind), std::move(account), now());
  if (on_cancel) on_cancel_.emplace(id, std::move(on_cancel));
  return id;
}

void Jobs::audit(const Caller& caller, int64_t id) {
  const Job& job = *list_.find(id);
  ledger_.note(
      audit_entry(caller, (job.account ? "account." : "") + job.kind, job.account, called(id), nullptr, nullptr));
}

bool Jobs::is_running(int64_t id) const {
  const Job* job = list_.find(id);
  return job && job->state == Job::State::running;
}

// The steps of a job that has ended see that, and are no more.
Scheduler::Step Jobs::while_running(int64_t id, Scheduler::Step step) const {
  return [this, id, step = std::move(step)] { return is_running(id) && step(); };
}

void Jobs::step(int64_t id, Scheduler::Step step) {
  scheduler_.add(while_running(id, std::move(step)));
}

void Jobs::step_each_second(int64_t id, Scheduler::Step step) {
  scheduler_.add_each_second(while_running(id, std::move(step)));
}

void Jobs::advance(int64_t id, uint64_t done, uint64_t total, std::string stage) {
  list_.advance(id, done, total, std::move(stage), now());
}

void Jobs::end(int64_t id, Job::State state, std::string result) {
  const std::string text = called(id) + ", " + list_.find(id)->kind + ": " + result;
  state == Job::State::failed ? log_error(text) : log_info(text);
  list_.end(id, state, std::move(result), now());
  on_cancel_.erase(id);
}

Result<Job> Jobs::cancel(const Caller& caller, int64_t id) {
  const Job job = NP_TRY(find(id));
  if (job.state != Job::State::running)
    return failure(called(id) + " has ended already: " + to_string(job.state), EBUSY);
  if (const auto undo = on_cancel_.extract(id)) undo.mapped()();
  end(id, Job::State::cancelled, "cancelled by " + caller.actor + "; what was done stays done");
  ledger_.note(
      audit_entry(caller, "job.cancel", job.account, called(id), {{"state", "running"}}, {{"state", "cancelled"}}));
  return find(id);
}

Result<Job> Jobs::find(int64_t id) const {
  const Job* found = list_.find(id);
  if (!found) return failure("there is no " + called(id) + " (the last 100 are kept)", ENOENT);
  return *found;
}

std::optional<int64_t> Jobs::running(std::string_view kind, const std::string& account) const {
  const auto jobs = list();
  const auto found = std::ranges::find_if(jobs, [&](const Job& job) {
    return job.state == Job::State::running && job.kind == kind && job.account == account;
  });
  return found == jobs.end() ? std::nullopt : std::optional(found->id);
}

}  // namespace npanel
