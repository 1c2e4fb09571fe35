// SPDX-License-Identifier: Apache-2.0
// database.h: how is the SQLite file opened, and where do the library's exceptions stop?
#pragma once

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace npanel {

// WAL with synchronous=FULL: what was acknowledged survives a power cut. One process, one connection.
[[nodiscard]] Result<std::unique_ptr<SQLite::Database>> open_database(const std::string& path);

// Runs `work`; an exception of SQLiteCpp becomes an Error that starts with `what`.
template <class Work>
auto catching(std::string_view what, Work&& work) -> Result<decltype(work())> {
  try {
    if constexpr (std::is_void_v<decltype(work())>) {
      work();
      return {};
    } else {
      return work();
    }
  } catch (const SQLite::Exception& problem) {
    return failure(std::string(what) + ": " + problem.what(), EIO);
  }
}

}  // namespace npanel
