// SPDX-License-Identifier: Apache-2.0
#include "model/recovery.h"

#include <algorithm>
#include <utility>

namespace npanel {
namespace {

using Activity = UnitState::Activity;

constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kSettleMs = 10'000;  // a loaded host takes seconds from a stop to the start
constexpr int64_t kBackoffFirstMs = 250;
constexpr int64_t kBackoffMostMs = 2000;

// 0, 0.25, 0.5, 1, 2, 2 … seconds.
int64_t backoff_ms(int attempts_before) {
  if (attempts_before == 0) return 0;
  return std::min(kBackoffMostMs, kBackoffFirstMs << std::min(attempts_before - 1, 4));
}

}  // namespace

const char* to_string(Recovery::Phase phase) {
  switch (phase) {
    case Recovery::Phase::watching:
      return "watching";
    case Recovery::Phase::recovering:
      return "recovering";
    case Recovery::Phase::stopped:
      return "stopped";
    case Recovery::Phase::gave_up:
      return "gave_up";
  }
  return "?";
}

std::optional<FeatureMode> parse_watchdog_mode(std::string_view text) {
  for (const FeatureMode mode : {FeatureMode::off, FeatureMode::observe, FeatureMode::enforce})
    if (text == to_string(mode)) return mode;
  return std::nullopt;
}

void Recovery::set_mode(FeatureMode mode) {
  memory_.mode = mode;
  if (enforces() || !start_at_ms_) return;
  start_at_ms_.reset();
  chain_->ours = false;
}

bool Recovery::budget_allows(int restarts, Moment now) {
  auto& spent = memory_.restarts_unix_ms;
  // What lies in the future was written before the clock was set back; it cannot be told how long ago.
  std::erase_if(spent, [&](int64_t at) { return at > now.unix_ms || at + kHourMs <= now.unix_ms; });
  const bool allowed = static_cast<int>(spent.size()) + restarts <= rules_.restarts_per_hour;
  for (int i = 0; i < restarts && static_cast<int>(spent.size()) < rules_.restarts_per_hour; ++i)
    spent.push_back(now.unix_ms);
  return allowed;
}

Orders Recovery::give_up(Orders orders) {
  phase_ = Phase::gave_up;
  memory_.gave_up_on = unit_.invocation;
  orders.unit = Orders::Unit::stop;
  orders.gave_up = true;
  gone_since_gave_up_ = false;
  start_at_ms_.reset();
  return orders;
}

Orders Recovery::fail(const std::string& reason, int64_t died_ms, int restarts, Orders::Unit cure, Moment now) {
  Orders orders;
  const auto seconds_since = [&](int64_t then_ms) { return static_cast<double>(now.steady_ms - then_ms) / 1000; };
  if (chain_)
    orders.closed =
        Orders::Closed{.by = std::nullopt, .seconds = seconds_since(chain_->died_steady_ms), .answers = false};
  else
    chain_ = Chain{.died_steady_ms = died_ms, .attempts = 0, .ours = false};
  orders.failed = Orders::Failed{.died_unix_ms = now.unix_ms - (now.steady_ms - died_ms), .reason = reason};
  checked_.reset();
  phase_ = Phase::recovering;
  failed_on_ = cure == Orders::Unit::leave ? "" : unit_.invocation;
  if (memory_.mode == FeatureMode::observe) orders.would = cure;
  if (enforces() && !budget_allows(restarts, now)) return give_up(std::move(orders));
  chain_->ours = enforces() && cure != Orders::Unit::leave;
  if (!chain_->ours) return orders;
  ordered_on_ = unit_.invocation;
  const int64_t wait = backoff_ms(chain_->attempts++);
  settled_at_ms_ = now.steady_ms + wait + kSettleMs;
  if (cure == Orders::Unit::start && wait > 0)
    start_at_ms_ = now.steady_ms + wait;
  else
    orders.unit = cure;
  return orders;
}

Orders Recovery::cured(Moment now) {
  phase_ = Phase::watching;
  start_at_ms_.reset();  // somebody was faster
  if (!chain_) return {};
  last_recovery_seconds_ = static_cast<double>(now.steady_ms - chain_->died_steady_ms) / 1000;
  Orders orders;
  orders.closed = Orders::Closed{.by = std::nullopt, .seconds = *last_recovery_seconds_, .answers = true};
  if (chain_->ours) {
    ++memory_.by_watchdog;
    orders.closed->by = "watchdog";
  } else if (failed_on_.empty()) {  // else it came back by itself, or somebody started it
    ++memory_.by_systemd;
    orders.closed->by = "systemd";
  }
  chain_.reset();
  return orders;
}

// Somebody stopped the unit in the middle of a recovery.
Orders Recovery::close_unrecovered(Moment now) {
  Orders orders;
  if (chain_)
    orders.closed = Orders::Closed{.by = std::nullopt,
                                   .seconds = static_cast<double>(now.steady_ms - chain_->died_steady_ms) / 1000,
                                   .answers = false};
  chain_.reset();
  return orders;
}

// Until somebody starts the unit again. The start that was under way when it was given up does not count.
bool Recovery::stays_given_up(const UnitState& unit) {
  if (unit.activity == Activity::stopped || unit.activity == Activity::failed) gone_since_gave_up_ = true;
  if (!gone_since_gave_up_) memory_.gave_up_on = unit.invocation;
  return unit.activity != Activity::active || unit.invocation == memory_.gave_up_on;
}

// Nobody does anything about it, so it would be seen again and again.
bool Recovery::recorded() const {
  return !enforces() && chain_ && failed_on_ == unit_.invocation;
}

// A unit that is being restarted may show its old failure for a moment.
bool Recovery::has_failed(const UnitState& unit, Moment now) const {
  return unit.activity == Activity::failed && !start_at_ms_ && !recorded() &&
         (unit.invocation != ordered_on_ || now.steady_ms >= settled_at_ms_);
}

// Between the two halves of a restart that we ordered, the unit is stopped for a moment.
bool Recovery::restarting(Moment now) const {
  return phase_ == Phase::recovering && now.steady_ms < settled_at_ms_;
}

Orders Recovery::on_unit(const UnitState& unit, Moment now) {
  const UnitState before = std::exchange(unit_, unit);
  const bool first = !std::exchange(known_, true);
  const int64_t died_ms = unit.died_ms > 0 ? std::min(unit.died_ms, now.steady_ms) : now.steady_ms;
  if (first && !memory_.gave_up_on.empty()) {
    phase_ = Phase::gave_up;
    gone_since_gave_up_ = true;
  }
  if (phase_ == Phase::gave_up) {
    if (stays_given_up(unit)) return {};
    memory_.gave_up_on.clear();  // what was before is forgiven
    memory_.restarts_unix_ms.clear();
    chain_.reset();
  } else if (!first && unit.restarts > before.restarts) {
    return fail(unit.death, died_ms, static_cast<int>(unit.restarts - before.restarts), Orders::Unit::leave, now);
  } else if (has_failed(unit, now)) {
    return fail(unit.death, died_ms, 1, Orders::Unit::start, now);
  }
  if (unit.activity == Activity::stopped && !restarting(now)) {
    phase_ = Phase::stopped;
    start_at_ms_.reset();
    return close_unrecovered(now);
  }
  if (unit.activity != Activity::active) return {};
  if (phase_ != Phase::recovering) phase_ = Phase::watching;
  if (first || before.activity != Activity::active || before.invocation != unit.invocation) {
    next_check_ms_ = last_answer_ms_ = now.steady_ms;
    checked_.reset();
  }
  return {};
}

Orders Recovery::on_answer(const std::optional<std::string>& why, Moment now) {
  const bool ours = checked_ && *checked_ == unit_.invocation && unit_.activity == Activity::active;
  checked_.reset();
  if (!ours) return {};  // of an agent that somebody has stopped or restarted meanwhile
  next_check_ms_ = now.steady_ms + rules_.interval_ms;
  if (!why) {
    last_answer_ms_ = now.steady_ms;
    return cured(now);
  }
  if (recorded()) return {};
  return fail(*why, last_answer_ms_, 1, Orders::Unit::restart, now);
}

Orders Recovery::on_time(Moment now) {
  Orders orders;
  if (start_at_ms_ && now.steady_ms >= *start_at_ms_) {
    start_at_ms_.reset();
    orders.unit = Orders::Unit::start;
    return orders;
  }
  const bool watched = phase_ == Phase::watching || phase_ == Phase::recovering;
  if (watched && unit_.activity == Activity::active && !checked_ && now.steady_ms >= next_check_ms_) {
    checked_ = unit_.invocation;
    orders.check = true;
  }
  return orders;
}

}  // namespace npanel
