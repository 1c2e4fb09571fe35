// SPDX-License-Identifier: Apache-2.0
// agent.h: what does the daemon know, and what does it do with it?
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/reconciler.h"
#include "agent/refusals.h"
#include "api/service.h"
#include "daemon/config.h"
#include "store/backups.h"
#include "store/care.h"
#include "store/store.h"

namespace npanel {

// The desired state is in the store and, the same, in `accounts_`; the actual state is the kernel's. A request changes
// the store first, then the kernel: what was acknowledged is on disk, and whatever the kernel refused is tried again by
// tick().
class Agent final : public Service {
 public:
  // Reads the store and brings the kernel in line with it.
  static Result<std::unique_ptr<Agent>> start(const Config& config, std::string version);

  // Once a second: compares the next accounts with the kernel, finishes deletions, writes down refusals.
  void tick();
  // The descriptor of refusals that wait, -1 without one, and what to do when it is readable.
  [[nodiscard]] int refusals_fd();
  void take_refusals();

  [[nodiscard]] Limits default_limits() const override { return config_.default_limits; }
  [[nodiscard]] RateLimit default_rate_limit() const override { return config_.default_rate_limit; }
  [[nodiscard]] std::vector<AccountView> accounts() override;
  [[nodiscard]] Result<AccountView> account(const std::string& name) override;
  Result<AccountView> create(Account wanted, bool find_uid) override;
  Result<AccountView> change(const std::string& name, const Limits& limits, const RateLimit& rate_limit) override;
  Result<AccountView> suspend(const std::string& name) override;
  Result<AccountView> resume(const std::string& name) override;
  Result<std::optional<AccountView>> remove(const std::string& name) override;
  [[nodiscard]] Result<std::vector<pid_t>> processes(const std::string& name) override;
  Result<void> add_process(const std::string& name, pid_t pid) override;
  [[nodiscard]] Result<std::vector<AccountStats>> stats() override;
  [[nodiscard]] Result<AccountStats> stats(const std::string& name) override;
  [[nodiscard]] Result<std::vector<Event>> events(const std::optional<std::string>& account, int limit) override;
  [[nodiscard]] Result<std::vector<Failure>> failures(int limit) override;
  [[nodiscard]] AgentStatus status() override;
  [[nodiscard]] std::vector<std::string> complaints() override;
  [[nodiscard]] Result<std::string> metrics() override;

 private:
  struct Entry {
    Account account;
    Applied applied;
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  Agent(Config config, std::string version, Store store)
      : config_(std::move(config)),
        version_(std::move(version)),
        store_(std::move(store)),
        backups_(config_.database),
        reconciler_(config_) {}

  Result<void> load_accounts();
  // Takes note of how the database was opened.
  void report(const Opened& opened);
  // Once a second: backs up; opens anew what was damaged or could not be written.
  void care_for_database();
  void reopen_database();
  // What was said since the backup was made that came back.
  void write_back_accounts();
  // From the watchdog's files.
  void take_failures();
  // What the store refuses now is kept and tried again: the newest kEventsWaiting.
  void save_events(std::span<const Event> events);
  void save_waiting_events();
  void complain_of_store(const Error& error);
  void reconcile_all();
  void reconcile_some();
  void reconcile(Entry& entry);
  // True when the account is gone from kernel and store.
  Result<bool> finish_removal(Entry& entry, int wait_ms);
  void write_down_refusals();
  void report_new_problems(const Entry& entry, const std::vector<std::string>& before);

  // ENOENT names the account; EBUSY says that it is being deleted.
  Result<Entry*> find(const std::string& name);
  Result<Entry*> find_lasting(const std::string& name);
  Result<AccountView> save(Entry& entry, Account changed, std::span<const Event> events);
  Result<AccountView> set_state(const std::string& name, AccountState state, const char* kind);
  [[nodiscard]] AccountView view(const Entry& entry) const;
  [[nodiscard]] uint32_t free_slot() const;
  [[nodiscard]] AccountStats stats_of(const Entry& entry, const std::map<uint64_t, const np_usage*>& usage);
  // By cgroup id; empty when the walk cannot run.
  Result<std::map<uint64_t, const np_usage*>> walk();

  Config config_;
  std::string version_;
  std::chrono::system_clock::time_point started_ = std::chrono::system_clock::now();
  Store store_;
  Backups backups_;
  std::optional<std::string> read_only_;  // why the database refuses changes
  bool accounts_lost_ = false;            // the kernel may hold accounts that the store has not
  std::vector<Event> waiting_events_;
  std::string store_complaint_;
  bool heap_has_holes_ = false;
  uint64_t ticks_ = 0;
  Reconciler reconciler_;
  Refusals refusals_;
  Entries accounts_;
  std::map<uint32_t, std::string> slots_;  // whose slot it is
  std::set<std::string> deleting_;
  std::string reconciled_to_;  // the rolling pass goes on behind this name
  std::vector<std::string> orphans_;
  ReconcileFigures figures_;
};

}  // namespace npanel
