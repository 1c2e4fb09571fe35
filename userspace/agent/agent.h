// SPDX-License-Identifier: Apache-2.0
// agent.h: what does the daemon know, and what does it do with it?
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/delivery_stats.h"
#include "agent/envelope_count.h"
#include "agent/lowering.h"
#include "agent/message_outcomes.h"
#include "agent/overhead.h"
#include "agent/reconciler.h"
#include "agent/refusals.h"
#include "agent/senders.h"
#include "agent/subuids.h"
#include "agent/unattributed_stats.h"
#include "agent/users.h"
#include "api/codec.h"
#include "api/request_guard.h"
#include "api/service.h"
#include "base/back_off.h"
#include "core/jobs.h"
#include "core/ledger.h"
#include "daemon/config_load.h"
#include "daemon/new_process.h"
#include "kernel/local_addresses.h"
#include "mail/notice.h"
#include "model/lived_time.h"
#include "store/backups.h"
#include "store/recovery.h"
#include "tokens/tokens.h"

namespace npanel {

[[nodiscard]] Clocks clocks_now();

// Never 0, which stands for no message.
[[nodiscard]] uint64_t message_id(std::string_view queue_id);
[[nodiscard]] MessageId message_id(const PolicyRequest& request);

// The switches as they are stored; what is not there, or not known here, is off.
[[nodiscard]] Result<Features> stored_features(Store& store);

// The desired state is in the store and, the same, in `accounts_`; the actual state is the kernel's. A request changes
// the store first, then the kernel: what was acknowledged is on disk, and whatever the kernel refused is tried again by
// tick().
class Agent final : public Service {
 public:
  // Reads the store and brings the kernel in line with it. `sources` are read again by a reload.
  static Result<std::unique_ptr<Agent>> start(const LoadedConfig& loaded, const ConfigSources& sources,
                                              std::string version);
  // SIGHUP: when the feature is on; what is wrong with the files is in the log and the audit trail.
  void reload_by_signal();
  // Called with each configuration that comes into force after the first.
  void on_config(std::function<void(const Config&)> tell) { tell_config_ = std::move(tell); }
  // Who knows of the sockets where the agent is asked.
  void ask_of_listeners(std::function<ListenerStatus()> listeners) { listeners_ = std::move(listeners); }

  // Once a second: compares the next accounts with the kernel, finishes deletions, writes down refusals.
  void tick();
  // After the last request: what is known only here is written down.
  void stop();
  // The MTA's question, and the action that answers it.
  [[nodiscard]] std::string answer_mail(const PolicyRequest& request);
  // What the API offers, and whom its guard asks.
  [[nodiscard]] Router routes();
  [[nodiscard]] GuardSources guard_sources();

  // Who waits for refusals: told the descriptor now, or once there is one, and when it is readable, take_refusals() is
  // to be called.
  void on_smtp(std::function<void(int refusals_fd)> tell);
  void take_refusals();
  // A new process can load the BPF programs that this one cannot: libbpf has kept a failed probe of the kernel.
  [[nodiscard]] bool is_stuck() const { return stuck_; }
  // Answers of npanel-helper, and what came of those that are late.
  [[nodiscard]] int helper_fd() const { return helper_.fd(); }
  void hear_helper() { helper_.run(); }
  // The uids of users of the configuration, as far as they are known by now; on_config() is called when more are.
  [[nodiscard]] std::set<uid_t> uids_of(const std::vector<std::string>& users) { return users_.find_all(users); }
  // Work that cannot wait for the next second: readable while there is some, and a few milliseconds of it.
  [[nodiscard]] int work_fd() { return jobs_.scheduler().fd(); }
  void work();

