// SPDX-License-Identifier: Apache-2.0
// owner_notices.cpp: an account's owner is told why their mail is held back, once in the cool-down. The letter is a
// file that the unit npanel-notice hands to the local MTA: this unit may neither start a setuid program nor open a TCP
// connection.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>

#include "base/clock.h"
#include "base/file.h"
#include "base/local_file.h"
#include "daemon/log.h"
#include "mail/mail.h"

namespace npanel {
namespace {

constexpr int64_t kMsAnHour = 3'600'000;
constexpr int64_t kTryAgainMs = 300'000;
constexpr int kAtOnce = 2;  // letters a second: each is on the disk before it is remembered as written
constexpr std::array kTemplateDirectories = {"/etc/npanel/notices/", "/usr/share/npanel/notices/"};  // the first wins

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

// The account's, without its region, the server's, English.
std::vector<std::string> languages(const Contact& contact, const std::string& of_the_server) {
  std::vector<std::string> found;
  if (contact.language) found = {*contact.language, contact.language->substr(0, contact.language->find('-'))};
  found.insert(found.end(), {of_the_server, "en"});
  return found;
}

Result<NoticeTemplate> find_template(const std::vector<std::string>& languages) {
  for (const std::string& language : languages)
    for (const char* directory : kTemplateDirectories) {
      const std::string path = directory + language + ".txt";
      const auto text = read_local(path);
      if (!text && text.error().code == ENOENT) continue;
      auto parsed = text ? NoticeTemplate::parse(*text) : std::unexpected(text.error());
      if (parsed) return parsed;
      log_error(path + ": " + parsed.error().text + "; another one is taken");
    }
  return failure("there is no template in /etc/npanel/notices and /usr/share/npanel/notices");
}

std::string text_of(const Json& detail, const char* key) {
  return detail.contains(key) && detail[key].is_string() ? detail[key].get<std::string>() : "";
}

bool is_about_dns(const NoticeFacts& facts) {
  return facts.reason == to_string(Outcome::authentication);
}

uint64_t number_of(const std::string& reason, const MailLimits& mail, const SmtpLimit& smtp) {
  for (const MailField& field : kMailFields)
    if (reason == field.name) return (mail.*field.member).value_or(0);
  return smtp.per_minute;
}

}  // namespace

void Mail::queue_notices(const std::vector<Event>& refusals) {
  for (const Event& event : refusals) {
    if (event.kind != "mail_deferred" && event.kind != "smtp_denied") continue;
    const auto found = core_.accounts.all().find(*event.account);
    const Json detail = Json::parse(event.detail, nullptr, false);
    if (found == core_.accounts.all().end() || !detail.is_object()) continue;
    const Account& account = found->second.account;
    const std::string reason = text_of(detail, "limit");
    queue_notice(account.name, {.reason = reason,
                                .number = number_of(reason, core_.enforcer.effective(account).mail, account.smtp),
                                .sender = text_of(detail, "sender"),
                                .script = text_of(detail, "script"),
                                .directory = text_of(detail, "cwd"),
                                .program = text_of(detail, "exe")});
  }
}

void Mail::queue_notice(const std::string& account, NoticeFacts facts) {
  const int64_t cool_down_ms = static_cast<int64_t>(core_.config.notice_hours) * kMsAnHour;
  const MailDecisions decisions = decisions_of(account);
  const int64_t noticed_ms = is_about_dns(facts) ? decisions.dns_noticed_ms : decisions.noticed_ms;
  const int64_t since_ms = now_ms() - noticed_ms;
  const bool is_told = noticed_ms != 0 && since_ms >= 0 && since_ms < cool_down_ms;
  if (cool_down_ms == 0 || is_told) return;
  // What is held back goes before what is not.
  const auto queued = notices_.find(account);
  if (queued != notices_.end() && is_about_dns(queued->second) && !is_about_dns(facts)) notices_.erase(queued);
  notices_.try_emplace(account, std::move(facts));
}

void Mail::write_notices() {
  for (int written = 0; written < kAtOnce && !notices_.empty(); ++written) {
    auto queued = notices_.extract(notices_.begin());
    const auto found = core_.accounts.all().find(queued.key());
    if (found != core_.accounts.all().end()) write_notice(found->second.account, std::move(queued.mapped()));
  }
}

void Mail::write_notice(const Account& account, NoticeFacts facts) {
  const std::string& name = account.name;
  if (!account.contact.email && !account.uid) return;  // they have no mailbox
  facts.account = name;
  facts.host = host_name();
  facts.from = core_.config.notice_from;
  facts.to = account.contact.email.value_or(name);
  const std::string directory = core_.config.notice_directory();
  const auto written = [&]() -> Result<void> {
    const NoticeTemplate letter = NP_TRY(find_template(languages(account.contact, core_.config.notice_language)));
    NP_TRY(make_private_directory(directory));
    return replace_file(directory + "/" + name + ".eml", letter.message(facts));
  }();
  MailDecisions decisions = decisions_of(name);
  int64_t& noticed_ms = is_about_dns(facts) ? decisions.dns_noticed_ms : decisions.noticed_ms;
  noticed_ms = now_ms();
  if (!written) {
    log_error("account " + name + ": its owner is not told: " + written.error().text + "; tried again in 5 minutes");
    noticed_ms -= std::max<int64_t>(static_cast<int64_t>(core_.config.notice_hours) * kMsAnHour - kTryAgainMs, 0);
    decisions_[name] = decisions;
    return;
  }
  put_decisions(name, decisions,
                {.events = {{.at_ms = now_ms(),
                             .account = name,
                             .kind = "owner_told",
                             .detail = Json{{"to", facts.to}, {"reason", facts.reason}}.dump()}},
                 .audit = {}});
}

}  // namespace npanel
