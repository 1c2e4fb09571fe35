/* SPDX-License-Identifier: GPL-2.0-only */
/* feature.bpf.h: is this feature on for the account in that bucket? */
#ifndef NPANEL_FEATURE_BPF_H
#define NPANEL_FEATURE_BPF_H

#include <bpf/bpf_helpers.h>

#include "npanel/feature.h"

/* Key: enum np_feature. Value: what the administrator switched on, and for how many. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NP_FEATURES);
	__type(key, __u32);
	__type(value, struct np_feature_state);
} np_feature SEC(".maps");

/* enum np_feature_mode. `bucket` and `override` are the account's for this feature. */
static __always_inline __u32 feature_mode(__u32 feature, __u32 bucket, __u32 override)
{
	const struct np_feature_state *state = bpf_map_lookup_elem(&np_feature, &feature);

	return state ? np_feature_mode_of(state, bucket, override) : NP_FEATURE_OFF;
}

#endif
