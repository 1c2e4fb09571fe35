// SPDX-License-Identifier: Apache-2.0
#include "mail/delivery_stats.h"

#include <sys/stat.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/clock.h"
#include "mail/delivery_parts.h"

namespace npanel {
namespace {

int64_t now_s() {
  return steady_ms() / 1000;
}

constexpr size_t kRecipientsMost = 131072;  // of all accounts: some 5 MB
constexpr size_t kRecipientsLeast = 64;     // an account's share, however many there are
constexpr size_t kDestinationsMost = 16384;
constexpr size_t kNameMost = 64;     // bytes
constexpr size_t kAnswerMost = 160;  // bytes
constexpr size_t kTextMost = 300;    // bytes
constexpr std::ptrdiff_t kExamplesEach = 3;
constexpr size_t kAccountsWithThree = 2048;  // of more accounts, one example of each outcome: some 10 MB at most
constexpr size_t kUnclearMost = 50;
constexpr int64_t kTidyEveryS = 60;

std::string clipped(std::string_view text, size_t most) {
  return std::string(text.substr(0, most));
}

std::string domain_of(std::string_view recipient) {
  const size_t at = recipient.rfind('@');
  return at == std::string_view::npos ? "" : clipped(recipient.substr(at + 1), kNameMost);
}

// Whose servers they are: "mx1.elsewhere.example" is elsewhere.example's, and "a.mx.elsewhere.co.uk" elsewhere.co.uk's.
// Empty: an address, or no name.
std::string organisation(std::string_view server) {
  constexpr size_t kShort = 3;
  if (is_elsewhere(server) || server.find('.') == std::string_view::npos || server.starts_with("127.")) return "";
  const size_t last = server.rfind('.');
  size_t from = server.rfind('.', last - 1);
  const size_t second = from == std::string_view::npos ? 0 : from + 1;
  const bool deeper = last - second <= kShort && server.size() - last - 1 == 2 && second > 0;
  if (deeper) from = server.rfind('.', from - 1);
  return clipped(from == std::string_view::npos ? server : server.substr(from + 1), kNameMost);
}

bool tells_against(Outcome outcome) {
  return outcome == Outcome::unknown_recipient || outcome == Outcome::deferred_recipient ||
         outcome == Outcome::content || outcome == Outcome::authentication;
}

std::string answer_of(const DeliveryFacts& facts, size_t most) {
  std::string answer = facts.code == 0 ? "" : std::to_string(facts.code) + " ";
  return clipped(answer + facts.text, most);
}

std::string status_of(const DeliveryFacts& facts) {
  if (facts.subject < 0) return "";
  const std::string kind = facts.code >= 500 || (facts.code == 0 && facts.permanent) ? "5." : "4.";
  return kind + std::to_string(facts.subject) + "." + std::to_string(facts.detail);
}

bool gives_rights(const std::string& program) {
  struct stat status{};
  return ::stat(program.c_str(), &status) == 0 && (status.st_mode & (S_ISGID | S_ISUID)) != 0;
}

}  // namespace

// A log that stays is read on where it was.
void DeliveryStats::configure(const Config& config) {
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

std::vector<std::string> DeliveryStats::read(const OwnerOf& owner_of) {
  std::vector<std::string> complaints;
  for (Log& log : logs_) {
    std::string complaint = read(log, owner_of);
    if (!complaint.empty() && complaint != log.complaint) complaints.push_back(complaint);
    log.complaint = std::move(complaint);
  }
  return complaints;
}

// What is wrong with the log; empty: nothing.
std::string DeliveryStats::read(Log& log, const OwnerOf& owner_of) {
  const int64_t now = now_s();
  const bool by_anybody = gives_rights(postlog_);
  bool of_postfix = false;
  const auto done = log.tail.read([&](std::string_view line) {
    log.arguments = log.arguments || is_arguments_line(line);
    const auto delivery = parse_delivery(line);
    if (!delivery) return;
    of_postfix = of_postfix || delivery->mta == Mta::postfix;
    const auto counted = owner_of(*delivery, delivery->mta == Mta::exim ? log.arguments : by_anybody);
    if (counted) add(*delivery, *counted, now);
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

void DeliveryStats::add(const LoggedDelivery& delivery, const CountedDelivery& counted, int64_t now_s) {
  const DeliveryFacts& facts = delivery.facts;
  if (counted.verdict.outcome == Outcome::unclear) add_unclear(delivery, counted.account);
  AccountStats& stats = accounts_[counted.account];
  const std::string domain = domain_of(delivery.recipient);
  const std::string whose = organisation(delivery.server);
  const size_t share = kRecipientsMost / accounts_.size();
  stats.hour.add({.at_s = now_s,
                  .id = counted.recipient,
                  .destination = destination_of(whose.empty() ? domain : whose),
                  .verdict = counted.verdict,
                  .decided = facts.accepted || facts.permanent},
                 std::clamp(share, kRecipientsLeast, DeliveryHour::kRecipientsMost));
  DeliveryExample example{
      .outcome = counted.verdict.outcome, .domain = domain, .answer = answer_of(facts, kAnswerMost), .at_s = now_s};
  if (const auto trouble = trouble_of(counted.verdict)) newest_[*trouble] = example;
  if (tells_against(counted.verdict.outcome)) add_example(stats, std::move(example));
  changed_.insert(counted.account);
  fresh_ = true;
}

// Three of each outcome, of different domains where there are: of one that has several, the oldest goes first.
void DeliveryStats::add_example(AccountStats& stats, DeliveryExample example) {
  auto& all = stats.examples;
  const Outcome outcome = example.outcome;
  const auto is_same = [&](const DeliveryExample& each) {
    return each.outcome == outcome && each.domain == example.domain && each.answer == example.answer;
  };
  std::erase_if(all, is_same);
  all.push_front(std::move(example));
  const std::ptrdiff_t most = accounts_.size() > kAccountsWithThree ? 1 : kExamplesEach;
  if (std::ranges::count(all, outcome, &DeliveryExample::outcome) <= most) return;
  const auto is_one_of_several = [&](const DeliveryExample& each) {
    return each.outcome == outcome && std::ranges::count_if(all, [&](const DeliveryExample& other) {
                                        return other.outcome == outcome && other.domain == each.domain;
                                      }) > 1;
  };
  auto oldest = std::ranges::find_if(all.rbegin(), all.rend(), is_one_of_several);
  if (oldest == all.rend()) oldest = std::ranges::find(all.rbegin(), all.rend(), outcome, &DeliveryExample::outcome);
  all.erase(std::next(oldest).base());
}

void DeliveryStats::add_unclear(const LoggedDelivery& delivery, const std::string& account) {
  ++unclear_;
  const DeliveryFacts& facts = delivery.facts;
  UnclearAnswer answer{
      .account = account,
      .server = clipped(delivery.server.empty() ? domain_of(delivery.recipient) : delivery.server, kNameMost),
      .stage = facts.stage,
      .code = facts.code,
      .status = status_of(facts),
      .text = clipped(facts.text, kTextMost),
      .count = 1,
      .last_ms = now_ms()};
  const std::string words = answer_words(answer.text);
  const auto known = std::ranges::find_if(answers_, [&](const UnclearAnswer& each) {
    return each.server == answer.server && each.code == answer.code && each.stage == answer.stage &&
           answer_words(each.text) == words;
  });
  if (known != answers_.end()) {
    answer.count += known->count;
    answers_.erase(known);
  }
  answers_.push_front(std::move(answer));
  if (answers_.size() > kUnclearMost) answers_.pop_back();
}

uint32_t DeliveryStats::destination_of(const std::string& name) {
  if (const auto known = numbers_.find(name); known != numbers_.end()) return known->second;
  if (name.empty() || destinations_.size() >= kDestinationsMost) return 0;
  const auto number = static_cast<uint32_t>(destinations_.size());
  destinations_.push_back(name);
  numbers_.emplace(name, number);
  return number;
}

void DeliveryStats::forget_old(int64_t now_s) {
  for (auto& [account, stats] : accounts_) {
    stats.hour.forget_old(now_s);
    std::erase_if(stats.examples,
                  [now_s](const DeliveryExample& each) { return each.at_s <= now_s - DeliveryHour::kHourS; });
  }
  std::erase_if(accounts_, [](const auto& each) { return each.second.hour.recipients().empty(); });
}

// Names that nobody sends to any more make room.
void DeliveryStats::renumber_destinations() {
  std::vector<uint32_t> fresh(destinations_.size());
  std::vector<std::string> kept{""};
  for (auto& [account, stats] : accounts_)
    stats.hour.renumber([&](uint32_t old) {
      if (old != 0 && fresh[old] == 0) {
        fresh[old] = static_cast<uint32_t>(kept.size());
        kept.push_back(destinations_[old]);
      }
      return fresh[old];
    });
  destinations_ = std::move(kept);
  numbers_.clear();
  for (uint32_t number = 1; number < destinations_.size(); ++number) numbers_.emplace(destinations_[number], number);
}

std::vector<MailFinding> DeliveryStats::judge() {
  const int64_t now = now_s();
  const bool tidies = now - tidied_s_ >= kTidyEveryS;
  if (!fresh_ && !tidies) return {};
  if (tidies) {
    tidied_s_ = now;
    forget_old(now);
    renumber_destinations();
  }
  fresh_ = false;
  std::vector<const DeliveryHour*> hours;
  hours.reserve(accounts_.size());
  for (const auto& [account, stats] : accounts_) hours.push_back(&stats.hour);
  ServerJudgement judgement = judge_server(hours, static_cast<uint32_t>(destinations_.size()), now);
  excuses_ = std::move(judgement.excuses);
  return note_blames(judgement.blames);
}

// A trouble that lasts, or comes back within an hour, stays the one that was told.
std::vector<MailFinding> DeliveryStats::note_blames(const std::vector<Blame>& blames) {
  const int64_t at = now_s();
  std::map<Trouble, MailFinding> now;
  std::vector<MailFinding> begun;
  for (const Blame& blame : blames) {
    Told& told = told_[blame.trouble];
    const bool fresh = told.since_ms == 0 || at - told.seen_s > DeliveryHour::kHourS;
    if (fresh) told.since_ms = now_ms();
    told.seen_s = at;
    MailFinding finding{.trouble = blame.trouble,
                        .since_ms = told.since_ms,
                        .senders = blame.senders,
                        .recipients = blame.recipients,
                        .example = newest_[blame.trouble]};
    for (const uint32_t number : blame.destinations) finding.destinations.push_back(destinations_[number]);
    if (fresh) begun.push_back(finding);
    now.emplace(blame.trouble, std::move(finding));
  }
  findings_ = std::move(now);
  return begun;
}

std::set<std::string> DeliveryStats::take_changed() {
  return std::exchange(changed_, {});
}

Deliveries DeliveryStats::last_hour(const std::string& account, Counting counting) const {
  const auto stats = accounts_.find(account);
  return stats == accounts_.end() ? Deliveries{} : stats->second.hour.sum(now_s(), excuses_, counting);
}

std::vector<DeliveryExample> DeliveryStats::examples(const std::string& account) const {
  const auto stats = accounts_.find(account);
  if (stats == accounts_.end()) return {};
  return {stats->second.examples.begin(), stats->second.examples.end()};
}

void DeliveryStats::spend(const std::string& account) {
  if (const auto stats = accounts_.find(account); stats != accounts_.end()) stats->second.hour.spend();
}

std::vector<MailFinding> DeliveryStats::findings() const {
  std::vector<MailFinding> all;
  all.reserve(findings_.size());
  for (const auto& [trouble, finding] : findings_) all.push_back(finding);
  return all;
}

void DeliveryStats::rename(const std::string& from, const std::string& to) {
  if (changed_.erase(from) > 0) changed_.insert(to);
  auto stats = accounts_.extract(from);
  if (stats.empty()) return;
  stats.key() = to;
  accounts_.insert(std::move(stats));
}

}  // namespace npanel
