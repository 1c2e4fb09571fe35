// SPDX-License-Identifier: Apache-2.0
// control.cpp: the audit trail, tokens, idempotent replies and the configuration.
#include "agent/agent.h"
#include "api/codec.h"
#include "base/clock.h"
#include "base/digest.h"
#include "daemon/log.h"

namespace npanel {
namespace {

std::string text_or_nothing(const Json& json) {
  return json.is_null() ? std::string() : json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

// Never the hash: it is nobody's business.
Json encode_for_audit(const Token& token) {
  return {{"scope", token.scope == TokenScope::write ? "write" : "read"}};
}

Notes notes_of_reload(const Caller& caller, const std::vector<std::string>& changed) {
  if (changed.empty()) return {};
  return {.events = {}, .audit = {audit_entry(caller, "config.reload", {}, "", nullptr, {{"changed", changed}})}};
}

Result<NewToken> make_token(const std::string& name, TokenScope scope) {
  NewToken made{.token = {.name = name, .scope = scope, .hash = {}, .created_ms = now_ms()},
                .text = "npt_" + name + "_" + NP_TRY(random_text())};
  made.token.hash = sha256_hex(made.text);
  return made;
}

}  // namespace

Caller agent_itself() {
  return {.actor = "agent", .source = "agent", .began_us = steady_us()};
}

AuditEntry audit_entry(const Caller& caller, std::string action, std::optional<std::string> account, std::string target,
                       const Json& before, const Json& after) {
  return {.at_ms = now_ms(),
          .actor = caller.actor,
          .source = caller.source,
          .action = std::move(action),
          .account = std::move(account),
          .target = std::move(target),
          .before = text_or_nothing(before),
          .after = text_or_nothing(after),
          .duration_us = steady_us() - caller.began_us,
          .request_id = caller.request_id,
          .key = caller.key};
}

Result<std::vector<AuditEntry>> Agent::audit(const AuditQuery& query) {
  save_waiting_notes();  // whoever asks sees the refusal of a moment ago
  return store_.audit(query);
}

void Agent::audit_refusal(AuditEntry entry) {
  log_info("refused: " + entry.action + (entry.account ? " " + *entry.account : "") + " by " + entry.actor + ": " +
           entry.result + " [" + entry.request_id + "]");
  wait_with({.events = {}, .audit = {std::move(entry)}});
}

Result<std::vector<Token>> Agent::tokens() {
  return store_.tokens();
}

Result<Token> Agent::token_named(const std::string& name) {
  for (Token& token : NP_TRY(store_.tokens()))
    if (token.name == name) return std::move(token);
  return failure("there is no token \"" + name + "\"", ENOENT);
}

Result<NewToken> Agent::create_token(const Caller& caller, const std::string& name, TokenScope scope) {
  if (token_named(name))
    return std::unexpected(Error{
        .text = "token \"" + name + "\" exists already; rotate it for a new secret", .code = EEXIST, .field = "name"});
  NewToken made = NP_TRY(make_token(name, scope));
  NP_TRY(store_.put(
      made.token,
      {.events = {}, .audit = {audit_entry(caller, "token.create", {}, name, nullptr, encode_for_audit(made.token))}}));
  return made;
}

Result<NewToken> Agent::rotate_token(const Caller& caller, const std::string& name) {
  const Token before = NP_TRY(token_named(name));
  NewToken made = NP_TRY(make_token(name, before.scope));
  NP_TRY(store_.put(made.token, {.events = {},
                                 .audit = {audit_entry(caller, "token.rotate", {}, name, encode_for_audit(before),
                                                       encode_for_audit(made.token))}}));
  return made;
}

Result<void> Agent::revoke_token(const Caller& caller, const std::string& name) {
  const Token before = NP_TRY(token_named(name));
  return store_.erase_token(
      name,
      {.events = {}, .audit = {audit_entry(caller, "token.revoke", {}, name, encode_for_audit(before), nullptr)}});
}

std::optional<Token> Agent::find_token(std::string_view text) {
  const auto tokens = store_.tokens();
  if (!tokens) {
    log_error(tokens.error().text);
    return std::nullopt;
  }
  const std::string hash = sha256_hex(text);
  std::optional<Token> found;
  for (const Token& token : *tokens)  // all of them, whichever it is
    if (same_secret(hash, token.hash)) found = token;
  return found;
}

Result<std::optional<IdempotentReply>> Agent::idempotent_reply(const std::string& client, const std::string& key) {
  return store_.find(client, key, lived_ms());
}

int64_t Agent::lived_ms() const {
  return time_.lived_ms(boot_ms());
}

Result<void> Agent::keep_reply(const IdempotentReply& answer) {
  return store_.keep(answer);
}

Result<ReloadReport> Agent::reload(const Caller& caller) {
  auto loaded = load_config(sources_);
  if (!loaded) {
    loaded.error().field = "configuration";
    return std::unexpected(std::move(loaded.error()));
  }
  LoadedConfig fresh = until_restart(*loaded, {.config = config_, .values = config_values_, .files = {}});
  ReloadReport report{.changed = changed_keys(config_values_, fresh.values),
                      .needs_restart = changed_keys(fresh.values, loaded->values)};
  // Switched, written down, and if that fails, switched back: nothing is in force that is not in the audit trail.
  auto former = reconciler_.set_rules(fresh.config, users_.find_all(fresh.config.smtp_exempt_users));
  if (!former) {
    rules_due_ = true;  // as they were, if that was not to be had either
    return std::unexpected(former.error());
  }
  const auto version = store_.add({.at_ms = now_ms(), .actor = caller.actor, .files = loaded->files},
                                  notes_of_reload(caller, report.changed));
  if (!version) {
    if (const auto back = reconciler_.put_back(std::move(*former)); !back) {
      log_error(back.error().text);
      rules_due_ = true;
    }
    return std::unexpected(version.error());
  }
  report.version = *version;
  unsaved_version_.reset();
  rules_due_ = false;
  reconciler_.follow(fresh.config);
  config_ = std::move(fresh.config);
  config_values_ = std::move(fresh.values);
  overhead_.set_limit(config_);
  configure_senders();
  users_.look_again();
  deliveries_.configure(config_);
  watch_overhead();
  tell_of_missing();
  if (tell_config_) tell_config_(config_);
  log_info("configuration " + std::to_string(report.version) + " is in force, " +
           std::to_string(report.changed.size()) + " keys changed, " + std::to_string(report.needs_restart.size()) +
           " wait for a restart");
  return report;
}

void Agent::reload_by_signal() {
  const Caller caller{.actor = "signal SIGHUP", .source = "agent", .began_us = steady_us()};
  const auto done = enabled(NP_GRACEFUL_RELOADS)
                        ? reload(caller)
                        : failure("graceful_reloads is off (npanelctl feature enable graceful_reloads)", EPERM);
  if (done) return;
  log_error("reload: nothing was changed: " + done.error().text);
  AuditEntry entry = audit_entry(caller, "config.reload", {}, "", nullptr, nullptr);
  entry.result = done.error().text;
  save_notes({.events = {}, .audit = {std::move(entry)}});
}

void Agent::note_first_configuration(const std::map<std::string, std::string>& files) {
  unsaved_version_ = ConfigVersion{.at_ms = now_ms(), .actor = agent_itself().actor, .files = files};
  save_waiting_notes();
}

Result<std::vector<ConfigVersion>> Agent::config_versions(int limit) {
  return store_.config_versions(limit);
}

Result<ConfigVersion> Agent::config_version(int64_t id) {
  return store_.config_version(id);
}

}  // namespace npanel