  [[nodiscard]] Limits default_limits() const override { return config_.default_limits; }
  [[nodiscard]] SmtpLimit default_smtp() const override { return config_.default_smtp; }
  [[nodiscard]] MailLimits default_mail() const override { return config_.default_mail; }
  [[nodiscard]] uid_t least_uid() const override { return config_.least_uid; }
  [[nodiscard]] std::vector<AccountView> accounts(const std::string& after, size_t most) override;
  [[nodiscard]] Result<AccountView> account(const std::string& name) override;
  Result<AccountView> create(const Caller& caller, Account wanted, bool find_uid) override;
  Result<AccountView> change(const Caller& caller, const std::string& former, const Account& wanted) override;
  Result<AccountView> suspend(const Caller& caller, const std::string& name) override;
  Result<AccountView> resume(const Caller& caller, const std::string& name) override;
  Result<std::optional<AccountView>> remove(const Caller& caller, const std::string& name) override;
  [[nodiscard]] Result<std::vector<pid_t>> processes(const std::string& name) override;
  Result<void> add_process(const Caller& caller, const std::string& name, pid_t pid) override;
  [[nodiscard]] Result<std::vector<AccountStats>> stats() override;
  [[nodiscard]] Result<AccountStats> stats(const std::string& name) override;
  [[nodiscard]] Result<MailStatus> mail(const std::string& name) override;
  [[nodiscard]] std::vector<MailStatus> mail_top(size_t most) override;
  [[nodiscard]] UnattributedMail unattributed_mail() override;
  [[nodiscard]] UnclearMail unclear_mail() override { return deliveries_.unclear(); }
  [[nodiscard]] std::vector<MailFinding> mail_findings() override { return deliveries_.findings(); }
  Result<AccountView> raise_mail(const Caller& caller, const std::string& name, uint64_t messages_per_hour,
                                 uint64_t seconds) override;
  Result<AccountView> end_raise(const Caller& caller, const std::string& name) override;
  Result<AccountView> release_throttle(const Caller& caller, const std::string& name) override;
  [[nodiscard]] AgentStatus status() override;
  [[nodiscard]] std::vector<std::string> complaints() override;
  [[nodiscard]] Result<std::string> metrics() override;

  [[nodiscard]] bool enabled(Feature feature) const override { return features_.on(feature); }
  [[nodiscard]] std::vector<FeatureView> features() override;
  [[nodiscard]] FeatureView feature(Feature feature) override;
  Result<FeatureView> change_feature(const Caller& caller, Feature feature, const FeatureChange& change) override;
  Result<FeatureView> override_feature(const Caller& caller, Feature feature, const std::string& account,
                                       std::optional<bool> on) override;

  [[nodiscard]] std::vector<ConfigValue> config() override { return config_values_; }
  Result<ReloadReport> reload(const Caller& caller) override;
  [[nodiscard]] Result<std::vector<ConfigVersion>> config_versions(int limit) override;
  [[nodiscard]] Result<ConfigVersion> config_version(int64_t id) override;

  [[nodiscard]] LostAccounts lost_accounts() override;
  Result<AccountView> adopt(const Caller& caller, const std::string& name) override;
  Result<LostAccounts> confirm_accounts(const Caller& caller) override;

  Result<Job> start_apply(const Caller& caller) override;
  Result<Job> start_drain(const Caller& caller, const std::string& account, uint32_t grace_seconds) override;
  Result<Job> start_backup(const Caller& caller) override;

 private:
  struct Entry {
    Account account;
    Applied applied;
    uint64_t since_ns = 0;  // CLOCK_BOOTTIME, when this agent made it: older mail was of whoever had the slot before
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  // The one pass over all accounts.
  struct Applying {
    int64_t job;
    std::string after = {};  // it goes on behind this name
    size_t done = 0;
    size_t failed = 0;
  };
  struct Draining {
    int64_t job;
    std::string account;
    int64_t kill_at_ms;  // CLOCK_MONOTONIC
    std::set<pid_t> asked = {};
  };

  // What is known of mail beside what the kernel and the store hold.
  struct MailState {
    struct Bundle {
      uint64_t count = 0;
      Json first;
    };
    // Since the last second, by account, "" for none; deferred, or only observed.
    std::map<std::pair<std::string, bool>, Bundle> refusals = {};
    std::set<std::string> raised = {};
    StoredMailDecisions decisions = {};
    std::set<std::string> decisions_unsaved = {};
    std::set<std::string> inherited = {};  // throttles older than this agent, which does not know what caused them
    std::map<std::string, NoticeFacts> notices = {};                                    // letters to owners, by account
    std::map<uint32_t, std::tuple<uint64_t, uint32_t, uint32_t, uint64_t>> saved = {};  // by slot: cell and sent then
    int64_t saved_at_ms = 0;
    MessageOutcomes messages = {};
    EnvelopeCount envelopes = {};
    bool recipients_asked = false;  // the MTA asks about them, too
    uint64_t failed = 0;            // questions that the kernel did not answer: passed
    uint64_t asked = 0;
    bool charged_once = false;
  };

