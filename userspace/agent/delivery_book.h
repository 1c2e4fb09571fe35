// SPDX-License-Identifier: Apache-2.0
// delivery_book.h: how is each account's mail received elsewhere?
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/config.h"
#include "mail/delivery_log.h"
#include "mail/log_tail.h"

namespace npanel {

// From the MTA's logs. Kept in memory: an agent that starts anew begins with an empty hour.
class DeliveryBook {
 public:
  // Whose message is it? nullopt: nobody's, or its outcome does not count. `anybodys`: others may have written this.
  using OwnerOf = std::function<std::optional<std::string>(const LoggedDelivery&, bool anybodys)>;

  // Where postlog(1) is: if it runs with a group's rights, whoever calls it writes to Postfix's log in any program's
  // name.
  explicit DeliveryBook(std::string postlog = "/usr/sbin/postlog") : postlog_(std::move(postlog)) {}

  void configure(const Config& config);
  // Reads on. What cannot be read is told once.
  [[nodiscard]] std::vector<std::string> read(const OwnerOf& owner_of);
  // Accounts that something has become known of since they were taken last, or that were to be looked at again.
  [[nodiscard]] std::set<std::string> take_changed();
  void look_again(const std::string& account) { changed_.insert(account); }

  [[nodiscard]] Deliveries last_hour(const std::string& account) const;
  void forget(const std::string& account) { hours_.erase(account); }
  void rename(const std::string& from, const std::string& to);

 private:
  struct Log {
    LogTail tail;
    std::string complaint = {};
    bool arguments = false;  // Exim has written its own there
  };
  [[nodiscard]] std::string read(Log& log, const OwnerOf& owner_of);

  std::string postlog_;
  std::vector<Log> logs_;
  std::map<std::string, DeliveryHour, std::less<>> hours_;
  std::set<std::string> changed_;
};

}  // namespace npanel
