// SPDX-License-Identifier: Apache-2.0
// etag.h: is this still the version that the client knows? (RFC 9110, 8.8.3 and 13.1)
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/codec.h"

namespace npanel {

// A strong one, with its quotes: the first 16 hexadecimal digits of the text's SHA-256.
[[nodiscard]] std::string etag_of(const Json& json);

// If-Match or If-None-Match: "*", or a list of tags.
struct EtagList {
  bool any = false;
  std::vector<std::string> strong = {};
  std::vector<std::string> weak = {};  // without their W/

  // If-Match compares strongly: a weak tag is never the same.
  [[nodiscard]] bool matches(std::string_view etag) const;
  [[nodiscard]] bool matches_weakly(std::string_view etag) const;
};
// The error's field is the header's name.
[[nodiscard]] Result<EtagList> parse_etags(const std::string& header, std::string_view value);

}  // namespace npanel
