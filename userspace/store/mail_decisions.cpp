// SPDX-License-Identifier: Apache-2.0
#include "store/mail_decisions.h"

#include <SQLiteCpp/Statement.h>

namespace npanel {

StoredMailDecisions read_mail_decisions(SQLite::Database& database) {
  constexpr int64_t kWhole = 100;
  StoredMailDecisions found;
  SQLite::Statement row(
      database,
      "SELECT account, throttle_cause, throttle_percent, throttle_until_ms, noticed_ms, dns_noticed_ms "
      "FROM mail_decision");
  while (row.executeStep()) {
    MailDecisions decisions{
        .throttle = {}, .noticed_ms = row.getColumn(4).getInt64(), .dns_noticed_ms = row.getColumn(5).getInt64()};
    const int64_t percent = row.getColumn(2).getInt64();
    const auto cause = parse_throttle_cause(row.getColumn(1).getString());
    if (cause && percent >= 0 && percent <= kWhole)
      decisions.throttle = {
          .cause = *cause, .percent = static_cast<uint64_t>(percent), .until_ms = row.getColumn(3).getInt64()};
    found.emplace(row.getColumn(0).getString(), decisions);
  }
  return found;
}

void write_mail_decisions(SQLite::Database& database, const std::string& account, const MailDecisions& decisions) {
  SQLite::Statement row(
      database,
      "INSERT OR REPLACE INTO mail_decision (account, throttle_cause, throttle_percent, throttle_until_ms, "
      "noticed_ms, dns_noticed_ms) VALUES (?, ?, ?, ?, ?, ?)");
  row.bind(1, account);
  if (decisions.throttle) row.bind(2, to_string(decisions.throttle->cause));
  row.bind(3, static_cast<int64_t>(decisions.throttle ? decisions.throttle->percent : 0));
  row.bind(4, decisions.throttle ? decisions.throttle->until_ms : 0);
  row.bind(5, decisions.noticed_ms);
  row.bind(6, decisions.dns_noticed_ms);
  row.exec();
}

void erase_mail_decisions_of(SQLite::Database& database, const std::string& account) {
  SQLite::Statement row(database, "DELETE FROM mail_decision WHERE account = ?");
  row.bind(1, account);
  row.exec();
}

}  // namespace npanel
