// SPDX-License-Identifier: GPL-2.0-only
/* mail_query.bpf.c: may this account send one more mail? The MTA asks, before it accepts a message or a recipient. */
#include <stdbool.h>
#include <linux/bpf.h>
#include <asm-generic/errno-base.h>
#include <bpf/bpf_helpers.h>

#include "lib/mail_charge.bpf.h"
#include "lib/smtp_limit.bpf.h"
#include "npanel/mail_query.h"

/* Key: slot. Value: how the MTA's questions were answered since the account was made. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, NP_BUDGETS);
	__type(key, __u32);
	__type(value, struct np_mail_count);
} np_mail_count SEC(".maps");

/* Key: np_mail_question.id. Value: when it was charged, to whom, and for how many. The newest 16,384 messages: 2 MB. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct np_mail_charged);
} np_mail_charged SEC(".maps");

/* Key: np_mail_question.recipient. Value: none. The newest NP_MAIL_KNOWN recipients of those messages: 5 MB. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, NP_MAIL_KNOWN);
	__type(key, __u64);
	__type(value, __u32);
} np_mail_known SEC(".maps");

/* An id that another account has charged since: where the message of this one is remembered from then on. */
static __always_inline __u64 beside(__u64 id, __u32 slot)
{
	return id ^ ((__u64)(slot + 1) * 0x9e3779b97f4a7c15ULL);
}

static __always_inline bool is_same(const struct np_mail_charged *message, const struct np_mail_question *question)
{
	return message && message->slot == question->slot && message->generation == generation_of(message->slot) &&
	       (!question->instance || message->instance == question->instance);
}

/* The message of this account; NULL: it has not been charged for it. */
static __always_inline struct np_mail_charged *charged_before(const struct np_mail_question *question)
{
	struct np_mail_charged *message = bpf_map_lookup_elem(&np_mail_charged, &question->id);
	__u64 key = beside(question->id, question->slot);

	if (is_same(message, question))
		return message;
	message = bpf_map_lookup_elem(&np_mail_charged, &key);
	return is_same(message, question) ? message : NULL;
}

static __always_inline void remember_charged(const struct np_mail_question *question)
{
	struct np_mail_charged *others = bpf_map_lookup_elem(&np_mail_charged, &question->id);
	struct np_mail_charged charged = {
		.at_ns = bpf_ktime_get_boot_ns(),
		.instance = question->instance,
		.slot = question->slot,
		.generation = generation_of(question->slot),
		.recipients = question->amount.recipients,
	};
	struct np_mail_charged moved;
	__u64 key;

	if (charged.recipients)
		charged.bytes = question->amount.bytes / charged.recipients;
	if (others && others->slot != question->slot) {
		moved = *others;
		key = beside(question->id, moved.slot);
		bpf_map_update_elem(&np_mail_charged, &key, &moved, BPF_ANY);
	}
	bpf_map_update_elem(&np_mail_charged, &question->id, &charged, BPF_ANY);
}

/*
 * The agent asks one question after the other, so what is counted here has no rival but the map's own forgetting. What
 * only observing lets out is not charged, and known, so that the log, which tells of it later, does not charge it.
 */
static __always_inline void answer_more(struct np_mail_question *question, struct np_mail_charged *message, __u32 mode,
					struct np_mail_count *count)
{
	const bool left = question->charge == NP_MAIL_MORE_ANYWAY;
	struct np_mail_amount one = {.recipients = 1};
	const __u32 none = 0;

	if (!message)
		return;
	question->answer = NP_MAIL_REPEATED;
	/* Before 6.4 the call that is built in gives an int, whose sign is lost in 64 bits. */
	if ((int)bpf_map_update_elem(&np_mail_known, &question->recipient, &none, BPF_NOEXIST) == -EEXIST)
		return;
	question->answer = NP_MAIL_ACCEPT;
	__sync_fetch_and_add(&message->known, 1);
	if (message->known <= message->recipients)
		return;
	one.bytes = message->bytes;
	question->verdict = charge_mail(question->slot, &one, left ? NP_MAIL_CHARGE_ANYWAY : NP_MAIL_CHARGE);
	if (question->verdict && !left) {
		__sync_fetch_and_add(&message->known, -1);
		if (mode == NP_FEATURE_OBSERVE) {
			question->answer = NP_MAIL_WOULD_DEFER;
			__sync_fetch_and_add(&count->would_defer, 1);
			return;
		}
		question->answer = NP_MAIL_DEFER;
		bpf_map_delete_elem(&np_mail_known, &question->recipient);
		__sync_fetch_and_add(&count->deferred, 1);
		return;
	}
	__sync_fetch_and_add(&message->recipients, 1);
	__sync_fetch_and_add(&count->accepted.recipients, 1);
	__sync_fetch_and_add(&count->accepted.bytes, one.bytes);
}

/* Observing decides and charges as enforcing does: what it would have deferred is as if it had not been sent. */
static __always_inline void answer_mail(struct np_mail_question *question)
{
	struct np_smtp_limit *limit = bpf_map_lookup_elem(&np_smtp_limit, &question->slot);
	struct np_mail_count *count = bpf_map_lookup_elem(&np_mail_count, &question->slot);
	struct np_mail_charged *before;
	__u32 mode;

	question->answer = NP_MAIL_NOT_LIMITED;
	question->verdict = 0;
	if (!limit || !count)
		return;
	mode = mode_of(limit, NP_FEATURE_ENFORCE);
	if (mode == NP_FEATURE_OFF)
		return;
	before = question->id ? charged_before(question) : NULL;
	if (question->charge >= NP_MAIL_MORE) {
		answer_more(question, before, mode, count);
		return;
	}
	if (before) {
		question->answer = NP_MAIL_REPEATED;
		if (question->charge)
			__sync_fetch_and_add(&count->repeated, 1);
		return;
	}
	question->verdict = charge_mail(question->slot, &question->amount, question->charge);
	if (question->verdict && mode == NP_FEATURE_OBSERVE) {
		question->answer = NP_MAIL_WOULD_DEFER;
		__sync_fetch_and_add(&count->would_defer, 1);
		return;
	}
	if (question->verdict) {
		question->answer = NP_MAIL_DEFER;
		__sync_fetch_and_add(&count->deferred, 1);
		return;
	}
	question->answer = NP_MAIL_ACCEPT;
	if (question->charge == NP_MAIL_ASK)
		return;
	__sync_fetch_and_add(&count->accepted.messages, question->amount.messages);
	__sync_fetch_and_add(&count->accepted.recipients, question->amount.recipients);
	__sync_fetch_and_add(&count->accepted.bytes, question->amount.bytes);
	if (question->id)
		remember_charged(question);
}

/*
 * Never attached to a device: the agent runs it (BPF_PROG_TEST_RUN, bpf(2)), because only a program can charge under
 * the lock that the connect hooks take. BPF_PROG_TYPE_SYSCALL may not take one before Linux 6.8.
 */
SEC("xdp")
int np_mail_answer(struct xdp_md *ctx)
{
	struct np_mail_question *packet = (void *)(long)ctx->data;
	struct np_mail_question question;

	if ((void *)(packet + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	question = *packet;
	answer_mail(&question);
	*packet = question;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
