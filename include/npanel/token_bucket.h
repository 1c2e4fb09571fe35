/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* token_bucket.h: may one more event pass under a rate and a burst? The kernel and the unit tests run this very code.
 */
#ifndef NPANEL_TOKEN_BUCKET_H
#define NPANEL_TOKEN_BUCKET_H

#include "abi.h"

/*
 * A token bucket without division: credit is kept in nanoseconds times tokens a minute, so a token costs NP_MINUTE_NS
 * and dt nanoseconds earn dt * per_minute. Exact in integers: no token is ever lost or gained by rounding.
 */
#define NP_BUCKET_PER_MINUTE_MAX 100000U
#define NP_BUCKET_BURST_MAX	 100000U
/* A burst is at most what a day earns, so the clamp below never takes a token from a long-idle bucket. */
#define NP_BUCKET_FILL_MINUTES 1440U
/* 2^47 ns is 39 hours; 2^47 * PER_MINUTE_MAX + BURST_MAX * NP_MINUTE_NS stays below 2^64. */
#define NP_BUCKET_IDLE_MAX_NS (1ULL << 47)

struct np_bucket {
	__u64 credit;	   /* nanoseconds * tokens a minute; NP_MINUTE_NS is one token */
	__u64 refilled_ns; /* time of the last refill, in whatever clock never steps back */
};
NP_ASSERT(sizeof(struct np_bucket) == 16);

/*
 * Takes one token when there is one: 1 when it passes, 0 when not. An all-zero bucket is new and starts full. A clock
 * that steps back earns nothing and takes nothing. per_minute up to NP_BUCKET_PER_MINUTE_MAX, burst up to
 * NP_BUCKET_BURST_MAX.
 */
NP_INLINE int np_bucket_take(struct np_bucket *bucket, __u32 per_minute, __u32 burst, __u64 now_ns)
{
	const __u64 full = burst * NP_MINUTE_NS;

	if (bucket->refilled_ns == 0) {
		bucket->credit = full;
		bucket->refilled_ns = now_ns;
	} else if (now_ns > bucket->refilled_ns) {
		__u64 idle_ns = now_ns - bucket->refilled_ns;

		if (idle_ns > NP_BUCKET_IDLE_MAX_NS)
			idle_ns = NP_BUCKET_IDLE_MAX_NS;
		bucket->credit += idle_ns * per_minute;
		bucket->refilled_ns = now_ns;
	}
	if (bucket->credit > full)
		bucket->credit = full;
	if (bucket->credit < NP_MINUTE_NS)
		return 0;
	bucket->credit -= NP_MINUTE_NS;
	return 1;
}

/* What was taken was not used. */
NP_INLINE void np_bucket_give_back(struct np_bucket *bucket)
{
	bucket->credit += NP_MINUTE_NS;
}

#endif
