// SPDX-License-Identifier: Apache-2.0
#include "model/subuid.h"

#include <algorithm>
#include <bit>
#include <map>
#include <optional>

#include "base/parse.h"

namespace npanel {
namespace {

constexpr uint64_t kUids = uint64_t{1} << 32;
constexpr uint32_t kBits = 32;
constexpr size_t kComplaintsMost = 10;

std::optional<SubuidRange> parse_line(std::string_view line) {
  const size_t one = line.find(':');
  const size_t two = one == std::string_view::npos ? one : line.find(':', one + 1);
  if (one == 0 || two == std::string_view::npos) return std::nullopt;
  const auto first = parse_u64(line.substr(one + 1, two - one - 1));
  const auto count = parse_u64(line.substr(two + 1));
  if (!first || !count || *count == 0 || *first >= kUids || *count > kUids - *first) return std::nullopt;
  return SubuidRange{.user = std::string(line.substr(0, one)),
                     .first = static_cast<uint32_t>(*first),
                     .count = static_cast<uint32_t>(std::min(*count, kUids - 1))};
}

// By their first uid: where each ends.
using Taken = std::map<uint32_t, uint64_t>;

bool is_taken(const Taken& taken, const SubuidRange& range) {
  const auto next = taken.lower_bound(range.first);
  if (next != taken.end() && next->first < uint64_t{range.first} + range.count) return true;
  return next != taken.begin() && std::prev(next)->second > range.first;
}

}  // namespace

SubuidRanges parse_subuids(std::string_view text, uint32_t least) {
  SubuidRanges found;
  Taken taken;
  size_t number = 0;
  const auto complain = [&](const char* what) {
    if (found.complaints.size() < kComplaintsMost)
      found.complaints.push_back("line " + std::to_string(number) + ": " + what);
  };
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    ++number;
    if (trim(line).empty() || line.front() == '#') continue;
    auto range = parse_line(trim(line));
    if (!range) {
      complain("must be user:first uid:count");
    } else if (range->first < least) {
      complain("holds uids of the system");
    } else if (is_taken(taken, *range)) {
      complain("shares uids with a line before it");
    } else {
      taken.emplace(range->first, uint64_t{range->first} + range->count);
      found.ranges.push_back(std::move(*range));
    }
  }
  return found;
}

np_uid_prefix whole_uid(uint32_t uid) {
  np_uid_prefix prefix{.bits = kBits, .uid = {}};
  for (__u8& byte : prefix.uid) {
    byte = static_cast<__u8>(uid >> 24);
    uid <<= 8;
  }
  return prefix;
}

std::vector<np_uid_prefix> prefixes_of(const SubuidRange& range) {
  std::vector<np_uid_prefix> prefixes;
  uint64_t left = range.count;
  for (uint64_t at = range.first; left > 0;) {
    const auto aligned = at == 0 ? kBits : static_cast<uint32_t>(std::countr_zero(at));
    const auto fits = static_cast<uint32_t>(std::bit_width(left)) - 1;
    const uint32_t free_bits = std::min({aligned, fits, kBits - 1});
    np_uid_prefix prefix = whole_uid(static_cast<uint32_t>(at));
    prefix.bits = kBits - free_bits;
    prefixes.push_back(prefix);
    at += uint64_t{1} << free_bits;
    left -= uint64_t{1} << free_bits;
  }
  return prefixes;
}

}  // namespace npanel
