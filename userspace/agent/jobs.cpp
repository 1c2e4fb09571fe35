// SPDX-License-Identifier: Apache-2.0
// jobs.cpp: what takes longer than a request?
#include "agent/agent.h"
#include "api/codec.h"
#include "base/clock.h"
#include "daemon/log.h"

namespace npanel {
namespace {

Moment now() {
  return {.steady_ms = steady_ms(), .unix_ms = now_ms()};
}

constexpr const char* kDrain = "drain";
constexpr const char* kBackup = "backup";
constexpr int64_t kDyingMostMs = 30'000;

std::string of(size_t done, size_t total) {
  return std::to_string(done) + " of " + std::to_string(total);
}

}  // namespace

Result<Job> Agent::job(int64_t id) {
  const Job* found = jobs_.find(id);
  if (!found) return failure("there is no job " + std::to_string(id) + " (the last 100 are kept)", ENOENT);
  return *found;
}

void Agent::end_job(int64_t id, Job::State state, std::string result) {
  const std::string text = "job " + std::to_string(id) + ", " + jobs_.find(id)->kind + ": " + result;
  state == Job::State::failed ? log_error(text) : log_info(text);
  jobs_.end(id, state, std::move(result), now());
}

void Agent::audit_job(const Caller& caller, const Job& job) {
  save_notes({.events = {},
              .audit = {audit_entry(caller, job.account ? "account." + job.kind : job.kind, job.account,
                                    "job " + std::to_string(job.id), nullptr, nullptr)}});
}

bool Agent::is_running(int64_t id) const {
  const Job* job = jobs_.find(id);
  return job && job->state == Job::State::running;
}

// The steps of a job that has ended see that, and are no more.
Result<Job> Agent::cancel_job(const Caller& caller, int64_t id) {
  const Job job = NP_TRY(this->job(id));
  if (job.state != Job::State::running)
    return failure("job " + std::to_string(id) + " has ended already: " + to_string(job.state), EBUSY);
  if (applying_ && applying_->job == id) applying_.reset();
  if (job.kind == kBackup) {
    backups_.give_up(store_);
    backing_up_ = false;
  }
  end_job(id, Job::State::cancelled, "cancelled by " + caller.actor + "; what was done stays done");
  save_notes({.events = {},
              .audit = {audit_entry(caller, "job.cancel", job.account, "job " + std::to_string(id),
                                    {{"state", "running"}}, {{"state", "cancelled"}})}});
  return *jobs_.find(id);
}

// One pass at a time: a change during it begins it anew, so that it ends only when everything holds.
int64_t Agent::apply_to_all(const std::string& why) {
  if (applying_) {
    applying_->after.clear();
    applying_->done = 0;
  } else {
    applying_ = Applying{.job = jobs_.begin("apply", std::nullopt, now())};
    scheduler_.add([this] { return apply_next(); });
  }
  jobs_.log(applying_->job, "all accounts are compared with the kernel: " + why);
  return applying_->job;
}

bool Agent::apply_next() {
  if (!applying_) return false;  // cancelled
  const auto next = accounts_.upper_bound(applying_->after);
  if (next == accounts_.end()) {
    const bool failed = applying_->failed > 0;
    end_job(applying_->job, failed ? Job::State::failed : Job::State::done,
            std::to_string(applying_->done) + " accounts compared with the kernel, " +
                std::to_string(applying_->failed) + " of them have limits that could not be applied");
    applying_.reset();
    return false;
  }
  Entry& entry = next->second;
  if (entry.account.state != AccountState::deleting) reconcile(entry);
  if (!entry.applied.problems.empty()) {
    ++applying_->failed;
    jobs_.log(applying_->job, "account " + next->first + ": " + entry.applied.problems.front());
  }
  applying_->after = next->first;
  ++applying_->done;
  jobs_.advance(applying_->job, applying_->done, accounts_.size(), "account " + of(applying_->done, accounts_.size()),
                now());
  return true;
}

Result<Job> Agent::start_apply(const Caller& caller) {
  Job job = *jobs_.find(apply_to_all("asked for by " + caller.actor));
  audit_job(caller, job);
  return job;
}

Result<void> Agent::refuse_while_drained(const std::string& account) const {
  for (const Job& running : jobs_.list())
    if (running.state == Job::State::running && running.kind == kDrain && running.account == account)
      return failure("account \"" + account + "\" is drained already by job " + std::to_string(running.id), EBUSY);
  return {};
}

Result<Job> Agent::start_drain(const Caller& caller, const std::string& account, uint32_t grace_seconds) {
  NP_TRY(find_lasting(account));
  NP_TRY(refuse_while_drained(account));
  const int64_t id = jobs_.begin(kDrain, account, now());
  audit_job(caller, *jobs_.find(id));
  Draining draining{.job = id, .account = account, .kill_at_ms = steady_ms() + int64_t{grace_seconds} * 1000};
  if (drain_further(draining))
    scheduler_.add_each_second([this, draining]() mutable { return drain_further(draining); });
  return *jobs_.find(id);
}

// SIGTERM to whatever is there; what is left after the grace is killed; what is left half a minute later, nobody ends.
// True while something is to be done.
bool Agent::drain_further(Draining& draining) {
  if (!is_running(draining.job)) return false;
  const auto entry = accounts_.find(draining.account);
  if (entry == accounts_.end()) {
    end_job(draining.job, Job::State::done, "the account was deleted");
    return false;
  }
  const auto there = reconciler_.ask_to_end(entry->second.account, draining.asked);
  const auto populated = reconciler_.populated(entry->second.account);
  if (!there || !populated) {
    end_job(draining.job, Job::State::failed, there ? populated.error().text : there.error().text);
    return false;
  }
  const size_t all = draining.asked.size();
  if (!*populated) {
    end_job(draining.job, Job::State::done, std::to_string(all) + " processes ended");
    return false;
  }
  const int64_t late_ms = steady_ms() - draining.kill_at_ms;
  if (late_ms > kDyingMostMs) {
    const auto left = reconciler_.still_there(entry->second.account);
    end_job(draining.job, Job::State::failed,
            "half a minute after SIGKILL " + (left ? *left : left.error().text) + "; nothing more can be done here");
    return false;
  }
  const bool patient = late_ms < 0;
  if (!patient) {
    jobs_.log(draining.job, std::to_string(*there) + " processes did not end by SIGTERM and are killed");
    if (const auto killed = reconciler_.kill_all(entry->second.account); !killed)
      jobs_.log(draining.job, killed.error().text);
  }
  jobs_.advance(draining.job, all - std::min(all, *there), all,
                std::to_string(*there) + (patient ? " processes were asked to end" : " processes are dying"), now());
  return true;
}

Result<Job> Agent::start_backup(const Caller& caller) {
  if (read_only_) return failure("a backup cannot be made: " + *read_only_, EROFS);
  if (backing_up_) return failure("a backup is being made already", EBUSY);
  const int64_t id = jobs_.begin(kBackup, std::nullopt, now());
  audit_job(caller, *jobs_.find(id));
  backups_.ask_for_one();
  backing_up_ = true;
  scheduler_.add([this, id] { return back_up_further(id); });
  return *jobs_.find(id);
}

bool Agent::back_up_further(int64_t id) {
  if (!is_running(id)) return false;
  const auto finished = read_only_ ? Result<bool>(failure(*read_only_, EROFS)) : backups_.step(store_, now_ms());
  heap_has_holes_ = true;
  if (finished && !*finished) {
    const auto [done, total] = store_.copied();
    jobs_.advance(id, done, total, "page " + of(done, total), now());
    return true;
  }
  backing_up_ = false;
  if (finished)
    end_job(id, Job::State::done, Backups::list(config_.database).front());
  else
    end_job(id, Job::State::failed, finished.error().text);
  return false;
}

}  // namespace npanel
