// SPDX-License-Identifier: GPL-2.0-only
/* smtp.bpf.c: may this process open one more connection to an SMTP port, and this account send one more mail? */
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "lib/account.bpf.h"
#include "lib/mail.bpf.h"
#include "lib/refusal.bpf.h"
#include "npanel/smtp.h"

#define SOCK_STREAM 1 /* <sys/socket.h> wants a hosted target */

/* Host byte order; 0 ends the list. */
const volatile __u16 np_ports[NP_SMTP_PORTS] = {25, 465, 587};
/* Uids whose connections are not limited, the MTA's: one that bob's sendmail has started runs in bob's cgroup. */
const volatile __u32 np_exempt[NP_SMTP_EXEMPT];
const volatile __u32 np_exempt_count;
/* Is there anything in np_smtp_allow? */
const volatile bool np_has_allow;
/* The local MTA, where redirected connections go: network byte order; the port in host byte order, 0 = none. */
const volatile __u32 np_mta4;
const volatile __u32 np_mta6[4];
const volatile __u16 np_mta_port;
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

/* Key: np_smtp_near_place(). Value: np_smtp_near(). A look-up in the hash is a fifth of what a connect costs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, NP_SMTP_NEAR);
	__type(key, __u32);
	__type(value, __u64);
} np_smtp_near_by SEC(".maps");

/* Key: uid of an account, for processes that no account's cgroup holds yet. Value: its slot. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NP_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} np_smtp_uid SEC(".maps");

/* Key: slot. Value: verdicts since the account was made. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, NP_BUDGETS);
	__type(key, __u32);
	__type(value, struct np_smtp_count);
} np_smtp_count SEC(".maps");

/* Destinations that may be connected to without limit. 1,024 networks are more than anybody writes down. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NP_SMTP_NETS);
	__type(key, struct np_smtp_net);
	__type(value, __u32);
} np_smtp_allow SEC(".maps");

/* Whose open socket is it? Lives as long as the socket. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct np_smtp_socket);
} np_smtp_socket SEC(".maps");

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

/* The account of the process; NP_SLOTS: none. */
static __always_inline __u32 find_slot(void)
{
	__u64 cgroup = bpf_get_current_cgroup_id();
	__u32 place = np_smtp_near_place(cgroup);
	const volatile __u64 *near = bpf_map_lookup_elem(&np_smtp_near_by, &place);
	__u64 found = near ? *near : 0;
	__u32 *slot;
	__u32 uid;

	if (found && found >> NP_SMTP_NEAR_BITS == cgroup)
		return found & (NP_SMTP_NEAR - 1);
	cgroup = bpf_get_current_ancestor_cgroup_id(np_account_level);
	slot = cgroup ? bpf_map_lookup_elem(&np_smtp_cgroup, &cgroup) : NULL;
	if (slot)
		return *slot;
	uid = (__u32)bpf_get_current_uid_gid();
	slot = bpf_map_lookup_elem(&np_smtp_uid, &uid);
	return slot ? *slot : NP_SLOTS;
}

static __always_inline bool is_exempt(void)
{
	__u32 uid;

	if (!np_exempt_count)
		return false;
	uid = (__u32)bpf_get_current_uid_gid();
	for (__u32 i = 0; i < NP_SMTP_EXEMPT && i < np_exempt_count; i++)
		if (uid == np_exempt[i])
			return true;
	return false;
}

static __always_inline bool is_allowed(struct bpf_sock_addr *ctx, bool v6)
{
	struct np_smtp_net to = {.prefix = 128};
	__u32 address[4];

	if (!np_has_allow)
		return false;
	get_destination(ctx, v6, address);
	__builtin_memcpy(to.address, address, sizeof(to.address));
	return bpf_map_lookup_elem(&np_smtp_allow, &to) != NULL;
}