  // Without features, those that the kernel holds stay.
  Agent(const LoadedConfig& loaded, ConfigSources sources, std::string version, Store store,
        const std::optional<Features>& features)
      : config_(loaded.config),
        config_values_(loaded.values),
        sources_(std::move(sources)),
        version_(std::move(version)),
        ledger_(std::move(store)),
        backups_(config_.database),
        overhead_(config_),
        helper_(config_.helper_socket),
        users_(helper_),
        lowering_(helper_),
        reconciler_(config_, users_.find_all(config_.smtp_exempt_users),
                    features ? std::optional(features->kernel()) : std::nullopt, lowering_),
        features_(features.value_or(Features())),
        time_(std::nullopt, clocks_now()) {
    users_.on_answer([this](const std::string& user) { take_user(user); });
    lowering_.on_end([this](const std::string& account) { look_again(account); });
  }

  // The account's mail limits at this moment: raised, throttled.
  [[nodiscard]] MailLimits effective_mail(const Account& account) const;
  [[nodiscard]] std::string deferral(uint32_t slot, const Whose& whose, const np_mail_amount& amount, uint32_t verdict);
  // At RCPT: those that were asked about until now.
  [[nodiscard]] uint32_t recipients_of(const PolicyRequest& request);
  [[nodiscard]] std::string answer_for(const PolicyRequest& request, const Whose& whose, uint32_t slot);

  void open_netlink();
  void configure_senders();
  void put_unattributed_limits();
  [[nodiscard]] FeatureMode unattributed_mode() const;
  [[nodiscard]] std::optional<std::string> unattributed_complaint();
  [[nodiscard]] std::optional<Opener> opener_of(const PolicyRequest& request);
  [[nodiscard]] std::optional<uint32_t> slot_of_user(uid_t uid);
  [[nodiscard]] std::optional<bool> is_local(const NetAddress& address);
  [[nodiscard]] std::optional<std::string> owner_of_slot(uint32_t slot) const;
  void warn_of_uncharged(bool charged);
  void mail_every_second();
  void flush_mail();
  void save_budgets();
  void restore_budgets();
  void end_raises();
  [[nodiscard]] MailFigures mail_figures(const Entry& entry);
  [[nodiscard]] MailStatus mail_status_of(const Entry& entry);
  Result<AccountView> set_raise(const Caller& caller, Entry& entry, std::optional<MailRaise> raise);

  [[nodiscard]] MailDecisions decisions_of(const std::string& account) const;
  // What the agent itself has decided holds, whether the disk takes it or not: it is tried again.
  void put_decisions(const std::string& account, const MailDecisions& decisions, Notes notes);
  void save_decisions();
  // A message that was charged, and to whom.
  struct ChargedMessage {
    MessageId id;
    np_mail_charged charged;
    const Entry* entry;
  };
  [[nodiscard]] std::optional<ChargedMessage> charged_message(uint64_t id);
  [[nodiscard]] std::optional<ChargedMessage> message_of(const LoggedDelivery& delivery);
  // One recipient of it beyond this host.
  np_mail_question charge_recipient(const ChargedMessage& message, uint64_t recipient, np_mail_more how);
  [[nodiscard]] std::string answer_expanded(const PolicyRequest& request);
  [[nodiscard]] std::string answer_to(const PolicyRequest& request, const Whose& whose, const np_mail_amount& amount,
                                      const np_mail_question& answer);
  // Charges what has left beside what was charged. What counts, and in whose hour.
  std::optional<CountedDelivery> take_note(const LoggedDelivery& delivery, bool anybodys);
  void judge_deliveries();
  void set_throttle(Entry& entry, std::optional<MailThrottle> throttle);
  void end_throttles();
  [[nodiscard]] bool has_ended(const std::string& account, const MailThrottle& throttle) const;
  void tell_of_findings();
  void throttle_the_unwanted();
  void look_at_dns(const std::string& account);
  [[nodiscard]] std::vector<std::string> examples_of(const std::string& account, Outcome outcome) const;

