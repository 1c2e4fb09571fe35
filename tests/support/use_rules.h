// SPDX-License-Identifier: Apache-2.0
// use_rules.h: a reload's two steps at once.
#pragma once

#include "kernel/connect_hook.h"

namespace npanel {

// The programs that were behind the hooks before.
inline Result<ConnectHook::Programs> use_rules(ConnectHook& hook, const SmtpRules& rules) {
  return hook.switch_to(NP_TRY(hook.prepare(rules)));
}

}  // namespace npanel