static __always_inline void redirect(struct bpf_sock_addr *ctx, bool v6)
{
	if (!v6) {
		ctx->user_ip4 = np_mta4;
	} else {
		__u32 address[4];
		bool mapped;

		get_destination(ctx, v6, address);
		mapped = is_mapped(address);
		ctx->user_ip6[0] = mapped ? 0 : np_mta6[0];
		ctx->user_ip6[1] = mapped ? 0 : np_mta6[1];
		ctx->user_ip6[2] = mapped ? bpf_htonl(0xffff) : np_mta6[2];
		ctx->user_ip6[3] = mapped ? np_mta4 : np_mta6[3];
	}
	ctx->user_port = bpf_htons(np_mta_port);
}

/* Is one more socket of the account open now? Once a socket, however often it tries to connect. */
enum opened {
	OPENED,
	OPEN_ALREADY,
	TOO_MANY_OPEN,
};

static __always_inline enum opened open_one(struct bpf_sock_addr *ctx, __u32 slot, struct np_smtp_count *count,
					    __u32 most)
{
	struct np_smtp_total *sum = total();
	struct np_smtp_socket *socket;

	if (!ctx->sk || !sum)
		return OPEN_ALREADY;
	socket = bpf_sk_storage_get(&np_smtp_socket, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!socket || socket->counted)
		return OPEN_ALREADY;
	if (__sync_fetch_and_add(&count->open, 1) >= most) {
		__sync_fetch_and_add(&count->open, -1);
		return TOO_MANY_OPEN;
	}
	__sync_fetch_and_add(&sum->open, 1);
	socket->slot = slot;
	socket->counted = 1;
	return OPENED;
}

static __always_inline void close_one(struct np_smtp_socket *socket, struct np_smtp_total *sum)
{
	struct np_smtp_count *count = bpf_map_lookup_elem(&np_smtp_count, &socket->slot);

	socket->counted = 0;
	__sync_fetch_and_add(&sum->open, -1);
	/* An account that was made anew in the slot has started at 0. */
	if (count && count->open)
		__sync_fetch_and_add(&count->open, -1);
}

/*
 * What speaks against the connection, as far as a mode of `charge` looks: `reason` or what is found, -1: nothing. Token
 * and mail under one lock, for taking it is much of what this costs. What is refused is not charged.
 */
static __always_inline long charge_budget(__u32 slot, const struct np_smtp_limit *limit, __u32 charge, long reason)
{
	const struct np_mail_amount one = {.messages = 1, .recipients = 1};
	const struct np_mail_limit *mail = bpf_map_lookup_elem(&np_mail_limit, &slot);
	struct np_mail_budget *budget = bpf_map_lookup_elem(&np_mail_budget, &slot);
	__u64 now_ns = mail_time();
	__u32 over = 0;

	if (!mail || !budget)
		return reason;
	bpf_spin_lock(&budget->lock);
	if (reason < 0 && !np_bucket_take(&budget->bucket, limit->per_minute, limit->burst, now_ns))
		reason = NP_SMTP_RATE;
	if (mail->known && (reason < 0 || charge == NP_MAIL_CHARGE_ANYWAY))
		over = np_mail_take(budget, mail, &one, charge, now_ns);
	if (over && reason < 0) {
		reason = NP_SMTP_MAIL + over;
		if (charge == NP_MAIL_CHARGE)
			np_bucket_give_back(&budget->bucket);
	}
	bpf_spin_unlock(&budget->lock);
	if (!mail->parent || (reason >= 0 && charge == NP_MAIL_CHARGE))
		return reason;
	over = charge_above(slot, &one, charge, now_ns);
	if (!over || reason >= 0)
		return reason;
	if (charge == NP_MAIL_CHARGE) {
		bpf_spin_lock(&budget->lock);
		np_bucket_give_back(&budget->bucket);
		if (mail->known)
			np_mail_give_back(budget, &one, now_ns);
		bpf_spin_unlock(&budget->lock);
	}
	return NP_SMTP_MAIL + over;
}

