// SPDX-License-Identifier: Apache-2.0
#include "kernel/feature_map.h"

namespace npanel {

Result<FeatureMap> FeatureMap::open(const Pins& pins) {
  return FeatureMap(NP_TRY(PinnedMap::open(pins, "np_feature")));
}

FeatureTable FeatureMap::table() const {
  FeatureTable features{};
  for (__u32 feature = 0; feature < features.size(); ++feature)
    features[feature] = lookup<np_feature_state>(map_, feature).value_or(np_feature_state{});
  return features;
}

Result<int> FeatureMap::set(const FeatureTable& features) {
  int written = 0;
  for (__u32 feature = 0; feature < features.size(); ++feature)
    written += NP_TRY(set_if_different(map_, feature, features[feature]));
  return written;
}

}  // namespace npanel
