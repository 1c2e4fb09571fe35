// SPDX-License-Identifier: Apache-2.0
#include "agent/delivery_book.h"

#include <sys/stat.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/clock.h"

namespace npanel {
namespace {

int64_t now_s() {
  return steady_ms() / 1000;
}

bool gives_rights(const std::string& program) {
  struct stat status{};
  return ::stat(program.c_str(), &status) == 0 && (status.st_mode & (S_ISGID | S_ISUID)) != 0;
}

}  // namespace

// A log that stays is read on where it was.
void DeliveryBook::configure(const Config& config) {
  std::vector<Log> logs;
  for (const std::string& path : config.mail_logs) {
    const auto known = std::ranges::find(logs_, path, [](const Log& log) { return log.tail.path(); });
    logs.push_back(known == logs_.end() ? Log{.tail = LogTail(path)} : std::move(*known));
    logs.back().arguments = false;  // the administrator may have changed that; it precedes what it makes doubtful
    // What is logged from now on counts. What is wrong with the file is told by read().
    if (known == logs_.end()) std::ignore = logs.back().tail.read([](std::string_view) {});
  }
  logs_ = std::move(logs);
}

std::vector<std::string> DeliveryBook::read(const OwnerOf& owner_of) {
  std::vector<std::string> complaints;
  for (Log& log : logs_) {
    std::string complaint = read(log, owner_of);
    if (!complaint.empty() && complaint != log.complaint) complaints.push_back(complaint);
    log.complaint = std::move(complaint);
  }
  return complaints;
}

// What is wrong with the log; empty: nothing.
std::string DeliveryBook::read(Log& log, const OwnerOf& owner_of) {
  const int64_t now = now_s();
  const bool by_anybody = gives_rights(postlog_);
  bool of_postfix = false;
  const auto done = log.tail.read([&](std::string_view line) {
    log.arguments = log.arguments || is_arguments_line(line);
    const auto delivery = parse_delivery(line);
    if (!delivery) return;
    of_postfix = of_postfix || delivery->mta == Mta::postfix;
    const auto owner = owner_of(*delivery, delivery->mta == Mta::exim ? log.arguments : by_anybody);
    if (!owner || !delivery->what) return;
    hours_[*owner].add(*delivery->what, now);
    changed_.insert(*owner);
  });
  if (!done) return done.error().text + "; tried again each second";
  if (of_postfix && by_anybody)
    return log.tail.path() + " may be written by everybody who may run " + postlog_ +
           " (chmod g-s), so that nothing of Postfix' counts";
  if (log.arguments)
    return log.tail.path() +
           " has what Exim was called with (log_selector = +arguments), and a directory's name can be a " +
           "line there: only recipients count that Exim has asked about (router npanel_expanded)";
  return of_postfix || log.complaint.find(postlog_) == std::string::npos ? "" : log.complaint;
}

std::set<std::string> DeliveryBook::take_changed() {
  return std::exchange(changed_, {});
}

void DeliveryBook::rename(const std::string& from, const std::string& to) {
  if (changed_.erase(from) > 0) changed_.insert(to);
  auto hour = hours_.extract(from);
  if (hour.empty()) return;
  hour.key() = to;
  hours_.insert(std::move(hour));
}

Deliveries DeliveryBook::last_hour(const std::string& account) const {
  const auto hour = hours_.find(account);
  return hour == hours_.end() ? Deliveries{} : hour->second.sum(now_s());
}

}  // namespace npanel
