// SPDX-License-Identifier: Apache-2.0
#include "core/ledger.h"

#include <algorithm>
#include <iterator>

#include "daemon/log.h"

namespace npanel {
namespace {

constexpr size_t kNotesWaiting = 1000;

void keep_newest(auto& list) {
  if (list.size() > kNotesWaiting) list.erase(list.begin(), list.end() - kNotesWaiting);
}

}  // namespace

void Ledger::log(const Caller& caller, const Notes& notes) {
  for (const Event& event : notes.events)
    log_info((event.account ? "account " + *event.account + ": " : "") + event.kind + " " + event.detail + " by " +
             caller.actor + (caller.request_id.empty() ? "" : " [" + caller.request_id + "]"));
}

void Ledger::note(Notes notes) {
  note_later(std::move(notes));
  write_waiting();
}

void Ledger::note(ConfigVersion first) {
  first_configuration_ = std::move(first);
  write_waiting();
}

void Ledger::note_later(Notes notes) {
  std::ranges::move(notes.events, std::back_inserter(waiting_.events));
  std::ranges::move(notes.audit, std::back_inserter(waiting_.audit));
  keep_newest(waiting_.events);
  keep_newest(waiting_.audit);
}

void Ledger::write_waiting() {
  if (read_only_) return;
  if (first_configuration_) {
    if (const auto saved = store_.add(*first_configuration_, {}); !saved) {
      complain(saved.error());
      return;
    }
    first_configuration_.reset();
    complaint_.clear();
  }
  if (waiting_.empty()) return;
  if (const auto saved = store_.append(waiting_); !saved) {
    complain(saved.error());
    return;
  }
  waiting_ = {};
  complaint_.clear();
}

void Ledger::complain(const Error& error) {
  if (std::exchange(complaint_, error.text) != error.text) log_error(error.text + "; kept and tried again");
}

}  // namespace npanel
