// SPDX-License-Identifier: Apache-2.0
// visit.h: the guard and its routes before an agent that only remembers what it was asked.
#pragma once

#include "api/problem.h"
#include "api/request_guard.h"
#include "core/history_routes.h"
#include "core/jobs.h"
#include "support/temp_dir.h"
#include "tokens/tokens.h"
#include "unit/api/fake_service.h"
#include "unit/api/requests.h"

namespace npanel {

class Visit : public testing::Test {
 protected:
  Visit() {
    service.enable_all();
    service.add("bob");
    service.secrets["npt_panel_w"] = {.name = "panel", .scope = TokenScope::write, .hash = ""};
    service.secrets["npt_graph_r"] = {.name = "graph", .scope = TokenScope::read, .hash = ""};
  }
  Response ask(const Request& request) { return guard.answer(request); }
  Response get(const std::string& target, Headers headers = {}) {
    return ask(local("GET", target, "", std::move(headers)));
  }
  Response post(const std::string& target, const std::string& body = "", Headers headers = {}) {
    return ask(local("POST", target, body, std::move(headers)));
  }
  Response patch(const std::string& target, const std::string& body, Headers headers = {}) {
    return ask(local("PATCH", target, body, std::move(headers)));
  }

  FakeService service;
  Router routes() {
    Router router = service.routes();
    router.add(token_routes(tokens));
    router.add(job_routes(jobs));
    router.add(history_routes(ledger));
    return router;
  }
  GuardSources guard_sources() {
    GuardSources sources = service.guard_sources();
    sources.replies.find = [this, fake = sources.replies.find](const std::string& client, const std::string& key) {
      const auto kept = fake(client, key);
      return kept && *kept ? kept : ledger.store().find(client, key, 1);
    };
    return sources;
  }
  void make_token(const std::string& name) {
    ASSERT_TRUE(tokens.create({.actor = "test", .source = "test"}, name, TokenScope::read));
  }

  TempDir directory;
  Ledger ledger{*Store::open(directory.path("npanel.db"))};
  Tokens tokens{ledger};
  Jobs jobs{ledger};
  RequestGuard guard{routes(), guard_sources(), RateRules{}};
};

}  // namespace npanel
