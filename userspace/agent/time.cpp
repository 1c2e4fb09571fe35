// SPDX-License-Identifier: Apache-2.0
// time.cpp: what holds although somebody sets the clock? docs/time.md lists every use of it.
#include <fcntl.h>

#include "agent/agent.h"
#include "api/codec.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"
#include "daemon/log.h"

namespace npanel {
namespace {

constexpr uint64_t kSaveEvery = 600;  // seconds: as much of the lived time a power cut may take

}  // namespace

Clocks clocks_now() {
  static const std::string boot_id = [] {
    const auto text = read_file_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id");
    return text ? std::string(trim(*text)) : std::string();
  }();
  return {.boot_id = boot_id, .boot_ms = boot_ms(), .wall_ms = now_ms()};
}

void Agent::go_on_living() {
  const auto mark = ledger_.store().lived_mark();
  if (!mark) ledger_.complain(mark.error());
  time_ = LivedTime(mark ? *mark : std::nullopt, clocks_now());
}

int64_t Agent::lived_ms() const {
  return time_.lived_ms(boot_ms());
}

void Agent::check_clock() {
  const auto jump_ms = time_.take_jump(clocks_now());
  if (jump_ms) hear_of_jump(*jump_ms);
  if (!ledger_.read_only() && (jump_ms || ticks_ % kSaveEvery == 0)) save_lived_time();
}

// What ends by the wall clock ends as much later or earlier: so it lasts as long as it was meant to.
void Agent::hear_of_jump(int64_t by_ms) {
  ++clock_jumps_;
  const Json detail{{"seconds", static_cast<double>(by_ms) / 1000}};
  log_warning("the clock was set, by " + std::to_string(by_ms / 1000) + " s; what ends by it is moved as far");
  for (auto& [name, decisions] : mail_.decisions) {
    if (decisions.throttle) decisions.throttle->until_ms += by_ms;
    if (decisions.noticed_ms != 0) decisions.noticed_ms += by_ms;
    if (decisions.dns_noticed_ms != 0) decisions.dns_noticed_ms += by_ms;
    mail_.decisions_unsaved.insert(name);
  }
  ledger_.note(
      {.events = {{.at_ms = now_ms(), .account = {}, .kind = "clock_set", .detail = detail.dump()}}, .audit = {}});
}

void Agent::save_lived_time() {
  if (const auto saved = ledger_.store().put(time_.mark(clocks_now())); !saved) ledger_.complain(saved.error());
}

}  // namespace npanel
