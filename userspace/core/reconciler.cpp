// SPDX-License-Identifier: Apache-2.0
#include "core/reconciler.h"

#include <unistd.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/clock.h"
#include "base/parse.h"
#include "kernel/apply_settings.h"
#include "kernel/block_devices.h"
#include "kernel/movable.h"
#include "kernel/process.h"
#include "kernel/storage_facts.h"
#include "model/effective.h"
#include "model/net.h"

namespace npanel {
namespace {

constexpr const char* kLimitFiles[] = {"cpu.max", "memory.max", "memory.high",  "memory.swap.max",
                                       "io.max",  "pids.max",   "cgroup.freeze"};

// Moves the value out, or keeps the reason why there is none.
template <class T>
std::optional<T> value_or_reason(Result<T> result, std::optional<std::string>& reason) {
  reason = result ? std::nullopt : std::optional(std::move(result.error().text));
  return result ? std::optional(std::move(*result)) : std::nullopt;
}

// A user that is not there (the other MTA's) is nobody to exempt. The networks were checked with the configuration.
SmtpRules rules_of(const Config& config, const std::set<uid_t>& exempt) {
  SmtpRules rules{.ports = config.smtp_ports,
                  .exempt_uids = {exempt.begin(), exempt.end()},
                  .redirect_port = static_cast<uint16_t>(config.smtp_redirect_port)};
  for (const std::string& text : config.smtp_allow)
    if (const auto net = parse_net(text)) rules.allow.push_back(*net);
  return rules;
}

}  // namespace

Reconciler::Reconciler(const Config& config, const std::set<uid_t>& exempt, const std::optional<FeatureTable>& features,
                       Lowering& lowering)
    : pin_dir_(config.pin_dir), io_devices_(config.io_devices), io_paths_(config.io_paths), lowering_(lowering) {
  host_.page_bytes = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  find_devices();
  open_missing(config, exempt, features);
}

std::map<std::string, std::string> Reconciler::missing() const {
  std::map<std::string, std::string> parts;
  const auto note = [&parts](const char* part, bool is_there, const std::optional<std::string>& reason) {
    if (!is_there) parts.emplace(part, reason.value_or(""));
  };
  note("cgroups", tree_.has_value(), tree_reason_);
  note("usage", usage_.has_value(), usage_reason_);
  note("smtp", smtp_.has_value(), smtp_reason_);
  note("openers", !openers_reason_, openers_reason_);
  return parts;
}

bool Reconciler::may_get_more() const {
  const bool all_controllers = tree_ && host_.controllers.size() == std::size(kControllers);
  return !all_controllers || (!in_container_ && !missing().empty());
}

// True: it was opened, or has more controllers than before.
bool Reconciler::open_tree(const Config& config) {
  if (tree_ && host_.controllers.size() == std::size(kControllers)) return false;
  auto opened = value_or_reason(AccountTree::open(config.cgroup_mount, config.cgroup_path), tree_reason_);
  if (!opened || (tree_ && opened->controllers() == host_.controllers)) return false;
  tree_ = std::move(opened);
  host_.controllers = tree_->controllers();
  return true;
}

bool Reconciler::open_missing(const Config& config, const std::set<uid_t>& exempt,
                              const std::optional<FeatureTable>& features) {
  bool came = open_tree(config);
  if (!tree_) {
    smtp_reason_ = usage_reason_ = openers_reason_ = tree_reason_;
    return came;
  }
  in_container_ = !tree_->at_hierarchy_root();
  if (in_container_) {
    smtp_reason_ = usage_reason_ = openers_reason_ =
        config.cgroup_mount + " is not the root of cgroup v2 (a container?): BPF cannot tell accounts by depth";
    return came;
  }
  if (!usage_) {
    usage_ = value_or_reason(UsageWalk::load(tree_->fd(), tree_->account_level(), NP_SLOTS), usage_reason_);
    if (usage_) find_devices();  // which it is to skip
    came = came || usage_;
  }
  if (!smtp_) {
    attached_first_ = !Pins::any(pin_dir_);
    smtp_ = value_or_reason(SmtpPrograms::attach({.cgroup_fd = tree_->mount_fd(),
                                                  .account_level = tree_->account_level(),
                                                  .pin_dir = config.pin_dir,
                                                  .rules = rules_of(config, exempt),
                                                  .features = features}),
                            smtp_reason_);
    attached_first_ = attached_first_ && smtp_;
    if (attached_first_) std::ignore = set_mark(pin_dir_, kAttachedMark + std::to_string(boot_ms()));
    came = came || smtp_;
  }
  if (!openers_ || openers_reason_) {
    watch_connections(config);
    came = came || !openers_reason_;
  }
  return came;
}

// Its maps are those of SmtpPrograms.
void Reconciler::watch_connections(const Config& config) {
  if (!smtp_) {
    openers_reason_ = smtp_reason_;
    return;
  }
  auto openers = ConnectionOpeners::attach({.cgroup_fd = tree_->mount_fd(),
                                            .account_level = tree_->account_level(),
                                            .pin_dir = config.pin_dir,
                                            .ports = config.smtp_ports,
                                            .redirect_port = static_cast<uint16_t>(config.smtp_redirect_port)});
  openers_reason_.reset();
  if (openers)
    openers_ = std::move(*openers);
  else
    openers_reason_ = std::move(openers.error().text);  // with what was watched before
}

bool Reconciler::look_for_devices() {
  constexpr unsigned kLookEvery = 5;
  return ++since_look_ >= kLookEvery && find_devices();
}

std::optional<std::vector<DeviceNumber>> Reconciler::configured_devices() {
  device_complaints_.clear();
  if (io_devices_.empty()) return std::nullopt;
  std::vector<DeviceNumber> found;
  for (const std::string& node : io_devices_) {
    if (const auto number = device_number(node))
      found.push_back(*number);
    else
      device_complaints_.push_back(number.error().text + "; nothing is limited there");
  }
  return found;
}

bool Reconciler::find_devices() {
  since_look_ = 0;
  std::vector<std::string> paths = io_paths_;
  std::ranges::copy(homes_.look(), std::back_inserter(paths));
  const StoragePlan plan = plan_io(storage_facts(paths), configured_devices());
  const auto before = std::exchange(host_.devices, {});
  for (const DeviceNumber& device : plan.limited) host_.devices.push_back(to_string(device));
  host_.io_gaps = plan.gaps;
  host_.io_gaps.insert(host_.io_gaps.end(), device_complaints_.begin(), device_complaints_.end());
  // What cannot be skipped counts, as it does in io.stat.
  if (usage_) std::ignore = usage_->skip_devices(plan.counted_elsewhere);
  return host_.devices != before;
}

Result<int> Reconciler::set_features(const FeatureTable& features) {
  if (!smtp_) return 0;
  return smtp_->features.set(features);
}

Result<ConnectHook::Programs> Reconciler::set_rules(const Config& config, const std::set<uid_t>& exempt) {
  if (!smtp_) return nullptr;
  return smtp_->connect.switch_to(NP_TRY(smtp_->connect.prepare(rules_of(config, exempt))));
}

Result<void> Reconciler::put_back(ConnectHook::Programs former) {
  if (!smtp_ || !former) return {};
  NP_TRY(smtp_->connect.switch_to(std::move(former)));
  return {};
}

void Reconciler::follow(const Config& config) {
  io_devices_ = config.io_devices;
  io_paths_ = config.io_paths;
  find_devices();
  if (smtp_) watch_connections(config);
}

Applied Reconciler::apply(const Account& account, const MailLimits& mail, const Features& features,
                          const Applied& before) {
  Applied applied;
  const Account now = effective(account, features);
  if (tree_) {
    if (const auto cgroup = tree_->find_or_make(cgroup_directory(account))) {
      if (const auto id = cgroup->id()) applied.cgroup_id = *id;
      auto [writes, problems, pending] =
          apply_settings(*cgroup, now, host_, lowering_.writer_for(account.name, applied.cgroup_id.value_or(0)));
      applied.writes += writes;
      applied.problems = std::move(problems);
      applied.pending = std::move(pending);
      apply_rlimit_fallback_to_all(*cgroup, account, now, applied);
    } else {
      applied.problems.push_back(cgroup.error().text);
    }
  }
  if (smtp_) {
    Account gone = account;
    gone.uid.reset();
    if (before.cgroup_id && before.cgroup_id != applied.cgroup_id)
      if (const auto removed = smtp_->remove(gone, before.cgroup_id); !removed)
        applied.problems.push_back(removed.error().text);
    if (const auto written =
            smtp_->set(account, mail, applied.cgroup_id, features.override_for(NP_EMAIL_RATE_LIMITING, account.name)))
      applied.writes += *written;
    else
      applied.problems.push_back("smtp: " + written.error().text);
  }
  return applied;
}

void Reconciler::apply_rlimit_fallback_to_all(const Cgroup& cgroup, const Account& account, const Account& now,
                                              Applied& applied) const {
  const RlimitFallback wanted = rlimit_fallback_for(account, host_);
  if (wanted == RlimitFallback{}) return;
  const RlimitFallback fallback = rlimit_fallback_for(now, host_);
  const auto pids = cgroup.pids();
  if (!pids) {
    applied.problems.push_back("cgroup.procs: " + pids.error().text);
    return;
  }
  for (const pid_t pid : *pids)
    if (const auto set = fallback == wanted ? apply_rlimit_fallback(pid, wanted) : lift_rlimit_fallback(pid, wanted);
        !set && set.error().code != ESRCH)
      applied.problems.push_back("pid " + std::to_string(pid) + ": " + set.error().text);
}

Result<void> Reconciler::start_fresh(const Account& account) {
  if (!smtp_) return {};
  return smtp_->reset(account.slot);
}

Result<bool> Reconciler::remove(const Account& account, const Applied& before, int wait_ms) {
  // The id must be known before the cgroup goes: an agent that was restarted meanwhile has never applied the account.
  const auto now = cgroup_id(cgroup_directory(account));
  if (tree_ && !NP_TRY(tree_->remove(cgroup_directory(account), wait_ms))) return false;
  if (smtp_) NP_TRY(smtp_->remove(account, now ? now : before.cgroup_id));
  return true;
}

Result<bool> Reconciler::leave_directory(const std::string& directory) const {
  if (!tree_) return true;
  return tree_->remove_if_empty(directory);
}

Result<void> Reconciler::forget_uid(const Account& account) {
  if (!smtp_) return {};
  return smtp_->identity.forget_uid(account.slot, account.uid);
}

std::optional<uint64_t> Reconciler::cgroup_id(const std::string& directory) const {
  if (!tree_) return std::nullopt;
  const auto cgroup = tree_->find(directory);
  const auto id = cgroup ? cgroup->id() : std::unexpected(cgroup.error());
  return id ? std::optional(*id) : std::nullopt;
}

std::vector<HeldAccount> Reconciler::held() const {
  std::vector<HeldAccount> all;
  const auto directories = tree_ ? tree_->list() : Result<std::vector<std::string>>();
  if (!directories) return all;
  const auto by_cgroup = smtp_ ? smtp_->held() : std::map<uint64_t, SmtpPrograms::Held>();
  for (const std::string& directory : *directories) {
    const auto cgroup = tree_->find(directory);
    if (!cgroup) continue;
    ControlFiles files;
    for (const char* file : kLimitFiles)
      if (auto text = cgroup->read(file)) files.emplace(file, std::move(*text));
    HeldAccount one{.directory = directory, .limits = limits_in(files)};
    if (trim(files["cgroup.freeze"]) == "1") one.state = AccountState::suspended;
    const auto id = cgroup->id();
    if (const auto said = id ? by_cgroup.find(*id) : by_cgroup.end(); said != by_cgroup.end()) {
      one.slot = said->second.slot;
      one.uid = said->second.uid;
      one.smtp = said->second.smtp;
      one.mail = said->second.mail;
    }
    all.push_back(std::move(one));
  }
  return all;
}

Result<int> Reconciler::forget_all_but(std::span<const Identity::Owner> known) {
  if (!smtp_) return 0;
  return smtp_->identity.forget_all_but(known);
}

std::vector<std::string> Reconciler::orphans(const std::set<std::string>& known, bool keep_empty) {
  std::vector<std::string> left;
  if (!tree_) return left;
  const auto names = tree_->list();
  if (!names) return left;
  for (const std::string& name : *names) {
    if (known.contains(name)) continue;
    const auto cgroup = tree_->find(name);
    const auto populated = cgroup ? cgroup->populated() : Result<bool>(false);
    // Processes of an account that the database does not know (an older backup, say) are never killed on a guess.
    const bool busy = populated && *populated;
    if (busy || keep_empty || !tree_->remove(name, 0).value_or(false)) left.push_back(name);
  }
  return left;
}

Result<std::vector<pid_t>> Reconciler::processes(const Account& account) const {
  if (!tree_) return failure(*tree_reason_);
  return NP_TRY(tree_->find(cgroup_directory(account))).pids();
}

Result<size_t> Reconciler::ask_to_end(const Account& account, std::set<pid_t>& asked) const {
  if (!tree_) return failure(*tree_reason_);
  return npanel::ask_to_end(NP_TRY(tree_->find(cgroup_directory(account))), asked);
}

Result<bool> Reconciler::populated(const Account& account) const {
  if (!tree_) return failure(*tree_reason_);
  return NP_TRY(tree_->find(cgroup_directory(account))).populated();
}

Result<std::string> Reconciler::still_there(const Account& account) const {
  constexpr size_t kNamedMost = 5;
  if (!tree_) return failure(*tree_reason_);
  const Cgroup cgroup = NP_TRY(tree_->find(cgroup_directory(account)));
  const StillThere left = NP_TRY(npanel::still_there(cgroup, kNamedMost));
  return left_text(left.some, left.all);
}

Result<void> Reconciler::kill_all(const Account& account) const {
  if (!tree_) return failure(*tree_reason_);
  return NP_TRY(tree_->find(cgroup_directory(account))).kill();
}

Result<void> Reconciler::add_process(const Account& account, const Features& features, pid_t pid, bool by_root) const {
  const Move move{.account_uid = account.uid, .by_root = by_root};
  const HeldProcess process = NP_TRY(HeldProcess::hold(pid));
  NP_TRY(check_movable(process, move));
  if (tree_) {
    const Cgroup cgroup = NP_TRY(tree_->find_or_make(cgroup_directory(account)));
    NP_TRY(move_process(process, cgroup, tree_->mount_fd(), move));
  }
  return apply_rlimit_fallback(pid, rlimit_fallback_for(effective(account, features), host_));
}

std::vector<std::string> Reconciler::degraded(const Account& account, const Features& features,
                                              const Applied& applied) const {
  const Account now = effective(account, features);
  std::vector<std::string> reasons = npanel::degraded(now, host_);
  reasons.insert(reasons.end(), applied.problems.begin(), applied.problems.end());
  reasons.insert(reasons.end(), applied.pending.begin(), applied.pending.end());
  if (smtp_reason_ && now.smtp.mode != SmtpMode::off) reasons.push_back("smtp: not limited: " + *smtp_reason_);
  return reasons;
}

}  // namespace npanel
