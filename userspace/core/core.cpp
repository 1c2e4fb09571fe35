// SPDX-License-Identifier: Apache-2.0
#include "core/core.h"

#include <utility>

namespace npanel {

Core::Core(const Config& in_force, Store store, const std::optional<Features>& said)
    : config(in_force),
      ledger(std::move(store)),
      helper(config.helper_socket),
      users(helper),
      overhead(config),
      features(said.value_or(Features())),
      lowering(helper),
      reconciler(config, users.find_all(config.smtp_exempt_users), said ? std::optional(said->kernel()) : std::nullopt,
                 lowering),
      feature_control(*this, !said) {}

}  // namespace npanel
