// SPDX-License-Identifier: GPL-2.0-only
/* smtp.bpf.c: may this process open one more connection to an SMTP port? */
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "npanel/smtp.h"

#define SOCK_STREAM 1 /* <sys/socket.h> wants a hosted target */

/* Host byte order; 0 ends the list. */
const volatile __u16 np_ports[NP_SMTP_PORTS] = {25, 465, 587};
/* Depth of an account's cgroup below the cgroup v2 root: /npanel/bob is 2. */
const volatile int np_account_level = 2;

/* Key: cgroup id of an account. Value: its slot. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NP_SLOTS);
	__type(key, __u64);
	__type(value, __u32);
} np_smtp_cgroup SEC(".maps");

/* Key: uid of an account, for processes that no account's cgroup holds yet. Value: its slot. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NP_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} np_smtp_uid SEC(".maps");

/* Key: slot. Value: what the account may do. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NP_SLOTS);
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

/* Key: slot. Value: what the account has left. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NP_SLOTS);
	__type(key, __u32);
	__type(value, struct np_smtp_bucket);
} np_smtp_bucket SEC(".maps");

/* Key: slot. Value: verdicts since the account was made. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, NP_SLOTS);
	__type(key, __u32);
	__type(value, struct np_smtp_count);
} np_smtp_count SEC(".maps");

/* Key: 0. Value: what belongs to no account. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct np_smtp_total);
} np_smtp_total SEC(".maps");

/* struct np_smtp_refusal. At 56 bytes and a header of 8 it holds about 4,000 refusals that the agent has not read yet.
 */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, NP_SMTP_RING_BYTES);
} np_smtp_ring SEC(".maps");

enum verdict {
	REFUSE = 0, /* connect() returns EPERM */
	PASS = 1,
};

static __always_inline bool is_smtp_port(__u16 port)
{
	for (__u32 i = 0; i < NP_SMTP_PORTS && np_ports[i]; i++)
		if (port == np_ports[i])
			return true;
	return false;
}

static __always_inline __u32 *find_slot(void)
{
	__u64 cgroup = bpf_get_current_ancestor_cgroup_id(np_account_level);
	__u32 *slot = cgroup ? bpf_map_lookup_elem(&np_smtp_cgroup, &cgroup) : NULL;
	__u32 uid;

	if (slot)
		return slot;
	uid = (__u32)bpf_get_current_uid_gid();
	return bpf_map_lookup_elem(&np_smtp_uid, &uid);
}

static __always_inline struct np_smtp_total *total(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&np_smtp_total, &zero);
}

static __always_inline void set_destination(struct np_smtp_refusal *record, struct bpf_sock_addr *ctx, bool v6)
{
	__u32 address[4] = {};

	record->family = v6 ? 6 : 4;
	if (!v6) {
		address[0] = ctx->user_ip4;
	} else {
		address[0] = ctx->user_ip6[0];
		address[1] = ctx->user_ip6[1];
		address[2] = ctx->user_ip6[2];
		address[3] = ctx->user_ip6[3];
		if (!address[0] && !address[1] && address[2] == bpf_htonl(0xffff)) { /* RFC 4291, 2.5.5.2 */
			record->family = 4;
			address[0] = address[3];
			address[2] = address[3] = 0;
		}
	}
	__builtin_memcpy(record->address, address, sizeof(address));
}

static __always_inline void record_refusal(struct bpf_sock_addr *ctx, __u32 slot, enum np_smtp_verdict verdict,
					   __u64 now_ns, bool v6)
{
	struct np_smtp_refusal *record = bpf_ringbuf_reserve(&np_smtp_ring, sizeof(*record), 0);
	struct np_smtp_total *sum;

	if (!record) {
		sum = total();
		if (sum)
			__sync_fetch_and_add(&sum->lost, 1);
		return;
	}
	record->at_ns = now_ns;
	record->slot = slot;
	record->pid = bpf_get_current_pid_tgid() >> 32;
	record->uid = (__u32)bpf_get_current_uid_gid();
	record->port = bpf_ntohs((__u16)ctx->user_port);
	record->verdict = verdict;
	set_destination(record, ctx, v6);
	bpf_get_current_comm(record->comm, sizeof(record->comm));
	bpf_ringbuf_submit(record, 0);
}

static __always_inline bool take_token(__u32 slot, const struct np_smtp_limit *limit, __u64 now_ns)
{
	struct np_smtp_bucket *bucket = bpf_map_lookup_elem(&np_smtp_bucket, &slot);
	int taken;

	if (!bucket)
		return true;
	bpf_spin_lock(&bucket->lock);
	taken = np_bucket_take(&bucket->bucket, limit->per_minute, limit->burst, now_ns);
	bpf_spin_unlock(&bucket->lock);
	return taken;
}

static __always_inline __u32 mode_of(const struct np_smtp_limit *limit)
{
	__u32 feature = NP_EMAIL_RATE_LIMITING;
	const struct np_gate *gate = bpf_map_lookup_elem(&np_gate, &feature);
	__u32 most = gate ? np_gate_mode_of(gate, limit->place, limit->override) : NP_GATE_OFF;

	return limit->mode < most ? limit->mode : most;
}

static __always_inline enum verdict decide(struct bpf_sock_addr *ctx, __u32 slot, bool v6)
{
	struct np_smtp_limit *found = bpf_map_lookup_elem(&np_smtp_limit, &slot);
	struct np_smtp_count *count = bpf_map_lookup_elem(&np_smtp_count, &slot);
	struct np_smtp_limit limit;
	__u64 now_ns;
	__u32 mode;

	if (!found || !count)
		return PASS;
	limit = *found;
	mode = mode_of(&limit);
	if (mode == NP_SMTP_OFF)
		return PASS;
	now_ns = bpf_ktime_get_ns();
	if (take_token(slot, &limit, now_ns)) {
		__sync_fetch_and_add(&count->allowed, 1);
		return PASS;
	}
	if (mode == NP_SMTP_OBSERVE) {
		__sync_fetch_and_add(&count->would_deny, 1);
		record_refusal(ctx, slot, NP_SMTP_WOULD_DENY, now_ns, v6);
		return PASS;
	}
	__sync_fetch_and_add(&count->denied, 1);
	record_refusal(ctx, slot, NP_SMTP_DENIED, now_ns, v6);
	return REFUSE;
}

static __always_inline enum verdict on_connect(struct bpf_sock_addr *ctx, bool v6)
{
	struct np_smtp_total *sum;
	__u32 *slot;

	/* SMTP is TCP; connect() on a datagram socket only sets its peer. */
	if (!is_smtp_port(bpf_ntohs((__u16)ctx->user_port)) || ctx->type != SOCK_STREAM)
		return PASS;
	slot = find_slot();
	if (slot)
		return decide(ctx, *slot, v6);
	sum = total();
	if (sum)
		__sync_fetch_and_add(&sum->unknown, 1);
	return PASS;
}

SEC("cgroup/connect4")
int np_smtp_conn4(struct bpf_sock_addr *ctx)
{
	return on_connect(ctx, false);
}

SEC("cgroup/connect6")
int np_smtp_conn6(struct bpf_sock_addr *ctx)
{
	return on_connect(ctx, true);
}

char LICENSE[] SEC("license") = "GPL";
