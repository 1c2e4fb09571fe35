// SPDX-License-Identifier: Apache-2.0
#include "agent/delivery_book.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/clock.h"

namespace npanel {
namespace {

int64_t now_s() {
  return steady_ms() / 1000;
}

}  // namespace

// A log that stays is read on where it was.
void DeliveryBook::configure(const Config& config) {
  std::vector<Log> logs;
  for (const std::string& path : config.mail_logs) {
    const auto known = std::ranges::find(logs_, path, [](const Log& log) { return log.tail.path(); });
    logs.push_back(known == logs_.end() ? Log{.tail = LogTail(path)} : std::move(*known));
    // What is logged from now on counts. What is wrong with the file is told by read().
    if (known == logs_.end()) std::ignore = logs.back().tail.read([](std::string_view) {});
  }
  logs_ = std::move(logs);
}

std::vector<std::string> DeliveryBook::read(const OwnerOf& owner_of) {
  std::vector<std::string> complaints;
  const int64_t now = now_s();
  for (Log& log : logs_) {
    const auto done = log.tail.read([&](std::string_view line) {
      const auto delivery = parse_delivery(line);
      if (!delivery) return;
      const auto owner = owner_of(*delivery);
      if (!owner) return;
      hours_[*owner].add(delivery->what, now);
      changed_.insert(*owner);
    });
    const std::string complaint = done ? "" : done.error().text;
    if (!complaint.empty() && complaint != log.complaint) complaints.push_back(complaint);
    log.complaint = complaint;
  }
  return complaints;
}

std::set<std::string> DeliveryBook::take_changed() {
  return std::exchange(changed_, {});
}

Deliveries DeliveryBook::last_hour(const std::string& account) const {
  const auto hour = hours_.find(account);
  return hour == hours_.end() ? Deliveries{} : hour->second.sum(now_s());
}

}  // namespace npanel
