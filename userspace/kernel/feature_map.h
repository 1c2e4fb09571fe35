// SPDX-License-Identifier: Apache-2.0
// feature_map.h: how do the features' switches come into the kernel, and what does it obey?
#pragma once

#include "base/result.h"
#include "kernel/bpf_map.h"
#include "model/feature.h"

namespace npanel {

// Pinned, so it is also where the switches are found when the database is lost.
class FeatureMap {
 public:
  // After the load of a program that asks (bpf/lib/feature.bpf.h), which has made it.
  static Result<FeatureMap> open(const Pins& pins);

  [[nodiscard]] FeatureTable table() const;
  // Obeyed by the very next connect(). Returns how many entries were not right already.
  Result<int> set(const FeatureTable& features);

 private:
  explicit FeatureMap(PinnedMap map) : map_(std::move(map)) {}
  PinnedMap map_;
};

}  // namespace npanel
