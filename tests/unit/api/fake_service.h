// SPDX-License-Identifier: Apache-2.0
// fake_service.h: an agent without a kernel or a disk, which remembers what it was asked.
#pragma once

#include <algorithm>
#include <map>

#include "api/request_guard.h"
#include "api/service_routes.h"

namespace npanel {

struct FakeService final : Service {
  std::map<std::string, AccountView> views;
  Features feature_states;
  std::map<std::string, Token, std::less<>> secrets;  // by text
  std::map<std::pair<std::string, std::string>, IdempotentReply> kept;
  std::vector<AuditEntry> refusals;
  std::vector<ConfigValue> values;
  std::vector<ConfigVersion> versions;
  std::vector<Job> all_jobs;
  Caller caller;  // of the last change
  int changes = 0;
  std::optional<Error> trouble;  // of every change
  std::vector<std::string> wrong;

  AccountView& add(const std::string& name) {
    return views.emplace(name, AccountView{.account = {.name = name}, .degraded = {}}).first->second;
  }
  void enable(Feature feature, FeatureState state = {.enabled = true}) {
    feature_states.set(feature, std::move(state));
  }
  void enable_all() {
    for (const Feature feature : kAllFeatures) enable(feature);
  }
  Result<void> note(const Caller& who) {
    caller = who;
    if (trouble) return std::unexpected(*trouble);
    if (who.key) kept[{who.key->client, who.key->key}] = *who.key;
    ++changes;
    return {};
  }
  Result<AccountView*> find(const std::string& name) {
    const auto found = views.find(name);
    if (found == views.end()) return failure("there is no account \"" + name + "\"", ENOENT);
    return &found->second;
  }

  Limits default_limits() const override { return {}; }
  SmtpLimit default_smtp() const override { return {}; }
  MailLimits default_mail() const override { return {}; }
  uid_t least_uid() const override { return kLeastUid; }
  std::vector<AccountView> accounts(const std::string&, size_t) override {
    std::vector<AccountView> all;
    for (const auto& [name, view] : views) all.push_back(view);
    return all;
  }
  Result<AccountView> account(const std::string& name) override { return *NP_TRY(find(name)); }
  Result<AccountView> create(const Caller& who, Account wanted, bool) override {
    NP_TRY(note(who));
    if (views.contains(wanted.name)) return failure("account exists already", EEXIST);
    AccountView& view = add(wanted.name);
    view.account = std::move(wanted);
    return view;
  }
  Result<AccountView> change(const Caller& who, const std::string& name, const Account& wanted) override {
    NP_TRY(find(name));
    if (wanted.name != name && views.contains(wanted.name))
      return std::unexpected(Error{.text = "account exists already", .code = EEXIST, .field = "name"});
    NP_TRY(note(who));
    auto moved = views.extract(name);
    moved.key() = wanted.name;
    moved.mapped().account = wanted;
    return views.insert(std::move(moved)).position->second;
  }
  std::vector<MailStatus> mails;
  Result<MailStatus> mail(const std::string& name) override {
    NP_TRY(find(name));
    return mails.empty() ? MailStatus{.account = name} : mails.front();
  }
  std::vector<MailStatus> mail_top(size_t most) override {
    return {mails.begin(), mails.begin() + static_cast<std::ptrdiff_t>(std::min(most, mails.size()))};
  }
  UnattributedMail unattributed;
  UnattributedMail unattributed_mail() override { return unattributed; }
  UnclearMail unclear;
  UnclearMail unclear_mail() override { return unclear; }
  std::vector<MailFinding> findings;
  std::vector<MailFinding> mail_findings() override { return findings; }
  Result<AccountView> raise_mail(const Caller& who, const std::string& name, uint64_t messages,
                                 uint64_t seconds) override {
    AccountView* view = NP_TRY(find(name));
    const MailRaise raise{.messages_per_hour = messages, .until_ms = static_cast<int64_t>(seconds) * 1000};
    NP_TRY(check(raise, view->account.mail));
    NP_TRY(note(who));
    view->account.raise = raise;
    return *view;
  }
  Result<AccountView> end_raise(const Caller& who, const std::string& name) override {
    AccountView* view = NP_TRY(find(name));
    NP_TRY(note(who));
    view->account.raise.reset();
    return *view;
  }
  Result<AccountView> release_throttle(const Caller& who, const std::string& name) override {
    AccountView* view = NP_TRY(find(name));
    NP_TRY(note(who));
    return *view;
  }
  Result<AccountView> set_state(const Caller& who, const std::string& name, AccountState state) {
    AccountView* view = NP_TRY(find(name));
    NP_TRY(note(who));
    view->account.state = state;
    return *view;
  }
  Result<AccountView> suspend(const Caller& who, const std::string& name) override {
    return set_state(who, name, AccountState::suspended);
  }
  Result<AccountView> resume(const Caller& who, const std::string& name) override {
    return set_state(who, name, AccountState::active);
  }
  Result<std::optional<AccountView>> remove(const Caller& who, const std::string& name) override {
    NP_TRY(find(name));
    NP_TRY(note(who));
    views.erase(name);
    return std::nullopt;
  }
  Result<std::vector<pid_t>> processes(const std::string& name) override {
    NP_TRY(find(name));
    return std::vector<pid_t>{1};
  }
  Result<void> add_process(const Caller& who, const std::string& name, pid_t) override {
    NP_TRY(find(name));
    return note(who);
  }
  Result<std::vector<AccountStats>> stats() override {
    std::vector<AccountStats> all;
    for (const auto& [name, view] : views) all.push_back({.account = &view.account});
    return all;
  }
  Result<AccountStats> stats(const std::string& name) override {
    return AccountStats{.account = &NP_TRY(find(name))->account};
  }
  AgentStatus status() override { return {}; }
  std::vector<std::string> complaints() override { return wrong; }
  Result<std::string> metrics() override { return "npanel_up 1\n"; }

