// SPDX-License-Identifier: Apache-2.0
// delivery_stats.h: how is each account's mail received elsewhere, and what of it is the server's own trouble?
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "daemon/config.h"
#include "mail/delivery_log.h"
#include "mail/log_tail.h"
#include "model/unclear_mail.h"

namespace npanel {

// What counts for an account.
struct CountedDelivery {
  std::string account;
  uint64_t recipient = 0;  // a hash of the address
  Verdict verdict = {};
};

// From the MTA's logs. Kept in memory, which is bounded whatever is sent: an agent that starts anew begins with an
// empty hour.
class DeliveryStats {
 public:
  // Whose message is it? nullopt: nobody's, or its outcome does not count. `anybodys`: others may have written this.
  using OwnerOf = std::function<std::optional<CountedDelivery>(const LoggedDelivery&, bool anybodys)>;

  // Where postlog(1) is: if it runs with a group's rights, whoever calls it writes to Postfix's log in any program's
  // name.
  explicit DeliveryStats(std::string postlog = "/usr/sbin/postlog") : postlog_(std::move(postlog)) {}

  void configure(const Config& config);
  // Reads on. What cannot be read is told once.
  [[nodiscard]] std::vector<std::string> read(const OwnerOf& owner_of);
  // Looks at all accounts together, if anything is new. The troubles of the server that have begun with that.
  [[nodiscard]] std::vector<MailFinding> judge();
  // Accounts that something has become known of since they were taken last, or that were to be looked at again.
  [[nodiscard]] std::set<std::string> take_changed();
  void look_again(const std::string& account) { changed_.insert(account); }

  [[nodiscard]] Deliveries last_hour(const std::string& account, Counting counting = Counting::all) const;
  // The newest first, at most 3 of each outcome that tells against somebody.
  [[nodiscard]] std::vector<DeliveryExample> examples(const std::string& account) const;
  void spend(const std::string& account);
  void forget(const std::string& account) { accounts_.erase(account); }
  void rename(const std::string& from, const std::string& to);

  [[nodiscard]] std::vector<MailFinding> findings() const;
  [[nodiscard]] uint64_t unclear_count() const { return unclear_; }
  [[nodiscard]] UnclearMail unclear() const {
    return {.count = unclear_, .newest = {answers_.begin(), answers_.end()}};
  }

 private:
  struct Log {
    LogTail tail;
    std::string complaint = {};
    bool arguments = false;  // Exim has written its own there
  };
  struct AccountStats {
    DeliveryHour hour = {};
    std::deque<DeliveryExample> examples = {};  // the newest first
  };
  [[nodiscard]] std::string read(Log& log, const OwnerOf& owner_of);
  void add(const LoggedDelivery& delivery, const CountedDelivery& counted, int64_t now_s);
  void add_example(AccountStats& stats, DeliveryExample example);
  void add_unclear(const LoggedDelivery& delivery, const std::string& account);
  [[nodiscard]] uint32_t destination_of(const std::string& name);
  void forget_old(int64_t now_s);
  void renumber_destinations();
  std::vector<MailFinding> note_blames(const std::vector<Blame>& blames);

  std::string postlog_;
  std::vector<Log> logs_;
  std::map<std::string, AccountStats, std::less<>> accounts_;
  std::set<std::string> changed_;
  std::unordered_map<std::string, uint32_t> numbers_;
  std::vector<std::string> destinations_{""};  // by number; 0 are those that there is no room for
  bool fresh_ = false;
  int64_t tidied_s_ = 0;
  Excuses excuses_;
  struct Told {
    int64_t since_ms = 0;
    int64_t seen_s = 0;
  };
  std::map<Trouble, MailFinding> findings_;
  std::map<Trouble, Told> told_;
  std::map<Trouble, DeliveryExample> newest_;  // of each trouble
  uint64_t unclear_ = 0;
  std::deque<UnclearAnswer> answers_;  // the newest first
};

}  // namespace npanel
