// SPDX-License-Identifier: Apache-2.0
// must.h: what holds for every input, however bad?
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace npanel {

// Ends the program, which libFuzzer takes for a finding and keeps the input.
inline void must(bool holds, std::string_view what, const std::string& seen = {}) {
  if (holds) return;
  std::fprintf(stderr, "broken: %.*s: %s\n", static_cast<int>(what.size()), what.data(), seen.c_str());
  std::abort();
}

}  // namespace npanel
