/* SPDX-License-Identifier: GPL-2.0-only */
/* account.bpf.h: what may this account do, as far as the feature is on for it? */
#ifndef NPANEL_ACCOUNT_BPF_H
#define NPANEL_ACCOUNT_BPF_H

#include "npanel/smtp.h"

/* Key: slot. Value: what the account may do. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NP_BUDGETS);
	__type(key, __u32);
	__type(value, struct np_smtp_limit);
} np_smtp_limit SEC(".maps");

/* Key: enum np_feature. Value: what the administrator switched on, and for how many. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NP_FEATURES);
	__type(key, __u32);
	__type(value, struct np_gate);
} np_gate SEC(".maps");

/* The lower of what the account and what the gate say. */
static __always_inline __u32 mode_of(const struct np_smtp_limit *limit, __u32 mode)
{
	__u32 feature = NP_EMAIL_RATE_LIMITING;
	const struct np_gate *gate = bpf_map_lookup_elem(&np_gate, &feature);
	__u32 most = gate ? np_gate_mode_of(gate, limit->place, limit->override) : NP_GATE_OFF;

	return mode < most ? mode : most;
}

#endif