  // Once in the cool-down an account's owner gets a letter; a few are written each second.
  void queue_notice(const std::string& account, NoticeFacts facts);
  void queue_notices(const std::vector<Event>& refusals);
  void write_notices();
  void write_notice(const Account& account, NoticeFacts facts);

  Result<void> load_accounts();
  // Takes note of how the database was opened.
  void report(const Opened& opened);
  // Once a second: backs up; opens anew what was damaged or could not be written.
  void maintain_database();
  void reopen_database();
  // What was said since the backup was made that came back. False when the store refuses some of it.
  bool write_back_accounts();
  // From where the agent before has left it.
  void go_on_living();
  [[nodiscard]] int64_t lived_ms() const;
  void check_clock();
  void hear_of_jump(int64_t by_ms);
  void save_lived_time();
  // After the accounts were loaded. `began_empty`: the database is new.
  void recall_loss(bool began_empty);
  void keep_loss();
  Result<void> end_loss();
  [[nodiscard]] std::string loss_in_words() const;
  [[nodiscard]] bool may_lack_accounts() const { return accounts_lost_ || loss_; }
  void take_over_held();
  // What was done, a sentence; empty: nothing.
  Result<std::string> keep_stricter(Entry& entry, const HeldAccount& held);
  Result<std::string> adopt(const Caller& caller, const HeldAccount& held);
  Result<void> make_way_for(const HeldAccount& held);
  // From the watchdog's files.
  void import_failures();

  // What the database lost and the kernel still knows.
  void take_features_from_kernel();
  // What of the kernel is missing is tried again.
  void retry_missing();
  void open_missing();
  void tell_of_missing();
  void ask_a_new_process();
  // Once the programs are there.
  void go_on_with_smtp();
  void tell_of_gap();
  // Until it is done.
  void retry_rules();
  // What was said since the backup was made that came back.
  void write_back_features();
  void notice_foreign_changes();
  Result<void> save_feature(const Caller& caller, const char* action, Feature feature, FeatureState state);
  void make_effective(Feature feature, const FeatureState& state);
  void enforce_overhead();
  void switch_off(Feature feature, const std::string& why);
  void shed(Feature feature, const OverheadOrder& order);
  void apply_shed();
  [[nodiscard]] std::string shed_complaint(Feature feature) const;
  // Asks npanel-helper who was refused.
  void look_for(const np_smtp_refusal& refusal, Seen seen);
  // A name service has answered.
  void take_user(const std::string& user);
  void find_users();
  void seek_uid(const Account& account);
  [[nodiscard]] std::optional<std::string> why_no_uid(const std::string& account) const;
  void hear_of_user(const Account& account, uid_t uid);
  bool take_next_uid();
  void take_uid(Entry& entry, uid_t uid);
  void leave_uid(const Account& before, const Account& after);
  void drop_refused_uid(Account& account) const;
  // EEXIST or EBUSY; the error's field is "name".
  [[nodiscard]] Result<void> check_name_is_free(const std::string& name) const;
  Result<AccountView> rename(const Caller& caller, Entry& entry, Account changed, const Notes& notes);
  bool leave_directory(Entry& entry);
  void finish_renames();
  void look_again(const std::string& account);
  void watch_overhead();

  // That the agent starts with; written down later when it cannot be now.
  void note_first_configuration(const std::map<std::string, std::string>& files);

  [[nodiscard]] Result<void> refuse_while_drained(const std::string& account) const;
  int64_t apply_to_all(const std::string& why);
  void refresh_devices();
  bool apply_next();
  bool drain_further(Draining& draining);
  bool back_up_further(int64_t id);

  void reconcile_all();
  void reconcile_some();
  void reconcile(Entry& entry);
  // True when the account is gone from kernel and store.
  Result<bool> finish_removal(Entry& entry, int wait_ms);
  // `all`: also what still waits for evidence.
  void flush_refusals(bool all = false);
  void refresh_subuids();
  void recount_open();
  void report_new_problems(const Entry& entry, const std::vector<std::string>& before);

