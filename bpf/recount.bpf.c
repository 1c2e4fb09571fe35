// SPDX-License-Identifier: GPL-2.0-only
/* recount.bpf.c: does an account's count of open connections say what the kernel's own list of sockets says? */
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "lib/kernel_types.h"
#include "lib/mail_budget.bpf.h"
#include "lib/open_socket.bpf.h"

/* Key: slot. Value: sockets that count, of the recount that runs. The agent sets it to 0 before. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, NP_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} np_smtp_found SEC(".maps");

/* Walks the sockets that have storage of ours: the kernel's own list of what is open. */
SEC("iter/bpf_sk_storage_map")
int np_smtp_recount(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct np_smtp_socket *socket = ctx->value;
	__u64 *found;
	__u32 slot;

	if (!socket || !ctx->sk || !socket->counted)
		return 0;
	slot = socket->slot;
	found = bpf_map_lookup_elem(&np_smtp_found, &slot);
	if (found && generation_of(slot) == socket->generation)
		(*found)++;
	return 0;
}

/* Like np_mail_answer: run by the agent, because only a program can compare and write under the lock. */
SEC("xdp")
int np_smtp_correct(struct xdp_md *ctx)
{
	struct np_smtp_correction *wanted = (void *)(long)ctx->data;
	struct np_mail_budget *budget;
	bool right;
	__u32 slot;

	if ((void *)(wanted + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	slot = wanted->slot;
	budget = bpf_map_lookup_elem(&np_mail_budget, &slot);
	if (!budget)
		return XDP_ABORTED;
	bpf_spin_lock(&budget->lock);
	right = budget->generation == wanted->generation && budget->open == wanted->counted;
	if (right)
		budget->open = wanted->found;
	bpf_spin_unlock(&budget->lock);
	return right ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
