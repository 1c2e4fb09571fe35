// SPDX-License-Identifier: Apache-2.0
#include "store/mail_care.h"

#include <SQLiteCpp/Statement.h>

namespace npanel {

StoredCare read_care(SQLite::Database& database) {
  constexpr int64_t kWhole = 100;
  StoredCare found;
  SQLite::Statement row(
      database,
      "SELECT account, throttle_cause, throttle_percent, throttle_until_ms, noticed_ms, dns_noticed_ms "
      "FROM mail_care");
  while (row.executeStep()) {
    MailCare care{
        .throttle = {}, .noticed_ms = row.getColumn(4).getInt64(), .dns_noticed_ms = row.getColumn(5).getInt64()};
    const int64_t percent = row.getColumn(2).getInt64();
    const auto cause = parse_throttle_cause(row.getColumn(1).getString());
    if (cause && percent >= 0 && percent <= kWhole)
      care.throttle = {
          .cause = *cause, .percent = static_cast<uint64_t>(percent), .until_ms = row.getColumn(3).getInt64()};
    found.emplace(row.getColumn(0).getString(), care);
  }
  return found;
}

void write_care(SQLite::Database& database, const std::string& account, const MailCare& care) {
  SQLite::Statement row(
      database,
      "INSERT OR REPLACE INTO mail_care (account, throttle_cause, throttle_percent, throttle_until_ms, "
      "noticed_ms, dns_noticed_ms) VALUES (?, ?, ?, ?, ?, ?)");
  row.bind(1, account);
  if (care.throttle) row.bind(2, to_string(care.throttle->cause));
  row.bind(3, static_cast<int64_t>(care.throttle ? care.throttle->percent : 0));
  row.bind(4, care.throttle ? care.throttle->until_ms : 0);
  row.bind(5, care.noticed_ms);
  row.bind(6, care.dns_noticed_ms);
  row.exec();
}

void erase_care_of(SQLite::Database& database, const std::string& account) {
  SQLite::Statement row(database, "DELETE FROM mail_care WHERE account = ?");
  row.bind(1, account);
  row.exec();
}

}  // namespace npanel
