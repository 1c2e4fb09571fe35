// SPDX-License-Identifier: Apache-2.0
// agent.h: which rooms are there, in which order do they begin, what does a second bring, and how do they end?
#pragma once

#include <memory>
#include <string>

#include "agent/status.h"
#include "api/request_guard.h"
#include "configuration/configuration.h"
#include "core/core.h"
#include "database/database.h"
#include "mail/mail.h"
#include "tokens/tokens.h"

namespace npanel {

class Agent {
 public:
  // Reads the store and brings the kernel in line with it. `sources` are read again by a reload.
  static Result<std::unique_ptr<Agent>> start(const LoadedConfig& loaded, const ConfigSources& sources,
                                              std::string version);
  // Once a second.
  void tick();
  // After the last request: what is known only here is written down.
  void stop();

  // What the API offers, and whom its guard asks.
  [[nodiscard]] Router routes();
  [[nodiscard]] GuardSources guard_sources();

  [[nodiscard]] Configuration& configuration() { return configuration_; }
  [[nodiscard]] Mail& mail() { return mail_; }
  [[nodiscard]] Status& status() { return status_; }

  // A new process can load the BPF programs that this one cannot.
  [[nodiscard]] bool is_stuck() const { return core_.enforcer.is_stuck(); }
  // Answers of npanel-helper, and what came of those that are late.
  [[nodiscard]] int helper_fd() const { return core_.helper.fd(); }
  void hear_helper() { core_.helper.run(); }
  // Work that cannot wait for the next second: readable while there is some, and a few milliseconds of it.
  [[nodiscard]] int work_fd() { return core_.jobs.scheduler().fd(); }
  void work() { core_.jobs.scheduler().run(); }

 private:
  Agent(const LoadedConfig& loaded, const ConfigSources& sources, std::string version, Store store,
        const std::optional<Features>& features);

  Core core_;
  Tokens tokens_{core_.ledger};
  Database database_{core_};
  Mail mail_{core_};
  Configuration configuration_;
  Status status_;
  uint64_t ticks_ = 0;
};

}  // namespace npanel
