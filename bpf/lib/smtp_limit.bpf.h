/* SPDX-License-Identifier: GPL-2.0-only */
/* smtp_limit.bpf.h: what may this account do, as far as the feature is on for it? */
#ifndef NPANEL_SMTP_LIMIT_BPF_H
#define NPANEL_SMTP_LIMIT_BPF_H

#include "lib/feature.bpf.h"
#include "npanel/smtp.h"

/* Key: slot. Value: what the account may do. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NP_BUDGETS);
	__type(key, __u32);
	__type(value, struct np_smtp_limit);
} np_smtp_limit SEC(".maps");

/* The lower of what the account and what the feature say. */
static __always_inline __u32 mode_of(const struct np_smtp_limit *limit, __u32 mode)
{
	__u32 most = feature_mode(NP_EMAIL_RATE_LIMITING, limit->bucket, limit->override);

	return mode < most ? mode : most;
}

#endif
