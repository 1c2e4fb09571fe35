// SPDX-License-Identifier: Apache-2.0
// format.h: how does a value look to a person?
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace npanel {

[[nodiscard]] std::string human_size(uint64_t bytes);  // 536870912 is 512.0 MiB

[[nodiscard]] std::string human_duration(double seconds);  // 12 s, 3 min 5 s, 2 h 3 min

[[nodiscard]] std::string fixed(double value, int decimals);

// Control characters become '?': process names and paths are chosen by tenants and end up on root's terminal.
[[nodiscard]] std::string printable(std::string_view text);

// A title that starts with '>' makes a column of numbers: the sign goes, the cells stand on the right.
class Table {
 public:
  explicit Table(std::vector<std::string> titles);
  void add(std::vector<std::string> cells);  // as many as there are titles
  [[nodiscard]] std::string text() const;

 private:
  [[nodiscard]] std::string line(const std::vector<std::string>& cells) const;

  std::vector<bool> right_;
  std::vector<size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
};

// One "key: value" a line, the values below each other.
using Pairs = std::vector<std::pair<std::string, std::string>>;
[[nodiscard]] std::string key_values(const Pairs& pairs);

}  // namespace npanel
