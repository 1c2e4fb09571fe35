// SPDX-License-Identifier: Apache-2.0
// direct.cpp: who was refused a connection of their own, and what is told of it?
#include "base/clock.h"
#include "daemon/log.h"
#include "mail/mail.h"

namespace npanel {

void Mail::on_smtp(std::function<void(int)> tell) {
  tell_smtp_ = std::move(tell);
  if (core_.reconciler.smtp()) tell_smtp_(core_.reconciler.smtp()->connect.refusals_fd());
}

void Mail::take_refusals() {
  if (!core_.reconciler.smtp()) return;
  const Overhead::Meter meter(core_.overhead, NP_EMAIL_RATE_LIMITING);
  const Look look = [this](const np_smtp_refusal& refusal, Seen seen) { look_for(refusal, std::move(seen)); };
  const auto drained = core_.reconciler.smtp()->connect.drain_refusals(
      [this, &look](const np_smtp_refusal& refusal) { refusals_.add(refusal, look); });
  if (!drained) log_error(drained.error().text + "; carrying on");
}

// The slot's owner has only so many lookers at once: who makes them hang has no others.
void Mail::look_for(const np_smtp_refusal& refusal, Seen seen) {
  constexpr auto kPatience = std::chrono::seconds(1);
  if (core_.overhead.shed(NP_EMAIL_RATE_LIMITING) > 0) {
    seen({.missing = "shed"});
    return;
  }
  core_.helper.ask({.what = Ask::process,
                    .owner = refusal.slot,
                    .pid = static_cast<pid_t>(refusal.pid),
                    .start_ns = refusal.start_ns},
                   kPatience, [seen = std::move(seen)](const Answer& answer) { seen(evidence_of(answer)); });
}

void Mail::flush_refusals(bool all) {
  const Overhead::Meter meter(core_.overhead, NP_EMAIL_RATE_LIMITING);
  std::vector<Event> events = refusals_.take([this](uint32_t slot) { return core_.accounts.owner_of_slot(slot); }, all);
  if (events.empty()) return;
  for (const Event& event : events) log_warning("account " + *event.account + ": " + event.kind + " " + event.detail);
  queue_notices(events);
  core_.ledger.note({.events = std::move(events), .audit = {}});
}

}  // namespace npanel
