// SPDX-License-Identifier: Apache-2.0
// core.h: what does every room stand on?
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/account_editor.h"
#include "core/accounts.h"
#include "core/enforcer.h"
#include "core/feature_control.h"
#include "core/jobs.h"
#include "core/ledger.h"
#include "core/lived_clock.h"
#include "core/lowering.h"
#include "core/overhead.h"
#include "core/reconciler.h"
#include "core/room.h"
#include "core/users.h"
#include "daemon/config_load.h"
#include "helper/client.h"

namespace npanel {

// The desired state is in the store and, the same, in `accounts`; the actual state is the kernel's.
struct Core {
  // Without features, those that the kernel holds stay.
  Core(const Config& in_force, Store store, const std::optional<Features>& said);
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  Config config;  // in force
  Ledger ledger;
  LivedClock clock{ledger};
  Jobs jobs{ledger};
  HelperClient helper;
  Users users;
  Overhead overhead;
  Features features;
  Lowering lowering;
  Reconciler reconciler;
  Accounts accounts;
  Enforcer enforcer{*this};
  FeatureControl feature_control;
  AccountEditor editor{*this};

  std::vector<Room*> rooms = {};
  // The kernel may hold accounts that the store has not: what it holds beside them is left alone.
  bool may_lack_accounts = false;
  // A large answer, or a copy, has left holes in the heap.
  bool heap_has_holes = false;
};

}  // namespace npanel
