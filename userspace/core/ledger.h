// SPDX-License-Identifier: Apache-2.0
// ledger.h: how does a change come to the disk, and what is told of it?
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "core/audit_entry.h"
#include "store/recovery.h"
#include "store/store.h"

namespace npanel {

// There are two ways for a change, and no third.
// commit(): somebody asked. What the store refuses has not happened; only then memory and the kernel follow.
// note(): the agent noticed, or decided and has done it already. What the store refuses is kept and tried again.
class Ledger {
 public:
  explicit Ledger(Store store) : store_(std::move(store)) {}

  // To read from, and for what is written without notes.
  [[nodiscard]] Store& store() { return store_; }
  // Opened anew.
  void replace(Store store) { store_ = std::move(store); }

  // `change` writes with the notes, in one transaction, and returns a Result. What it changed is logged.
  template <class Change>
  auto commit(const Caller& caller, const Notes& notes, Change&& change) {
    auto done = std::forward<Change>(change)(store_, notes);
    if (done) log(caller, notes);
    return done;
  }

  // Written now, or with a later second: the newest 1,000 of each kind wait.
  void note(Notes notes);
  // Written with the next second.
  void note_later(Notes notes);
  void note(Event event) { note(Notes{.events = {std::move(event)}, .audit = {}}); }
  void note(AuditEntry entry) { note(Notes{.events = {}, .audit = {std::move(entry)}}); }
  void note_later(AuditEntry entry) { note_later(Notes{.events = {}, .audit = {std::move(entry)}}); }
  // The configuration that the agent started with; later when it cannot be written now.
  void note(ConfigVersion first);
  // A newer one is written.
  void forget_first_configuration() { first_configuration_.reset(); }
  void write_waiting();
  [[nodiscard]] bool is_waiting() const { return !waiting_.empty(); }

  // What nobody asked for and the store refuses: said once, not every second.
  void complain(const Error& error);
  // The store takes again what it refused.
  void stop_complaining() { complaint_.clear(); }
  // "": none.
  [[nodiscard]] const std::string& complaint() const { return complaint_; }

  // Why every change is refused; nullopt: none is.
  [[nodiscard]] const std::optional<std::string>& read_only() const { return read_only_; }
  void set_read_only(std::optional<std::string> why) { read_only_ = std::move(why); }

 private:
  static void log(const Caller& caller, const Notes& notes);

  Store store_;
  std::optional<std::string> read_only_;
  Notes waiting_;
  std::optional<ConfigVersion> first_configuration_;
  std::string complaint_;
};

}  // namespace npanel
