// SPDX-License-Identifier: Apache-2.0
// service.h: what can a client of the API ask for?
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/account.h"
#include "model/event.h"
#include "model/failure.h"
#include "model/stats.h"

namespace npanel {

struct AccountView {
  Account account;
  std::vector<std::string> degraded;  // one sentence for each limit that is not in force as asked for
};

// Implemented by the agent. The code of an error becomes the status: EINVAL 400 (with the field), ENOENT 404, EEXIST
// and EBUSY 409, ESRCH and EPERM 422, anything else 503. Names are valid when they arrive here.
class Service {
 public:
  virtual ~Service() = default;

  // What a new account has unless the request says otherwise.
  [[nodiscard]] virtual Limits default_limits() const = 0;
  [[nodiscard]] virtual RateLimit default_rate_limit() const = 0;

  [[nodiscard]] virtual std::vector<AccountView> accounts() = 0;
  [[nodiscard]] virtual Result<AccountView> account(const std::string& name) = 0;
  // `wanted.slot` is the service's to choose. `find_uid`: take the uid of the system user of that name, if there is
  // one.
  virtual Result<AccountView> create(Account wanted, bool find_uid) = 0;
  virtual Result<AccountView> change(const std::string& name, const Limits& limits, const RateLimit& rate_limit) = 0;
  virtual Result<AccountView> suspend(const std::string& name) = 0;
  virtual Result<AccountView> resume(const std::string& name) = 0;
  // nullopt when it is gone; a view in state deleting while its processes are still dying.
  virtual Result<std::optional<AccountView>> remove(const std::string& name) = 0;

  [[nodiscard]] virtual Result<std::vector<pid_t>> processes(const std::string& name) = 0;
  virtual Result<void> add_process(const std::string& name, pid_t pid) = 0;

  [[nodiscard]] virtual Result<std::vector<AccountStats>> stats() = 0;
  [[nodiscard]] virtual Result<AccountStats> stats(const std::string& name) = 0;
  [[nodiscard]] virtual Result<std::vector<Event>> events(const std::optional<std::string>& account, int limit) = 0;
  // Deaths and hangs of the agent, newest first.
  [[nodiscard]] virtual Result<std::vector<Failure>> failures(int limit) = 0;
  [[nodiscard]] virtual AgentStatus status() = 0;
  // Empty when all is well; else one sentence each.
  [[nodiscard]] virtual std::vector<std::string> complaints() = 0;
  [[nodiscard]] virtual Result<std::string> metrics() = 0;
};

}  // namespace npanel
