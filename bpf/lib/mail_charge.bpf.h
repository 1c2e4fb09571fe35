/* SPDX-License-Identifier: GPL-2.0-only */
/* mail_charge.bpf.h: does this mail fit the account's budget and those above it? Connect hooks and the MTA's questions
 * charge alike.
 */
#ifndef NPANEL_MAIL_CHARGE_BPF_H
#define NPANEL_MAIL_CHARGE_BPF_H

#include "lib/mail_budget.bpf.h"

/* Key: slot. Value: what it may send. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NP_BUDGETS);
	__type(key, __u32);
	__type(value, struct np_mail_limit);
} np_mail_limit SEC(".maps");

static __always_inline __u64 mail_time(void)
{
	return bpf_ktime_get_coarse_ns() + NP_MAIL_BEFORE_BOOT_NS;
}

/*
 * np_mail_verdict() of this budget alone. Without a limit all passes: fail open. Not static: the verifier looks at such
 * a function once, and not once for each verdict that the one before may have had.
 */
__noinline __u32 charge_one(__u32 slot, const struct np_mail_amount *amount, __u32 charge, __u64 now_ns)
{
	const struct np_mail_limit *limit = bpf_map_lookup_elem(&np_mail_limit, &slot);
	struct np_mail_budget *budget = bpf_map_lookup_elem(&np_mail_budget, &slot);
	__u32 verdict;

	if (!limit || !limit->known || !budget || !amount)
		return 0;
	bpf_spin_lock(&budget->lock);
	verdict = np_mail_take(budget, limit, amount, charge, now_ns);
	bpf_spin_unlock(&budget->lock);
	return verdict;
}

__noinline int give_back(__u32 slot, const struct np_mail_amount *amount, __u64 now_ns)
{
	struct np_mail_budget *budget = bpf_map_lookup_elem(&np_mail_budget, &slot);

	if (!budget || !amount)
		return 0;
	bpf_spin_lock(&budget->lock);
	np_mail_give_back(budget, amount, now_ns);
	bpf_spin_unlock(&budget->lock);
	return 0;
}

/* The slot above; NP_SLOTS: none. */
static __always_inline __u32 parent_of(__u32 slot)
{
	const struct np_mail_limit *limit = bpf_map_lookup_elem(&np_mail_limit, &slot);

	if (!limit || !limit->parent || generation_of(limit->parent - 1) != limit->parent_generation)
		return NP_SLOTS;
	return limit->parent - 1;
}

/*
 * Charges the allowances above the account, which has been charged already, one lock after the other: BPF takes no two
 * at once. When one refuses, those below it get back what they were charged; the account's own is left to the caller.
 */
static __always_inline __u32 charge_above(__u32 slot, const struct np_mail_amount *amount, __u32 charge, __u64 now_ns)
{
	__u32 parent = parent_of(slot);
	__u32 grandparent, verdict, over;

	if (parent >= NP_SLOTS)
		return 0;
	verdict = charge_one(parent, amount, charge, now_ns);
	if (verdict)
		verdict += NP_MAIL_LEVEL;
	grandparent = parent_of(parent);
	if (grandparent >= NP_SLOTS || (verdict && charge != NP_MAIL_CHARGE_ANYWAY))
		return verdict;
	over = charge_one(grandparent, amount, charge, now_ns);
	if (over && charge == NP_MAIL_CHARGE)
		give_back(parent, amount, now_ns);
	return verdict ? verdict : over ? over + 2 * NP_MAIL_LEVEL : 0;
}

/* np_mail_verdict(). */
static __always_inline __u32 charge_mail(__u32 slot, const struct np_mail_amount *amount, __u32 charge)
{
	__u64 now_ns = mail_time();
	__u32 verdict = charge_one(slot, amount, charge, now_ns);
	__u32 above;

	if (verdict && charge != NP_MAIL_CHARGE_ANYWAY)
		return verdict;
	above = charge_above(slot, amount, charge, now_ns);
	if (above && charge == NP_MAIL_CHARGE)
		give_back(slot, amount, now_ns);
	return verdict ? verdict : above;
}

#endif