  // ENOENT names the account; EBUSY says that it is being deleted.
  Result<Entry*> find(const std::string& name);
  Result<Entry*> find_lasting(const std::string& name);
  Result<AccountView> save(const Caller& caller, Entry& entry, Account changed, const Notes& notes);
  Result<AccountView> set_state(const Caller& caller, const std::string& name, AccountState state, const char* kind);
  [[nodiscard]] AccountView view(const Entry& entry) const;
  [[nodiscard]] std::vector<std::string> degraded(const Entry& entry) const;
  [[nodiscard]] uint32_t free_slot() const;
  [[nodiscard]] std::vector<FeatureFigures> figures_of_features() const;
  [[nodiscard]] AccountStats stats_of(const Entry& entry, const std::map<uint64_t, const np_usage*>& usage);
  // By cgroup id; empty when the walk cannot run.
  std::map<uint64_t, const np_usage*> walk();
  [[nodiscard]] std::optional<std::string> why_no_usage() const;
  Result<std::span<const np_usage>> rows();

  Config config_;
  std::vector<ConfigValue> config_values_;
  ConfigSources sources_;
  std::function<void(const Config&)> tell_config_;
  std::function<ListenerStatus()> listeners_;
  std::string version_;
  std::chrono::system_clock::time_point started_ = std::chrono::system_clock::now();
  Ledger ledger_;
  Tokens tokens_{ledger_};
  Jobs jobs_{ledger_};
  Backups backups_;
  std::optional<std::string> walk_failed_ = {};  // why the latest walk has no figures
  bool accounts_lost_ = false;                   // the kernel may hold accounts that the store has not
  std::optional<AccountLoss> loss_;              // that nobody has confirmed yet
  bool heap_has_holes_ = false;
  uint64_t ticks_ = 0;
  Overhead overhead_;
  HelperClient helper_;
  Users users_;
  std::map<std::string, std::string>
      seeking_;  // accounts without their user's uid, and why when it is not that the user is not there
  std::deque<std::string> newest_seeking_;  // of these the newest, if some of them are there no more
  std::string sought_to_;                   // the round goes on behind this name
  std::map<std::string, uid_t> heard_of_;   // uids that are to be taken
  std::set<std::string> renamed_;           // accounts whose cgroup is not where their name says
  Lowering lowering_;
  Reconciler reconciler_;
  Features features_;
  bool features_unknown_ = false;  // only the kernel knows them, and cannot be asked
  std::map<std::string, std::string> missing_ = {};
  BackOff missing_again_;
  std::optional<NewProcess> new_process_;
  bool stuck_ = false;
  bool gap_told_ = false;
  bool rules_due_ = false;  // the kernel has not those of config_
  BackOff rules_again_;
  std::function<void(int)> tell_smtp_;
  LivedTime time_;
  uint64_t clock_jumps_ = 0;
  int64_t foreign_changes_ = 0;
  std::array<uint64_t, NP_FEATURES> toggles_{};
  std::array<uint64_t, NP_FEATURES> switched_off_{};
  std::array<std::string, NP_FEATURES> shed_why_{};
  int64_t walked_ms_ = 0;  // CLOCK_MONOTONIC
  std::optional<Applying> applying_;
  bool backup_job_ = false;  // a job is making one
  Refusals refusals_;
  std::optional<LocalAddresses> local_addresses_;
  Senders senders_{{.exists = [this](const std::string& account) { return accounts_.contains(account); },
                    .owner_of = [this](uint32_t slot) { return owner_of_slot(slot); },
                    .slot_of_user = [this](uid_t uid) { return slot_of_user(uid); },
                    .opener = [this](const PolicyRequest& request) { return opener_of(request); },
                    .is_local = [this](const NetAddress& address) { return is_local(address); }}};
  UnattributedStats unattributed_;
  Subuids subuids_;
  DeliveryStats deliveries_;
  MailState mail_;
  Entries accounts_;
  std::map<uint32_t, std::string> slots_;  // whose slot it is
  std::set<std::string> deleting_;
  std::string reconciled_to_;  // the rolling pass goes on behind this name
  std::vector<std::string> orphans_;
  ReconcileFigures figures_;
};

}  // namespace npanel
