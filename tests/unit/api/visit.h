// SPDX-License-Identifier: Apache-2.0
// visit.h: who comes to the whole agent: root, and the owners of a token; every feature is on, and there is bob.
#pragma once

#include <algorithm>
#include <utility>

#include "api/problem.h"
#include "base/digest.h"
#include "unit/core/without_kernel.h"

namespace npanel {

class Visit : public WithoutKernel {
 protected:
  // The features first: what they start in the background is about accounts.
  Visit() {
    for (const Feature feature : kAllFeatures)
      if (info(feature).available) enable(info(feature).name);
    make_account("bob");
    write_token = make_token("panel", "write");
    read_token = make_token("graph", "read");
    made_before_ = done();
    renew_guard();
  }
  void start() {
    WithoutKernel::start();
    renew_guard();
  }

  Response get(const std::string& target, Headers headers = {}) {
    return ask(local("GET", target, "", std::move(headers)));
  }
  Response patch(const std::string& target, const std::string& body, Headers headers = {}) {
    return ask(local("PATCH", target, body, std::move(headers)));
  }
  void make_account(const std::string& name) {
    ASSERT_EQ(post("/api/v1/accounts", R"({"name":")" + name + R"(","uid":null})").status, 201) << name;
  }
  // Its text.
  std::string make_token(const std::string& name, const std::string& scope) {
    return json_of(post("/api/v1/tokens", R"({"name":")" + name + R"(","scope":")" + scope + R"("})"))
        .value("token", "");
  }
  void turn(Feature feature, bool on) {
    ASSERT_EQ(patch(std::string("/api/v1/features/") + info(feature).name, Json{{"enabled", on}}.dump()).status, 200);
  }

  // What the audit trail says was done, by this test.
  int changes() { return done() - made_before_; }
  AuditEntry last_change() {
    const auto entries = Store::open(directory.path("npanel.db"))->audit({.limit = 100});
    const auto found = std::ranges::find(*entries, "ok", &AuditEntry::result);
    return found == entries->end() ? AuditEntry{} : *found;
  }
  // Answers to an Idempotency-Key.
  int kept() { return count("SELECT count(*) FROM idempotent_reply"); }
  void forget_kept() { sqlite3("DELETE FROM idempotent_reply"); }
  // As an agent leaves it that ends between the change and its answer.
  void leave_unanswered(const Request& request) {
    const IdempotentReply key{.client = "uid 0 (root)",
                              .key = request.headers.at("idempotency-key"),
                              .fingerprint = sha256_hex(request.method + "\n" + request.path + "\n" + request.body),
                              .at_ms = agent->guard_sources().replies.lived_ms()};
    const AuditEntry entry{.actor = key.client, .source = "api", .action = "test", .key = key};
    ASSERT_TRUE(Store::open(directory.path("npanel.db"))->append({.events = {}, .audit = {entry}}));
  }
  // While it lives, another connection is in a transaction, as an administrator's sqlite3: the agent reads, and can
  // change nothing.
  SQLite::Database hold_database() {
    SQLite::Database other(directory.path("npanel.db"), SQLite::OPEN_READWRITE);
    other.exec("BEGIN IMMEDIATE");
    return other;
  }

  std::string write_token, read_token;
  std::vector<AuditEntry> refusals;  // that the guard told of
  bool loses_answers = false;        // the agent ends once a change is made, before the answer is kept

 private:
  int done() { return count("SELECT count(*) FROM audit WHERE result = 'ok'"); }
  // Nobody has asked it anything yet.
  void renew_guard() {
    GuardSources sources = agent->guard_sources();
    sources.audit_refusal = [this, tell = std::move(sources.audit_refusal)](AuditEntry entry) {
      refusals.push_back(entry);
      tell(std::move(entry));
    };
    sources.replies.keep = [this, keep = std::move(sources.replies.keep)](const IdempotentReply& reply) {
      return loses_answers ? Result<void>(failure("killed")) : keep(reply);
    };
    guard = std::make_unique<RequestGuard>(agent->routes(), std::move(sources), RateRules{});
  }
  int made_before_ = 0;
};

}  // namespace npanel
