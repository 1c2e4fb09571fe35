/* SPDX-License-Identifier: GPL-2.0-only */
/* mail.bpf.h: the mail budget, which the connect hooks and the MTA's questions charge alike. */
#ifndef NPANEL_MAIL_BPF_H
#define NPANEL_MAIL_BPF_H

#include "lib/account.bpf.h"
#include "npanel/smtp.h"

/* Key: slot. Value: what the account has sent. Made when it sends for the first time: 1.6 KB each. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NP_SLOTS);
	__type(key, __u32);
	__type(value, struct np_mail_budget);
} np_mail_budget SEC(".maps");

struct np_mail_nothing {
	__u64 zero[sizeof(struct np_mail_budget) / sizeof(__u64)];
};

/* Key: 0. Value: a budget's bytes, all zero: too many for a BPF stack, and what has a lock may not be copied from. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct np_mail_nothing);
} np_mail_new SEC(".maps");

/* Key: slot. Value: what it may send. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NP_SLOTS);
	__type(key, __u32);
	__type(value, struct np_mail_limit);
} np_mail_limit SEC(".maps");

/* Key: slot. Value: how the MTA's questions were answered since the account was made. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, NP_SLOTS);
	__type(key, __u32);
	__type(value, struct np_mail_count);
} np_mail_count SEC(".maps");

/* Key: np_mail_question.id. Value: when it was charged, and to whom. The newest 16,384 messages: 1.4 MB. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct np_mail_charged);
} np_mail_charged SEC(".maps");

static __always_inline struct np_mail_budget *find_budget(__u32 slot)
{
	struct np_mail_budget *budget = bpf_map_lookup_elem(&np_mail_budget, &slot);
	struct np_mail_nothing *nothing;
	__u32 zero = 0;

	if (budget)
		return budget;
	nothing = bpf_map_lookup_elem(&np_mail_new, &zero);
	if (!nothing)
		return NULL;
	/* Another CPU may be faster: then its entry stays. A full map is full of accounts, so this does not fail. */
	bpf_map_update_elem(&np_mail_budget, &slot, nothing, BPF_NOEXIST);
	return bpf_map_lookup_elem(&np_mail_budget, &slot);
}

/* np_mail_verdict(). Without a budget all passes: fail open. */
static __always_inline __u32 charge_mail(__u32 slot, const struct np_mail_amount *amount, __u32 charge, __u64 now_ns)
{
	const struct np_mail_limit *limit = bpf_map_lookup_elem(&np_mail_limit, &slot);
	struct np_mail_budget *budget = find_budget(slot);
	__u32 verdict;

	if (!limit || !limit->known || !budget)
		return 0;
	bpf_spin_lock(&budget->lock);
	verdict = np_mail_take(budget->rings, limit, amount, charge, now_ns + NP_MAIL_BEFORE_BOOT_NS);
	bpf_spin_unlock(&budget->lock);
	return verdict;
}

static __always_inline void answer_mail(struct np_mail_question *question)
{
	struct np_smtp_limit *limit = bpf_map_lookup_elem(&np_smtp_limit, &question->slot);
	struct np_mail_count *count = bpf_map_lookup_elem(&np_mail_count, &question->slot);
	struct np_mail_charged charged = {.at_ns = bpf_ktime_get_boot_ns(), .slot = question->slot};
	struct np_mail_charged *before;
	__u32 charge, mode;

	question->answer = NP_MAIL_FREE;
	question->verdict = 0;
	if (!limit || !count)
		return;
	mode = mode_of(limit, NP_GATE_ENFORCE);
	if (mode == NP_GATE_OFF)
		return;
	before = question->id ? bpf_map_lookup_elem(&np_mail_charged, &question->id) : NULL;
	if (before && before->slot == question->slot) {
		question->answer = NP_MAIL_REPEATED;
		if (question->charge)
			__sync_fetch_and_add(&count->repeated, 1);
		return;
	}
	charge = !question->charge ? NP_MAIL_ASK : mode == NP_GATE_OBSERVE ? NP_MAIL_CHARGE_ANYWAY : NP_MAIL_CHARGE;
	question->verdict = charge_mail(question->slot, &question->amount, charge, charged.at_ns);
	question->answer = !question->verdict	     ? NP_MAIL_ACCEPT
			   : mode == NP_GATE_OBSERVE ? NP_MAIL_WOULD_DEFER
						     : NP_MAIL_DEFER;
	if (question->answer == NP_MAIL_DEFER) {
		__sync_fetch_and_add(&count->deferred, 1);
		return;
	}
	if (charge == NP_MAIL_ASK)
		return;
	if (question->answer == NP_MAIL_WOULD_DEFER)
		__sync_fetch_and_add(&count->would_defer, 1);
	__sync_fetch_and_add(&count->accepted.messages, question->amount.messages);
	__sync_fetch_and_add(&count->accepted.recipients, question->amount.recipients);
	__sync_fetch_and_add(&count->accepted.bytes, question->amount.bytes);
	if (question->id)
		bpf_map_update_elem(&np_mail_charged, &question->id, &charged, BPF_ANY);
}

#endif
