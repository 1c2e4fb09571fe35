// SPDX-License-Identifier: Apache-2.0
// pins.h: where do programs, maps and links outlive the agent?
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace npanel {

// One directory of a bpffs, and in it one directory for each layout of the maps: <dir>/v1/np_smtp_count. A program
// whose structs changed uses another one, so objects of another layout are never mistaken for ours.
class Pins {
 public:
  // Makes what is missing. ENODEV when the parent of `dir` is not on a bpffs, EPERM when the directory is somebody
  // else's.
  static Result<Pins> make(std::string dir);
  // Is anything pinned there, of whatever layout?
  [[nodiscard]] static bool any(const std::string& dir);

  // Where the object of this name is pinned.
  [[nodiscard]] std::string path(const std::string& name) const;
  // The directory of another layout whose links are still pinned: its maps hold the truth.
  [[nodiscard]] Result<std::optional<std::string>> other_layout() const;
  // Unpins what an interrupted migration left in ours.
  void clear() const;

 private:
  explicit Pins(std::string dir) : dir_(std::move(dir)) {}
  std::string dir_;
};

// What must be known as long as the pins are there, whatever becomes of the disk: a directory of that name among them.
[[nodiscard]] bool has_mark(const std::string& dir, const std::string& name);
Result<void> set_mark(const std::string& dir, const std::string& name);
Result<void> remove_mark(const std::string& dir, const std::string& name);
// The number behind this prefix in the name of a mark.
[[nodiscard]] std::optional<int64_t> number_marked(const std::string& dir, const std::string& prefix);

struct Unpinned {
  int links = 0;
  int maps = 0;
};
// Detaches every link below `dir`, whoever still holds it, and removes all pins: nothing of ours runs in the kernel any
// more. A directory that is not there has no pins.
Result<Unpinned> unpin_all(const std::string& dir);
// Unpins without detaching: what holds the objects still, keeps them.
void remove_pin_directory(const std::string& dir);

}  // namespace npanel
