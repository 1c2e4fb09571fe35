// SPDX-License-Identifier: Apache-2.0
// work.h: what does npanel-helper do in each child?
#pragma once

#include "helper/dispatcher.h"

namespace npanel {

// 0 or an errno value. Of a user it says uid; a user that is not there has none.
[[nodiscard]] int do_work(const Question& question, const Dispatcher::Say& say);

}  // namespace npanel
