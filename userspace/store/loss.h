// SPDX-License-Identifier: Apache-2.0
// loss.h: how is a loss of accounts remembered beside the database, which may be lost again?
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "model/loss.h"

namespace npanel {

// On disk when the call returns.
[[nodiscard]] Result<void> remember_loss(const std::string& database, const AccountLoss& loss);
// A mark that cannot be read is a loss all the same, of which nothing more is known. nullopt: there is none.
[[nodiscard]] std::optional<AccountLoss> remembered_loss(const std::string& database);
[[nodiscard]] Result<void> forget_loss(const std::string& database);

}  // namespace npanel
