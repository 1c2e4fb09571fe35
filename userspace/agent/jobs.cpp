// SPDX-License-Identifier: Apache-2.0
// jobs.cpp: comparing all accounts, ending an account's processes, backing up.
#include <algorithm>

#include "agent/agent.h"
#include "base/clock.h"
#include "daemon/log.h"

namespace npanel {
namespace {

constexpr const char* kApply = "apply";
constexpr const char* kDrain = "drain";
constexpr int64_t kDyingMostMs = 30'000;

std::string of(size_t done, size_t total) {
  return std::to_string(done) + " of " + std::to_string(total);
}

}  // namespace

// One pass at a time: a change during it begins it anew, so that it ends only when everything holds.
int64_t Agent::apply_to_all(const std::string& why) {
  if (applying_) {
    applying_->after.clear();
    applying_->done = 0;
  } else {
    applying_ = Applying{.job = jobs_.begin(kApply, std::nullopt, [this] { applying_.reset(); })};
    jobs_.step(applying_->job, [this] { return apply_next(); });
  }
  jobs_.log(applying_->job, "all accounts are compared with the kernel: " + why);
  return applying_->job;
}

bool Agent::apply_next() {
  const auto missing = reconciler_.missing();
  if (const auto cgroups = missing.find("cgroups"); cgroups != missing.end()) {
    jobs_.end(applying_->job, Job::State::failed, "no account could be compared with the kernel: " + cgroups->second);
    applying_.reset();
    return false;
  }
  const auto next = accounts_.upper_bound(applying_->after);
  if (next == accounts_.end()) {
    const bool failed = applying_->failed > 0;
    jobs_.end(applying_->job, failed ? Job::State::failed : Job::State::done,
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
  jobs_.advance(applying_->job, applying_->done, accounts_.size(), "account " + of(applying_->done, accounts_.size()));
  return true;
}

Result<Job> Agent::start_apply(const Caller& caller) {
  const int64_t id = apply_to_all("asked for by " + caller.actor);
  jobs_.audit(caller, id);
  return jobs_.find(id);
}

Result<void> Agent::refuse_while_drained(const std::string& account) const {
  const auto running = jobs_.running(kDrain, account);
  if (!running) return {};
  return failure("account \"" + account + "\" is drained already by job " + std::to_string(*running), EBUSY);
}

Result<Job> Agent::start_drain(const Caller& caller, const std::string& account, uint32_t grace_seconds) {
  NP_TRY(find_lasting(account));
  NP_TRY(refuse_while_drained(account));
  const int64_t id = jobs_.begin(kDrain, account);
  jobs_.audit(caller, id);
  Draining draining{.job = id, .account = account, .kill_at_ms = steady_ms() + int64_t{grace_seconds} * 1000};
  if (drain_further(draining))
    jobs_.step_each_second(id, [this, draining]() mutable { return drain_further(draining); });
  return jobs_.find(id);
}

// SIGTERM to whatever is there; what is left after the grace is killed; what is left half a minute later, nobody ends.
// True while something is to be done.
bool Agent::drain_further(Draining& draining) {
  const auto entry = accounts_.find(draining.account);
  if (entry == accounts_.end()) {
    jobs_.end(draining.job, Job::State::done, "the account was deleted");
    return false;
  }
  const auto there = reconciler_.ask_to_end(entry->second.account, draining.asked);
  const auto populated = reconciler_.populated(entry->second.account);
  if (!there || !populated) {
    jobs_.end(draining.job, Job::State::failed, there ? populated.error().text : there.error().text);
    return false;
  }
  const size_t all = draining.asked.size();
  if (!*populated) {
    jobs_.end(draining.job, Job::State::done, std::to_string(all) + " processes ended");
    return false;
  }
  const int64_t late_ms = steady_ms() - draining.kill_at_ms;
  if (late_ms > kDyingMostMs) {
    const auto left = reconciler_.still_there(entry->second.account);
    jobs_.end(draining.job, Job::State::failed,
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
                std::to_string(*there) + (patient ? " processes were asked to end" : " processes are dying"));
  return true;
}

Result<Job> Agent::start_backup(const Caller& caller) {
  if (ledger_.read_only()) return failure("a backup cannot be made: " + *ledger_.read_only(), EROFS);
  if (backup_job_) return failure("a backup is being made already", EBUSY);
  const int64_t id = jobs_.begin("backup", std::nullopt, [this] {
    backups_.give_up(ledger_.store());
    backup_job_ = false;
  });
  jobs_.audit(caller, id);
  backups_.ask_for_one();
  backup_job_ = true;
  jobs_.step(id, [this, id] { return back_up_further(id); });
  return jobs_.find(id);
}

bool Agent::back_up_further(int64_t id) {
  const auto finished = ledger_.read_only() ? Result<bool>(failure(*ledger_.read_only(), EROFS))
                                            : backups_.step(ledger_.store(), now_ms());
  heap_has_holes_ = true;
  if (finished && !*finished) {
    const auto [done, total] = ledger_.store().copied();
    jobs_.advance(id, done, total, "page " + of(done, total));
    return true;
  }
  backup_job_ = false;
  if (finished)
    jobs_.end(id, Job::State::done, Backups::list(config_.database).front());
  else
    jobs_.end(id, Job::State::failed, finished.error().text);
  return false;
}

}  // namespace npanel
