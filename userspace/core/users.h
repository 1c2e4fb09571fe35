// SPDX-License-Identifier: Apache-2.0
// users.h: which uid has a user? This host's own files say so at once; a name service is asked by npanel-helper, and
// may answer when it likes.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "helper/client.h"

namespace npanel {

class Users {
 public:
  // `passwd`: the host's own file.
  explicit Users(HelperClient& helper, std::string passwd = "/etc/passwd")
      : helper_(helper), passwd_(std::move(passwd)) {}

  // Called for each answer that came later.
  void on_answer(std::function<void(const std::string& user)> tell) { tell_ = std::move(tell); }

  struct Found {
    std::optional<uid_t> uid = {};
    bool asked = false;  // nobody has answered yet
  };
  // Asks when that is not known; who is known to be nobody is asked about again.
  Found find(const std::string& user);
  // Those of them that are known by now; the others are asked about by retry() until somebody answers.
  std::set<uid_t> find_all(const std::vector<std::string>& users);
  // As find(), but of a name service alone, at most every 5 seconds, and only what is known by now is said.
  Found ask_service(const std::string& user);
  // Once a second: asks again what nobody could answer, of those that find_all() was asked for. The thousands of an
  // agent's accounts would be too many at once.
  void retry();
  // All users of this host's own file, when it has changed since this was asked last, or look_again() was called.
  [[nodiscard]] std::optional<std::map<std::string, uid_t>> changed_users();
  void look_again() { version_.reset(); }
  // How many questions are under way, and would one about this user be asked now?
  [[nodiscard]] size_t waiting() const { return waiting_; }
  [[nodiscard]] bool is_due(const std::string& user) const;
  // Has nobody answered what was asked about this user?
  [[nodiscard]] bool is_waited_for(const std::string& user) const;

 private:
  struct Entry {
    std::optional<uid_t> uid = {};
    bool waiting = false;  // for an answer
    bool failed = false;   // there was none
    bool standing = false;
    std::optional<int64_t> asked_ms = {};
    [[nodiscard]] bool may_be_asked(int64_t now_ms) const;
  };
  using Version = std::array<int64_t, 4>;  // of a file: device, inode, size, when it was changed
  [[nodiscard]] Version version() const;
  void ask(const std::string& user, Entry& entry);
  void hear(const std::string& user, const Answer& answer);

  HelperClient& helper_;
  std::string passwd_;
  std::function<void(const std::string&)> tell_ = [](const std::string&) {};
  std::map<std::string, Entry> entries_;
  size_t waiting_ = 0;
  std::optional<Version> version_;
};

}  // namespace npanel
