// SPDX-License-Identifier: Apache-2.0
// result.h: how does a function say that the world refused?
#pragma once

#include <cerrno>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace npanel {

// What went wrong, in words for an administrator. Each layer adds its own context once, outermost first:
// `account "bob": write memory.max: No space left on device`.
struct Error {
  std::string text;
  int code = 0;            // the errno behind it, 0 when there is none
  std::string field = {};  // the input at fault ("limits.pids_max"), empty when it was not the input

  [[nodiscard]] Error within(std::string_view context) && {
    text.insert(0, ": ").insert(0, context);
    return std::move(*this);
  }
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> failure(std::string text, int code = 0) {
  return std::unexpected(Error{.text = std::move(text), .code = code, .field = {}});
}

// `code` is an errno value; take it before anything else can change it.
[[nodiscard]] inline std::unexpected<Error> errno_failure(std::string_view what, int code) {
  return failure(std::string(what) + ": " + std::generic_category().message(code), code);
}

// Input that was refused: EINVAL, and the field that would have to change.
[[nodiscard]] inline std::unexpected<Error> refused(std::string field, std::string_view wanted) {
  std::string text = field + " " + std::string(wanted);
  return std::unexpected(Error{.text = std::move(text), .code = EINVAL, .field = std::move(field)});
}

}  // namespace npanel

// The value of a Result, or return its error from the function that asks.
#define NP_TRY(...)                                                                        \
  ({                                                                                       \
    auto np_result = (__VA_ARGS__);                                                        \
    if (!np_result) return std::unexpected<::npanel::Error>(std::move(np_result.error())); \
    std::move(np_result).value();                                                          \
  })
