// SPDX-License-Identifier: Apache-2.0
// unit.h: what does systemd say of a unit, and how is it asked to start or stop one?
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "model/recovery.h"
#include "systemd/confinement.h"

struct sd_bus;
struct sd_bus_slot;

namespace npanel {

// systemd's manager, org.freedesktop.systemd1(5), on the system bus. Calls wait five seconds at the most.
class Systemd {
 public:
  static Result<Systemd> connect();

  // How it ended is read from the last main process; NRestarts, InvocationID and the rest belong to the unit.
  [[nodiscard]] Result<UnitState> state(const std::string& unit);
  // These return when the job is queued. They first clear "failed", so that no start limit stands in the way.
  Result<void> start(const std::string& unit);
  Result<void> restart(const std::string& unit);
  // False when there is no such unit.
  Result<bool> stop(const std::string& unit);

  // What the unit says of its network; nullopt: there is no such unit.
  [[nodiscard]] Result<std::optional<Confinement>> confinement(const std::string& unit);
  [[nodiscard]] Result<bool> is_active(const std::string& unit);

  // Calls `changed` from dispatch() when a property of the unit changes.
  Result<void> watch(const std::string& unit, std::function<void()> changed);
  [[nodiscard]] int fd() const;
  [[nodiscard]] std::optional<uint64_t> timeout_ms() const;
  // An error means that the bus has gone away.
  Result<void> dispatch();

 private:
  struct Close {
    void operator()(sd_bus* bus) const;
    void operator()(sd_bus_slot* slot) const;
  };
  explicit Systemd(sd_bus* bus) : bus_(bus) {}
  Result<void> call(const char* method, const std::string& unit, const char* mode);
  std::unique_ptr<sd_bus, Close> bus_;
  std::unique_ptr<sd_bus_slot, Close> slot_;
  std::unique_ptr<std::function<void()>> changed_;  // where the slot points to
};

}  // namespace npanel
