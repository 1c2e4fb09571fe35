// SPDX-License-Identifier: Apache-2.0
// unattributed_stats.h: how much mail that no account owns was there, and who were the newest to send it?
#pragma once

#include <list>

#include "mail/policy_request.h"
#include "mail/senders.h"
#include "model/unattributed.h"

namespace npanel {

class UnattributedStats {
 public:
  static constexpr size_t kNewest = 20;

  // `charge`: the question was about a message that is complete; the others are not counted unless they are deferred.
  void add(const PolicyRequest& request, const Whose& whose, NobodyAnswer answer, bool charge, int64_t now_ms);

  [[nodiscard]] const NobodyCounts& counts() const { return counts_; }
  [[nodiscard]] std::vector<NobodySender> newest() const { return {newest_.begin(), newest_.end()}; }
  // When a question was deferred last, Unix time; 0: never.
  [[nodiscard]] int64_t deferred_ms() const { return deferred_ms_; }

 private:
  void remember(const PolicyRequest& request, const Whose& whose, NobodyAnswer answer, int64_t now_ms);

  NobodyCounts counts_{};
  std::list<NobodySender> newest_;  // at most kNewest
  int64_t deferred_ms_ = 0;
};

}  // namespace npanel
