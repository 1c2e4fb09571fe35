// SPDX-License-Identifier: Apache-2.0
// message_outcomes.h: which outcomes of a message have counted, so that each counts once?
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>

namespace npanel {

// Messages and recipients are named by hashes (message_id). Of the newest only, for memory is bounded.
class MessageOutcomes {
 public:
  // Does this count? A recipient is put off once and `decided` once, and no more recipients count than were `charged`.
  bool judge(uint64_t message, uint64_t recipient, bool decided, uint32_t charged);

  // The MTA has made a message of its own of what goes on: `part` belongs to `whole`. 0: to none.
  void join(uint64_t part, uint64_t whole);
  // The message that it belongs to, or itself.
  [[nodiscard]] uint64_t whole(uint64_t message) const;

 private:
  struct Message {
    std::unordered_map<uint64_t, bool> decided = {};  // by recipient; false: put off
  };
  Message& at(uint64_t message);
  void make_room();

  std::unordered_map<uint64_t, Message> messages_;
  std::deque<uint64_t> oldest_first_;
  size_t recipients_ = 0;
  std::unordered_map<uint64_t, uint64_t> wholes_;
  std::deque<uint64_t> parts_oldest_first_;
};

}  // namespace npanel
