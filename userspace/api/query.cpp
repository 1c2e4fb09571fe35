// SPDX-License-Identifier: Apache-2.0
#include "api/query.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "base/parse.h"
#include "model/account.h"

namespace npanel {
namespace {

constexpr uint64_t kPageMost = 1000;
constexpr uint64_t kIdMost = std::numeric_limits<int64_t>::max();

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return std::nullopt;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const auto high = hex_digit(text[i + 1]);
    const auto low = hex_digit(text[i + 2]);
    if (!high || !low || (*high == 0 && *low == 0)) return std::nullopt;
    decoded += static_cast<char>(*high << 4U | *low);
    i += 2;
  }
  return decoded;
}

// Takes pieces off the front of a text; one that does not fit fails for good.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  unsigned digits(size_t count) {
    const std::string_view piece = rest_.substr(0, count);
    const auto number = piece.size() == count ? parse_u64(piece) : std::nullopt;
    if (!number) return fail();
    rest_.remove_prefix(count);
    return static_cast<unsigned>(*number);
  }
  void one_of(std::string_view wanted) {
    if (rest_.empty() || wanted.find(rest_.front()) == std::string_view::npos)
      fail();
    else
      rest_.remove_prefix(1);
  }
  [[nodiscard]] char next() const { return rest_.empty() ? '\0' : rest_.front(); }
  [[nodiscard]] bool done() const { return good_ && rest_.empty(); }

  // ".123456" as milliseconds, "" as none.
  int64_t fraction_ms() {
    if (next() != '.') return 0;
    rest_.remove_prefix(1);
    int64_t ms = 0;
    int64_t weight = 100;
    if (next() < '0' || next() > '9') fail();
    for (; next() >= '0' && next() <= '9'; rest_.remove_prefix(1), weight /= 10) ms += weight * (next() - '0');
    return ms;
  }

  // "Z" or "+01:30".
  std::chrono::minutes offset() {
    const char sign = next();
    one_of("Zz+-");
    if (sign != '+' && sign != '-') return std::chrono::minutes(0);
    const unsigned hours = digits(2);
    one_of(":");
    const unsigned minutes = digits(2);
    if (hours > 23 || minutes > 59) fail();
    const std::chrono::minutes ahead(static_cast<int64_t>(hours) * 60 + minutes);
    return sign == '+' ? ahead : -ahead;
  }

 private:
  unsigned fail() {
    good_ = false;
    return 0;
  }
  std::string_view rest_;
  bool good_ = true;
};

const std::string* find(const Query& query, const std::string& key) {
  const auto found = query.find(key);
  return found == query.end() ? nullptr : &found->second;
}

}  // namespace

std::optional<int64_t> parse_time(std::string_view text) {
  using namespace std::chrono;
  Reader reader(text);
  const year in_year(static_cast<int>(reader.digits(4)));
  reader.one_of("-");
  const month in_month(reader.digits(2));
  reader.one_of("-");
  const year_month_day date = in_year / in_month / day(reader.digits(2));
  reader.one_of("Tt ");
  const unsigned hour = reader.digits(2);
  reader.one_of(":");
  const unsigned minute = reader.digits(2);
  reader.one_of(":");
  const unsigned second = reader.digits(2);
  const milliseconds fraction(reader.fraction_ms());
  const minutes ahead = reader.offset();
  if (!reader.done() || !date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  const auto moment = sys_days(date) + hours(hour) + minutes(minute) + seconds(second) + fraction - ahead;
  return duration_cast<milliseconds>(moment.time_since_epoch()).count();
}

Result<Query> decode_query(const Query& raw) {
  Query decoded;
  for (const auto& [key, value] : raw) {
    auto text = percent_decoded(value);
    if (!text) return refused(key, "must have two hexadecimal digits after each %, and no %00");
    decoded.emplace(key, std::move(*text));
  }
  return decoded;
}

Result<void> only_parameters(const Query& query, std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : query) {
    if (std::ranges::find(known, key) != known.end()) continue;
    std::string list;
    for (const std::string_view name : known) list += (list.empty() ? "" : ", ") + std::string(name);
    return refused(key, "is not known here; known: " + list);
  }
  return {};
}

Result<std::optional<uint64_t>> number_in(const Query& query, const std::string& key, uint64_t least, uint64_t most) {
  const std::string* text = find(query, key);
  if (!text) return std::nullopt;
  const auto number = parse_u64(*text);
  if (!number || *number < least || *number > most)
    return refused(key, "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return number;
}

Result<std::optional<std::string>> name_in(const Query& query, const std::string& key) {
  const std::string* text = find(query, key);
  if (!text) return std::nullopt;
  return NP_TRY(parse_account_name(*text));
}

Result<std::optional<std::string>> text_in(const Query& query, const std::string& key) {
  const std::string* text = find(query, key);
  if (!text) return std::nullopt;
  if (text->empty()) return refused(key, "must not be empty");
  return *text;
}

Result<std::optional<int64_t>> time_in(const Query& query, const std::string& key) {
  const std::string* text = find(query, key);
  if (!text) return std::nullopt;
  const auto time = parse_time(*text);
  if (!time) return refused(key, "must be a time as 2026-11-22T19:40:00Z or 2026-11-22T20:40:00%2B01:00 (RFC 3339)");
  return time;
}

Result<std::optional<uint64_t>> limit_in(const Query& query) {
  return number_in(query, "limit", 1, kPageMost);
}

Result<std::optional<int64_t>> below_in(const Query& query) {
  const auto id = NP_TRY(number_in(query, "below", 1, kIdMost));
  return id ? std::optional(static_cast<int64_t>(*id)) : std::nullopt;
}

}  // namespace npanel
