// SPDX-License-Identifier: Apache-2.0
// files.h: how is a file put in its place so that a power cut leaves the old one or the new one, and never half?
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace npanel {

[[nodiscard]] std::string directory_of(const std::string& path);
// What cannot be told (EIO, EACCES) is there: whoever opens it hears why, and nobody makes another in its place.
[[nodiscard]] bool exists(const std::string& path);

// Names (not paths) in `directory` that begin with `prefix`, sorted; none when it cannot be read.
[[nodiscard]] std::vector<std::string> names_in(const std::string& directory, const std::string& prefix);

// Mode 0600, on disk when the call returns. An old `to` is written over.
[[nodiscard]] Result<void> copy_file(const std::string& from, const std::string& to);
[[nodiscard]] Result<void> make_empty_file(const std::string& path);
[[nodiscard]] Result<void> make_filled_file(const std::string& path, size_t bytes);
// An absent file is moved already.
[[nodiscard]] Result<void> move_file(const std::string& from, const std::string& to);
[[nodiscard]] Result<void> sync_file(const std::string& path);  // or a directory, with the names in it

// A database is up to three files: the name itself, -wal and -shm.
void remove_database(const std::string& path);

// For names that sort by time: "20261122T194000Z".
[[nodiscard]] std::string utc_stamp(int64_t ms_since_1970);
[[nodiscard]] std::optional<int64_t> stamp_ms(const std::string& stamp);  // what follows the stamp does not matter

}  // namespace npanel
