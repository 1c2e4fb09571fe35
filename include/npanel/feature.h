/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* feature.h: is this feature on for this account? The kernel and user space run this very code. */
#ifndef NPANEL_FEATURE_H
#define NPANEL_FEATURE_H

#include "abi.h"

/* Index in the map np_feature, and in the list of all features; append only. */
enum np_feature {
	NP_CGROUPS_ISOLATION,
	NP_EMAIL_RATE_LIMITING,
	NP_AGENT_WATCHDOG,
	NP_GRACEFUL_RELOADS,
	NP_CONFIG_LAYERING,
	NP_SOAK_TESTING,
	NP_PACKAGE_TEMPLATES,
	NP_QUOTA_ENFORCEMENT,
	NP_RESELLER_HIERARCHY,
	NP_WHMCS_INTEGRATION,
	NP_PROGRESS_TRACKING,
	NP_HEALTH_SCORING,
	NP_AUDIT_LOGS_V2,
	NP_SMART_DEFAULTS,
	NP_UPGRADE_FRAMEWORK,
	NP_FEATURES,
};

enum np_feature_mode {
	NP_FEATURE_OFF = 0,
	NP_FEATURE_OBSERVE = 1, /* look and count, change nothing */
	NP_FEATURE_ENFORCE = 2,
};

/* What the administrator said about one account, whatever the percentage says. */
enum np_override {
	NP_OVERRIDE_NONE = 0,
	NP_OVERRIDE_ON = 1,
	NP_OVERRIDE_OFF = 2,
};

/* Written by the agent, read by the kernel. Index: enum np_feature. All zero: off. */
struct np_feature_state {
	__u32 mode;    /* enum np_feature_mode */
	__u32 percent; /* 0 … 100 of the accounts */
};
NP_ASSERT(sizeof(struct np_feature_state) == 8);

/*
 * The account's bucket in the rollout of a feature: 0 … 99, the same for ever. On are the accounts below the
 * percentage, so growing it only adds accounts. FNV-1a over "feature name", then a finalizer (splitmix64's) because
 * FNV alone spreads short names badly; another feature puts other accounts first.
 */
static inline __u32 np_rollout_bucket(const char *account, __u32 length, __u32 feature)
{
	__u64 hash = 0xcbf29ce484222325ULL ^ feature;
	__u32 i;

	hash *= 0x100000001b3ULL;
	for (i = 0; i < length; i++) {
		hash ^= (__u8)account[i];
		hash *= 0x100000001b3ULL;
	}
	hash ^= hash >> 30;
	hash *= 0xbf58476d1ce4e5b9ULL;
	hash ^= hash >> 27;
	hash *= 0x94d049bb133111ebULL;
	hash ^= hash >> 31;
	return (__u32)(hash % 100);
}

/* enum np_feature_mode for one account. An override chooses who takes part; the mode stays the feature's. */
static inline __u32 np_feature_mode_of(const struct np_feature_state *state, __u32 bucket, __u32 override)
{
	if (override == NP_OVERRIDE_OFF)
		return NP_FEATURE_OFF;
	if (override == NP_OVERRIDE_ON || bucket < state->percent)
		return state->mode;
	return NP_FEATURE_OFF;
}

#endif
