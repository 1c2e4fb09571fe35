// SPDX-License-Identifier: Apache-2.0
// without_kernel.h: the whole agent over a real database, on a host whose kernel offers nothing.
#pragma once

#include <SQLiteCpp/Database.h>

#include <memory>

#include "agent/agent.h"
#include "api/request_guard.h"
#include "support/temp_dir.h"
#include "unit/api/requests.h"

namespace npanel {

// What an administrator asks for goes in as a request; what came of it is read from answers, and from the database.
class WithoutKernel : public testing::Test {
 protected:
  WithoutKernel() {
    configure("");
    start();
  }

  // `more`: TOML behind the paths of this test.
  void configure(const std::string& more) {
    directory.write("agent.toml", "[paths]\ncgroup_mount = \"" + directory.path("cgroup") + "\"\nbpf_pins = \"" +
                                      directory.path("pins") + "\"\ndatabase = \"" + directory.path("npanel.db") +
                                      "\"\nsocket = \"" + directory.path("run/agent.sock") + "\"\nhelper_socket = \"" +
                                      directory.path("run/helper.sock") + "\"\n" + more);
    std::filesystem::create_directories(directory.path("cgroup"));
  }

  // As after a crash: without stop(), nothing that waits is written.
  void start() {
    agent.reset();
    const ConfigSources sources{.vendor = directory.path("none"), .file = directory.path("agent.toml")};
    const auto loaded = load_config(sources);
    ASSERT_TRUE(loaded) << loaded.error().text;
    auto started = Agent::start(*loaded, sources, "test");
    ASSERT_TRUE(started) << started.error().text;
    agent = std::move(*started);
    guard = std::make_unique<RequestGuard>(agent->routes(), agent->guard_sources(), RateRules{});
  }

  Response ask(const Request& request) { return guard->answer(request); }
  Json get(const std::string& target) { return json_of(ask(local("GET", target))); }
  Response post(const std::string& target, const std::string& body = "", Headers headers = {}) {
    return ask(local("POST", target, body, std::move(headers)));
  }
  Response patch(const std::string& target, const std::string& body) { return ask(local("PATCH", target, body)); }
  Response erase(const std::string& target) { return ask(local("DELETE", target)); }
  void enable(const std::string& feature, const std::string& mode = "enforce") {
    ASSERT_EQ(patch("/api/v1/features/" + feature, R"({"enabled":true,"mode":")" + mode + R"("})").status, 200);
  }

  // Newest first.
  std::vector<std::string> events(const std::string& query = "") {
    std::vector<std::string> kinds;
    for (const Json& event : get("/api/v1/events" + query)["events"]) kinds.push_back(event["kind"]);
    return kinds;
  }
  // Newest first, "action account target", after the second in which refusals are written.
  std::vector<std::string> audit() {
    std::vector<std::string> entries;
    agent->tick();
    auto store = Store::open(directory.path("npanel.db"));
    const auto found = store->audit({.limit = 100});
    EXPECT_TRUE(found);
    for (const AuditEntry& entry : *found)
      entries.push_back(entry.action + " " + entry.account.value_or("-") + " " + entry.target +
                        (entry.result == "ok" ? "" : "refused"));
    return entries;
  }
  // One number from the database.
  int count(const std::string& sql) {
    return SQLite::Database(directory.path("npanel.db"), SQLite::OPEN_READWRITE).execAndGet(sql).getInt();
  }

  // What an administrator does by hand.
  void sqlite3(const std::string& sql) {
    SQLite::Database(directory.path("npanel.db"), SQLite::OPEN_READWRITE).exec(sql);
  }

  TempDir directory;
  std::unique_ptr<Agent> agent;
  std::unique_ptr<RequestGuard> guard;
};

}  // namespace npanel