static __always_inline long charge_connection(struct bpf_sock_addr *ctx, __u32 slot, const struct np_smtp_limit *limit,
					      struct np_smtp_count *count, __u32 charge)
{
	enum opened opened = limit->connections ? open_one(ctx, slot, count, limit->connections) : OPEN_ALREADY;
	struct np_smtp_total *sum = total();
	struct np_smtp_socket *socket;
	long reason;

	if (opened == TOO_MANY_OPEN && charge == NP_MAIL_CHARGE)
		return NP_SMTP_CONNECTIONS;
	reason = charge_budget(slot, limit, charge, opened == TOO_MANY_OPEN ? NP_SMTP_CONNECTIONS : -1);
	if (reason < 0 || opened != OPENED || charge != NP_MAIL_CHARGE || !ctx->sk)
		return reason;
	socket = bpf_sk_storage_get(&np_smtp_socket, ctx->sk, NULL, 0);
	if (socket && sum)
		close_one(socket, sum);
	return reason;
}

static __always_inline enum verdict decide(struct bpf_sock_addr *ctx, __u32 slot, __u16 port, bool v6)
{
	struct np_smtp_limit *found = bpf_map_lookup_elem(&np_smtp_limit, &slot);
	struct np_smtp_count *count = bpf_map_lookup_elem(&np_smtp_count, &slot);
	struct np_smtp_limit limit;
	bool enforced;
	long reason;
	__u32 mode;

	if (!found || !count)
		return PASS;
	limit = *found;
	mode = mode_of(&limit, limit.mode);
	if (mode == NP_SMTP_OFF)
		return PASS;
	enforced = mode != NP_SMTP_OBSERVE;
	if (is_exempt() || is_allowed(ctx, v6)) {
		__sync_fetch_and_add(&count->exempt, 1);
		return PASS;
	}
	if (limit.step == NP_SMTP_REDIRECT && np_mta_port && port != NP_SMTP_IMPLICIT_TLS) {
		__sync_fetch_and_add(enforced ? &count->redirected : &count->would_redirect, 1);
		if (enforced)
			redirect(ctx, v6);
		return PASS;
	}
	reason = charge_connection(ctx, slot, &limit, count, enforced ? NP_MAIL_CHARGE : NP_MAIL_CHARGE_ANYWAY);
	if (reason < 0) {
		__sync_fetch_and_add(&count->allowed, 1);
		return PASS;
	}
	if (!enforced) {
		__sync_fetch_and_add(&count->would_deny, 1);
		record_refusal(ctx, slot, count, NP_SMTP_WOULD_DENY, (__u32)reason, v6);
		return PASS;
	}
	__sync_fetch_and_add(&count->denied, 1);
	record_refusal(ctx, slot, count, NP_SMTP_DENIED, (__u32)reason, v6);
	return REFUSE;
}

static __always_inline enum verdict on_connect(struct bpf_sock_addr *ctx, bool v6)
{
	__u16 port = bpf_ntohs((__u16)ctx->user_port);
	struct np_smtp_total *sum;
	__u32 slot;

	/* SMTP is TCP; connect() on a datagram socket only sets its peer. */
	if (!is_smtp_port(port) || ctx->type != SOCK_STREAM)
		return PASS;
	slot = find_slot();
	if (slot < NP_SLOTS)
		return decide(ctx, slot, port, v6);
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

SEC("cgroup/sock_release")
int np_smtp_close(struct bpf_sock *sk)
{
	struct np_smtp_total *sum = total();
	struct np_smtp_socket *socket;

	/* Every socket of the server is closed here: look for the storage only when there is any. */
	if (!sum || !sum->open)
		return 1;
	socket = bpf_sk_storage_get(&np_smtp_socket, sk, NULL, 0);
	if (socket && socket->counted)
		close_one(socket, sum);
	return 1;
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
