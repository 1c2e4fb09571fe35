// SPDX-License-Identifier: Apache-2.0
// service.cpp: what the API asks of the agent.
#include <sys/utsname.h>

#include <algorithm>
#include <iterator>

#include "agent/agent.h"
#include "api/codec.h"
#include "api/service_routes.h"
#include "base/clock.h"
#include "core/history_routes.h"
#include "daemon/log.h"
#include "metrics/render.h"

namespace npanel {
namespace {

constexpr int kDyingMs = 500;  // how long a delete waits for processes to die; everybody else waits with it

Json as_said(const Account& account) {
  return {{"uid", account.uid ? Json(*account.uid) : Json(nullptr)},
          {"limits", encode(account.limits)},
          {"smtp", encode(account.smtp)},
          {"mail", encode(account.mail)},
          {"contact", encode(account.contact)}};
}

}  // namespace

std::vector<std::string> Agent::degraded(const Entry& entry) const {
  std::vector<std::string> reasons = reconciler_.degraded(entry.account, features_, entry.applied);
  if (auto why = why_no_uid(entry.account.name)) reasons.push_back(std::move(*why));
  return reasons;
}

AccountView Agent::view(const Entry& entry) const {
  const std::string& name = entry.account.name;
  return {.account = entry.account,
          .degraded = degraded(entry),
          .isolation = features_.mode_for(NP_CGROUPS_ISOLATION, name),
          .mail = features_.mode_for(NP_EMAIL_RATE_LIMITING, name)};
}

Result<Agent::Entry*> Agent::find(const std::string& name) {
  const auto found = accounts_.find(name);
  if (found == accounts_.end()) return failure("there is no account \"" + name + "\"", ENOENT);
  return &found->second;
}

Result<Agent::Entry*> Agent::find_lasting(const std::string& name) {
  Entry* entry = NP_TRY(find(name));
  if (entry->account.state == AccountState::deleting)
    return failure("account \"" + name + "\" is being deleted", EBUSY);
  return entry;
}

std::vector<AccountView> Agent::accounts(const std::string& after, size_t most) {
  std::vector<AccountView> views;
  views.reserve(std::min(most, accounts_.size()));
  for (auto next = accounts_.upper_bound(after); next != accounts_.end() && views.size() < most; ++next)
    views.push_back(view(next->second));
  return views;
}

Result<AccountView> Agent::account(const std::string& name) {
  return view(*NP_TRY(find(name)));
}

uint32_t Agent::free_slot() const {
  uint32_t slot = 0;
  for (const auto& [taken, name] : slots_) {
    if (taken != slot) break;
    ++slot;
  }
  return slot;
}

Result<AccountView> Agent::create(const Caller& caller, Account wanted, bool find_uid) {
  const std::string name = wanted.name;
  NP_TRY(check_name_is_free(name));
  wanted.slot = free_slot();
  if (wanted.slot >= NP_SLOTS)
    return failure("this server holds " + std::to_string(NP_SLOTS) + " accounts already", ENOSPC);
  const Users::Found user = find_uid ? users_.find(name) : Users::Found{};
  wanted.uid_of_user = find_uid;
  if (user.uid && check_uid(*user.uid, config_.least_uid)) wanted.uid = user.uid;
  const Json after = as_said(wanted);
  // Before the slot is anybody's: an agent that ends here, or a store that refuses, leaves no counts of its last owner.
  if (const auto fresh = reconciler_.start_fresh(wanted); !fresh)
    log_error("account " + name + ": " + fresh.error().text + "; carrying on");
  NP_TRY(ledger_.commit(caller,
                        {.events = {event_now(name, "account_created", after)},
                         .audit = {audit_entry(caller, "account.create", name, "", nullptr, after)}},
                        [&](Store& store, const Notes& notes) { return store.put(wanted, notes); }));
  seek_uid(wanted);
  if (user.uid) users_.look_again();  // whether it was taken or not is said
  slots_.emplace(wanted.slot, name);
  subuids_.look_again();
  Entry& entry =
      accounts_.emplace(name, Entry{.account = std::move(wanted), .applied = {}, .since_ns = boot_ns()}).first->second;
  reconcile(entry);
  return view(entry);
}

void Agent::take_user(const std::string& user) {
  if (const auto entry = accounts_.find(user); entry != accounts_.end() && seeking_.contains(user))
    if (const Users::Found found = users_.ask_service(user); found.uid) hear_of_user(entry->second.account, *found.uid);
  const auto names = [&](const std::vector<std::string>& users) {
    return std::ranges::find(users, user) != users.end();
  };
  if (!names(config_.smtp_exempt_users) && !names(config_.mta_users)) return;
  if (!users_.find(user).uid) return;
  if (names(config_.smtp_exempt_users)) {
    rules_due_ = true;
    retry_rules();
  }
  configure_senders();
  if (names(config_.mta_users) && tell_config_) tell_config_(config_);
}

void Agent::look_again(const std::string& account) {
  const auto entry = accounts_.find(account);
  if (entry != accounts_.end() && entry->second.account.state != AccountState::deleting) reconcile(entry->second);
}

// Store, memory, kernel: in this order, so that a refusal of the store changes nothing.
Result<AccountView> Agent::save(const Caller& caller, Entry& entry, Account changed, const Notes& notes) {
  NP_TRY(ledger_.commit(caller, notes, [&](Store& store, const Notes& with) { return store.put(changed, with); }));
  leave_uid(entry.account, changed);
  entry.account = std::move(changed);
  seek_uid(entry.account);
  reconcile(entry);
  return view(entry);
}

Result<AccountView> Agent::change(const Caller& caller, const std::string& former, const Account& wanted) {
  const std::string& name = wanted.name;
  Entry* entry = NP_TRY(find_lasting(former));
  Account changed = entry->account;
  changed.name = name;
  changed.uid = wanted.uid;
  changed.uid_of_user = wanted.uid_of_user;
  changed.limits = wanted.limits;
  changed.smtp = wanted.smtp;
  changed.mail = wanted.mail;
  changed.contact = wanted.contact;
  if (changed == entry->account) return view(*entry);
  Notes notes;
  const auto note = [&](const char* kind, const char* action, const Json& before, const Json& after) {
    if (before == after) return;
    notes.events.push_back(event_now(name, kind, {{"before", before}, {"after", after}}));
    notes.audit.push_back(audit_entry(caller, action, name, "", before, after));
  };
  const auto called = [](const std::string& account) { return Json{{"name", account}}; };
  note("renamed", "account.rename", called(former), called(name));
  const auto said = [](const Account& account) {
    return Json{{"uid", or_null(account.uid)}, {"of_user", account.uid_of_user}};
  };
  note("uid_changed", "account.uid", said(entry->account), said(changed));
  note("limits_changed", "account.change", encode(entry->account.limits), encode(changed.limits));
  note("smtp_changed", "account.smtp", encode(entry->account.smtp), encode(changed.smtp));
  note("mail_limits_changed", "account.mail", encode(entry->account.mail), encode(changed.mail));
  note("contact_changed", "account.contact", encode(entry->account.contact), encode(changed.contact));
  if (name == former) return save(caller, *entry, std::move(changed), notes);
  // Whoever looks for either name finds where it went, or came from.
  notes.audit.push_back(audit_entry(caller, "account.rename", former, "", called(former), called(name)));
  return rename(caller, *entry, std::move(changed), notes);
}

Result<AccountView> Agent::set_state(const Caller& caller, const std::string& name, AccountState state,
                                     const char* kind) {
  Entry* entry = NP_TRY(find_lasting(name));
  if (entry->account.state == state) return view(*entry);
  Account changed = entry->account;
  changed.state = state;
  const Event what = event_now(name, kind);
  const char* action = state == AccountState::suspended ? "account.suspend" : "account.resume";
  const auto said = [](AccountState which) { return Json{{"state", to_string(which)}}; };
  return save(
      caller, *entry, std::move(changed),
      {.events = {what}, .audit = {audit_entry(caller, action, name, "", said(entry->account.state), said(state))}});
}

Result<AccountView> Agent::suspend(const Caller& caller, const std::string& name) {
  return set_state(caller, name, AccountState::suspended, "suspended");
}
Result<AccountView> Agent::resume(const Caller& caller, const std::string& name) {
  return set_state(caller, name, AccountState::active, "resumed");
}

Result<std::optional<AccountView>> Agent::remove(const Caller& caller, const std::string& name) {
  Entry* entry = NP_TRY(find(name));
  if (entry->account.state != AccountState::deleting) {
    Account changed = entry->account;
    changed.state = AccountState::deleting;
    const Notes notes{.events = {},
                      .audit = {audit_entry(caller, "account.delete", name, "", as_said(entry->account), nullptr)}};
    NP_TRY(ledger_.commit(caller, notes, [&](Store& store, const Notes& with) { return store.put(changed, with); }));
    entry->account = std::move(changed);
    seek_uid(entry->account);
    deleting_.insert(name);
  }
  const auto gone = finish_removal(*entry, kDyingMs);
  if (!gone) log_error("account " + name + ": " + gone.error().text + "; deletion goes on");
  if (gone && *gone) return std::nullopt;
  return view(*entry);
}

Result<std::vector<pid_t>> Agent::processes(const std::string& name) {
  return reconciler_.processes(NP_TRY(find(name))->account);
}

Result<void> Agent::add_process(const Caller& caller, const std::string& name, pid_t pid) {
  Entry* entry = NP_TRY(find_lasting(name));
  NP_TRY(reconciler_.add_process(entry->account, features_, pid, caller.root));
  const Json what{{"pid", pid}};
  // It is in already: whatever the store says now, it is told.
  ledger_.note({.events = {event_now(name, "process_added", what)},
                .audit = {audit_entry(caller, "account.add_process", name, "", nullptr, what)}});
  return {};
}

// While the figures cost too much, those of the last walk are given again.
Result<std::span<const np_usage>> Agent::rows() {
  constexpr std::array<int64_t, kShedMost + 1> kAgeMostMs = {0, 10'000, 60'000};
  const int64_t now = steady_ms();
  if (now - walked_ms_ < kAgeMostMs[overhead_.shed(NP_CGROUPS_ISOLATION)]) return reconciler_.usage()->rows();
  auto fresh = reconciler_.usage()->walk();
  if (fresh) walked_ms_ = now;
  return fresh;
}

// What fails of it leaves everything else to be told.
std::map<uint64_t, const np_usage*> Agent::walk() {
  std::map<uint64_t, const np_usage*> by_cgroup;
  if (!reconciler_.usage()) return by_cgroup;
  const auto walked = rows();
  const std::optional<std::string> failed = walked ? std::nullopt : std::optional(walked.error().text);
  if (failed && failed != walk_failed_)
    log_error("usage figures are unavailable: " + *failed + "; tried again when asked");
  walk_failed_ = failed;
  if (walked)
    for (const np_usage& row : *walked) by_cgroup.emplace(row.cgroup_id, &row);
  return by_cgroup;
}

std::optional<std::string> Agent::why_no_usage() const {
  return reconciler_.usage_reason() ? reconciler_.usage_reason() : walk_failed_;
}

AccountStats Agent::stats_of(const Entry& entry, const std::map<uint64_t, const np_usage*>& usage) {
  AccountStats stats;
  stats.account = &entry.account;
  if (entry.applied.cgroup_id)
    if (const auto row = usage.find(*entry.applied.cgroup_id); row != usage.end()) stats.usage = *row->second;
  if (reconciler_.smtp()) {
    stats.smtp = reconciler_.smtp()->count(entry.account.slot);
    stats.mail = mail_figures(entry);
  }
  stats.degraded = degraded(entry).size();
  return stats;
}

Result<std::vector<AccountStats>> Agent::stats() {
  const auto usage = walk();
  heap_has_holes_ = true;
  std::vector<AccountStats> all;
  all.reserve(accounts_.size());
  for (const auto& [name, entry] : accounts_) all.push_back(stats_of(entry, usage));
  return all;
}

Result<AccountStats> Agent::stats(const std::string& name) {
  const Entry* entry = NP_TRY(find(name));
  return stats_of(*entry, walk());
}

std::vector<FeatureFigures> Agent::figures_of_features() const {
  std::vector<FeatureFigures> figures;
  figures.reserve(kAllFeatures.size());
  for (const Feature feature : kAllFeatures)
    figures.push_back({.feature = feature,
                       .mode = static_cast<FeatureMode>(features_.kernel()[feature].mode),
                       .toggles = toggles_[feature],
                       .switched_off = switched_off_[feature],
                       .cost = overhead_.cost(feature),
                       .shed = overhead_.shed(feature)});
  return figures;
}

AgentStatus Agent::status() {
  utsname kernel{};
  ::uname(&kernel);
  return {.version = version_,
          .kernel = kernel.release,
          .started = started_,
          .accounts = accounts_.size(),
          .cgroup_path = config_.cgroup_mount + "/" + config_.cgroup_path,
          .controllers = reconciler_.host().controllers,
          .usage_reason = why_no_usage(),
          .smtp_reason = reconciler_.smtp_reason(),
          .smtp_attached_ms = reconciler_.attached_ms(),
          .smtp_ports = config_.smtp_ports,
          .smtp = reconciler_.smtp() ? reconciler_.smtp()->total() : np_smtp_total{},
          .unattributed = unattributed_mail(),
          .mail_failed = mail_.failed,
          .mail_unclear = deliveries_.unclear_count(),
          .evidence_missing = refusals_.evidence_missing(),
          .log_lines_lost = log_lines_lost(),
          .usage_dropped = reconciler_.usage() ? reconciler_.usage()->dropped() : 0,
          .reconcile = figures_,
          .orphans = orphans_,
          .clock_jumps = clock_jumps_,
          .accounts_lost = may_lack_accounts(),
          .features = figures_of_features(),
          .listeners = listeners_ ? listeners_() : ListenerStatus{}};
}

std::vector<std::string> Agent::complaints() {
  std::vector<std::string> complaints;
  if (ledger_.read_only()) complaints.push_back("database: changes are refused: " + *ledger_.read_only());
  if (!ledger_.complaint().empty()) complaints.push_back("database: " + ledger_.complaint());
  if (may_lack_accounts()) complaints.push_back(loss_in_words());
  if (rules_due_)
    complaints.emplace_back(
        "smtp: the rules in force may not be those of the configuration; they are put in force again");
  if (reconciler_.smtp_reason()) complaints.push_back("smtp: " + *reconciler_.smtp_reason());
  if (reconciler_.openers_reason() && !reconciler_.smtp_reason())
    complaints.push_back("mail: who opens connections to the MTA is not known: " + *reconciler_.openers_reason());
  if (const auto why = why_no_usage()) complaints.push_back("usage: " + *why);
  if (const UsageWalk* usage = reconciler_.usage(); usage && usage->dropped() > 0)
    complaints.push_back("usage: " + std::to_string(usage->dropped()) + " cgroups beside " + std::to_string(NP_SLOTS) +
                         " others are not measured: there are too many below the accounts' cgroup");
  for (const std::string_view controller : kControllers)
    if (!reconciler_.host().controllers.contains(controller))
      complaints.push_back("cgroup v2 offers no " + std::string(controller) + " controller");
  for (const std::string& complaint : reconciler_.device_complaints()) complaints.push_back("io.devices: " + complaint);
  if (!helper_.complaint().empty())
    complaints.push_back("npanel-helper is not there, so processes that are refused are not looked at: " +
                         helper_.complaint());
  for (const Feature feature : kAllFeatures)
    if (std::string complaint = shed_complaint(feature); !complaint.empty()) complaints.push_back(std::move(complaint));
  const auto failing =
      std::ranges::count_if(accounts_, [](const auto& named) { return !named.second.applied.problems.empty(); });
  if (failing > 0) complaints.push_back(std::to_string(failing) + " accounts have limits that could not be applied");
  if (auto unattributed = unattributed_complaint()) complaints.push_back(std::move(*unattributed));
  for (const MailFinding& finding : deliveries_.findings())
    complaints.push_back("mail: " + std::string(description(finding.trouble)) + ": npanelctl mail findings");
  if (listeners_) std::ranges::move(listeners_().complaints, std::back_inserter(complaints));
  return complaints;
}

Result<std::string> Agent::metrics() {
  const auto figures = NP_TRY(stats());  // first: the status says whether there are any
  return render_metrics(figures, status());
}

Router Agent::routes() {
  Router router;
  router.add(account_routes(*this));
  router.add(config_routes(*this));
  router.add(feature_routes(*this));
  router.add(history_routes(ledger_));
  router.add(job_routes(jobs_));
  router.add(database_routes(*this));
  router.add(mail_routes(*this));
  router.add(status_routes(*this));
  router.add(token_routes(tokens_));
  return router;
}

GuardSources Agent::guard_sources() {
  const auto audit_refusal = [this](AuditEntry entry) {
    log_info("refused: " + entry.action + (entry.account ? " " + *entry.account : "") + " by " + entry.actor + ": " +
             entry.result + " [" + entry.request_id + "]");
    ledger_.note_later(std::move(entry));
  };
  return {.find_token = [this](std::string_view text) { return tokens_.find(text); },
          .is_on = [this](Feature feature) { return features_.on(feature); },
          .audit_refusal = audit_refusal,
          .replies = {.find = [this](const std::string& client,
                                     const std::string& key) { return ledger_.store().find(client, key, lived_ms()); },
                      .keep = [this](const IdempotentReply& reply) { return ledger_.store().keep(reply); },
                      .lived_ms = [this] { return lived_ms(); }}};
}

}  // namespace npanel
