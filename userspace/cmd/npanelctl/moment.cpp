// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/moment.h"

#include <chrono>

namespace npanel {
namespace {

// Takes from the front of the text what it expects there.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  bool skip(std::string_view one_of) {
    if (rest_.empty() || one_of.find(rest_.front()) == std::string_view::npos) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // Exactly so many digits.
  std::optional<int> number(size_t digits, int most) {
    if (rest_.size() < digits) return std::nullopt;
    int value = 0;
    for (size_t i = 0; i < digits; ++i) {
      if (!is_digit(rest_[i])) return std::nullopt;
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(digits);
    return value <= most ? std::optional(value) : std::nullopt;
  }
  // One digit or more behind a point, cut to milliseconds.
  std::optional<int> fraction_ms() {
    if (rest_.empty() || !is_digit(rest_.front())) return std::nullopt;
    int ms = 0;
    for (int worth = 100; !rest_.empty() && is_digit(rest_.front()); rest_.remove_prefix(1), worth /= 10)
      ms += worth * (rest_.front() - '0');
    return ms;
  }

 private:
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  std::string_view rest_;
};

std::optional<int64_t> read_date(Reader& text) {
  const auto year = text.number(4, 9999);
  if (!year || *year < 1970 || !text.skip("-")) return std::nullopt;
  const auto month = text.number(2, 12);
  if (!month || !text.skip("-")) return std::nullopt;
  const auto day = text.number(2, 31);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::milliseconds(std::chrono::sys_days(date).time_since_epoch()).count();
}

std::optional<int64_t> read_clock(Reader& text) {
  const auto hour = text.number(2, 23);
  if (!hour || !text.skip(":")) return std::nullopt;
  const auto minute = text.number(2, 59);
  if (!minute || !text.skip(":")) return std::nullopt;
  const auto second = text.number(2, 60);  // a leap second
  if (!second) return std::nullopt;
  const auto ms = text.skip(".") ? text.fraction_ms() : 0;
  if (!ms) return std::nullopt;
  return ((*hour * 60LL + *minute) * 60 + *second) * 1000 + *ms;
}

// How far local time is ahead of UTC.
std::optional<int64_t> read_offset(Reader& text) {
  if (text.skip("Zz")) return 0;
  const bool behind = text.skip("-");
  if (!behind && !text.skip("+")) return std::nullopt;
  const auto hour = text.number(2, 23);
  if (!hour || !text.skip(":")) return std::nullopt;
  const auto minute = text.number(2, 59);
  if (!minute) return std::nullopt;
  return (behind ? -1 : 1) * (*hour * 60LL + *minute) * 60'000;
}

}  // namespace

std::optional<int64_t> parse_moment(std::string_view text) {
  Reader reader(text);
  const auto date = read_date(reader);
  if (!date || reader.at_end()) return date;
  if (!reader.skip("Tt ")) return std::nullopt;
  const auto clock = read_clock(reader);
  const auto offset = clock ? read_offset(reader) : std::nullopt;
  if (!offset || !reader.at_end() || *date + *clock < *offset) return std::nullopt;
  return *date + *clock - *offset;
}

}  // namespace npanel