  bool enabled(Feature feature) const override { return feature_states.on(feature); }
  std::vector<FeatureView> features() override {
    std::vector<FeatureView> all;
    for (const Feature each : kAllFeatures) all.push_back(feature(each));
    return all;
  }
  FeatureView feature(Feature feature) override { return {.feature = feature, .state = feature_states.state(feature)}; }
  Result<FeatureView> change_feature(const Caller& who, Feature which, const FeatureChange& wanted) override {
    FeatureState state = NP_TRY(apply(which, feature_states.state(which), wanted));
    NP_TRY(note(who));
    feature_states.set(which, std::move(state));
    return feature(which);
  }
  Result<FeatureView> override_feature(const Caller& who, Feature which, const std::string& account,
                                       std::optional<bool> on) override {
    NP_TRY(find(account));
    NP_TRY(note(who));
    FeatureState state = feature_states.state(which);
    state.overrides.erase(account);
    if (on) state.overrides[account] = *on;
    feature_states.set(which, std::move(state));
    return feature(which);
  }

  bool dies = false;  // before the answer is kept, once a change is made
  Router routes() {
    Router router;
    for (const auto& of : {account_routes, config_routes, feature_routes, database_routes, mail_routes, status_routes})
      router.add(of(*this));
    return router;
  }
  GuardSources guard_sources() {
    const auto find_token = [this](std::string_view text) {
      const auto found = secrets.find(text);
      return found == secrets.end() ? std::nullopt : std::optional(found->second);
    };
    const auto find = [this](const std::string& client,
                             const std::string& key) -> Result<std::optional<IdempotentReply>> {
      const auto found = kept.find({client, key});
      return found == kept.end() ? std::nullopt : std::optional(found->second);
    };
    const auto keep = [this](const IdempotentReply& reply) -> Result<void> {
      if (dies) return failure("killed");
      kept[{reply.client, reply.key}] = reply;
      return {};
    };
    return {.find_token = find_token,
            .is_on = [this](Feature feature) { return enabled(feature); },
            .audit_refusal = [this](AuditEntry entry) { refusals.push_back(std::move(entry)); },
            .replies = {.find = find, .keep = keep, .lived_ms = [] { return int64_t{1}; }}};
  }

  std::vector<ConfigValue> config() override { return values; }
  Result<ReloadReport> reload(const Caller& who) override {
    NP_TRY(note(who));
    return ReloadReport{.version = 7, .changed = {"smtp.ports"}, .needs_restart = {"paths.socket"}};
  }
  Result<std::vector<ConfigVersion>> config_versions(int limit) override {
    std::vector<ConfigVersion> page = versions;
    page.resize(std::min(page.size(), static_cast<size_t>(limit)));
    return page;
  }
  Result<ConfigVersion> config_version(int64_t id) override {
    const auto found = std::ranges::find(versions, id, &ConfigVersion::id);
    if (found == versions.end()) return failure("there is no version " + std::to_string(id), ENOENT);
    return *found;
  }

  LostAccounts lost;
  LostAccounts lost_accounts() override { return lost; }
  Result<AccountView> adopt(const Caller& who, const std::string& name) override {
    NP_TRY(note(who));
    if (views.contains(name)) return failure("account exists already", EEXIST);
    if (std::erase_if(lost.held, [&](const HeldAccount& held) { return held.directory == name; }) == 0)
      return failure("the kernel holds no account \"" + name + "\"", ENOENT);
    return add(name);
  }
  Result<LostAccounts> confirm_accounts(const Caller& who) override {
    NP_TRY(note(who));
    lost.loss.reset();
    return lost;
  }
  Result<Job> start(const Caller& who, const std::string& kind, std::optional<std::string> account = {}) {
    NP_TRY(note(who));
    Job& job = all_jobs.emplace_back();
    job.id = static_cast<int64_t>(all_jobs.size());
    job.kind = kind;
    job.account = std::move(account);
    return job;
  }
  uint32_t grace = 0;
  Result<Job> start_apply(const Caller& who) override { return start(who, "apply"); }
  Result<Job> start_drain(const Caller& who, const std::string& account, uint32_t grace_seconds) override {
    NP_TRY(find(account));
    grace = grace_seconds;
    return start(who, "drain", account);
  }
  Result<Job> start_backup(const Caller& who) override { return start(who, "backup"); }
};

}  // namespace npanel
