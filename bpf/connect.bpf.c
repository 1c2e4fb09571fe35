// SPDX-License-Identifier: GPL-2.0-only
/* connect.bpf.c: may this process open one more connection to an SMTP port? */
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "lib/identity.bpf.h"
#include "lib/mail_charge.bpf.h"
#include "lib/open_socket.bpf.h"
#include "lib/refusal.bpf.h"
#include "lib/smtp_limit.bpf.h"
#include "lib/smtp_port.bpf.h"
#include "npanel/smtp.h"

#define SOCK_STREAM 1 /* <sys/socket.h> wants a hosted target */

/* Uids whose connections are not limited, the MTA's: one that bob's sendmail has started runs in bob's cgroup. */
const volatile __u32 np_exempt[NP_SMTP_EXEMPT];
const volatile __u32 np_exempt_count;
/* Is there anything in np_smtp_allow? */
const volatile bool np_has_allow;
/* The local MTA, where redirected connections go: network byte order; the port in host byte order, 0 = none. */
const volatile __u32 np_mta4;
const volatile __u32 np_mta6[4];
const volatile __u16 np_mta_port;

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

enum verdict {
	REFUSE = 0, /* connect() returns EPERM */
	PASS = 1,
};

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

/* What the connection would add to the account's open ones. */
enum opens {
	OPENS_NOTHING, /* their number is not limited, or this socket counts already, however often it connects */
	OPENS_ONE,
	OPENS_UNCOUNTABLE, /* the socket takes no storage: its option memory is full, maybe on purpose */
};

static __always_inline enum opens opens_what(const struct np_smtp_limit *limit, const struct np_smtp_socket *socket)
{
	if (!limit->connections)
		return OPENS_NOTHING;
	if (!socket)
		return OPENS_UNCOUNTABLE;
	return socket->counted ? OPENS_NOTHING : OPENS_ONE;
}

static __always_inline struct np_smtp_socket *storage_of(struct bpf_sock_addr *ctx, const struct np_smtp_limit *limit)
{
	if (!limit->connections || !ctx->sk)
		return NULL;
	return bpf_sk_storage_get(&np_smtp_socket, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
}

/* The socket counts from here until it is destroyed; its owner holds its lock. */
static __always_inline void count_socket(struct np_smtp_socket *socket, __u32 slot, __u32 generation)
{
	struct np_smtp_total *sum = total();

	socket->slot = slot;
	socket->generation = generation;
	socket->counted = 1;
	if (sum)
		__sync_fetch_and_add(&sum->open, 1);
}

static __always_inline void take_back(struct np_mail_budget *budget, const struct np_mail_amount *mail, __u32 opened,
				      __u64 now_ns)
{
	bpf_spin_lock(&budget->lock);
	np_bucket_give_back(&budget->bucket);
	if (mail)
		np_mail_give_back(budget, mail, now_ns);
	if (budget->open >= opened)
		budget->open -= opened;
	bpf_spin_unlock(&budget->lock);
}

/*
 * What speaks against the connection, -1: nothing. Open connections, token and mail under one lock, for taking it is
 * much of what this costs, and so that no second CPU comes between a check and its count. What is refused is not
 * charged, neither where that is only observed: else the figures of observing would not be those of enforcing.
 */
static __always_inline long charge_budget(__u32 slot, const struct np_smtp_limit *limit, struct np_smtp_socket *socket)
{
	const struct np_mail_amount one = {.messages = 1, .recipients = 1};
	const struct np_mail_limit *mail = bpf_map_lookup_elem(&np_mail_limit, &slot);
	struct np_mail_budget *budget = bpf_map_lookup_elem(&np_mail_budget, &slot);
	__u32 over = 0, generation;
	__u64 now_ns = mail_time();
	long reason = -1;

	if (!mail || !budget)
		return reason;
	bpf_spin_lock(&budget->lock);
	generation = budget->generation;
	if (socket && budget->open >= limit->connections)
		reason = NP_SMTP_CONNECTIONS;
	if (reason < 0 && !np_bucket_take(&budget->bucket, limit->per_minute, limit->burst, now_ns))
		reason = NP_SMTP_RATE;
	if (reason < 0 && mail->known)
		over = np_mail_take(budget, mail, &one, NP_MAIL_CHARGE, now_ns);
	if (over) {
		reason = NP_SMTP_MAIL + over;
		np_bucket_give_back(&budget->bucket);
	}
	if (reason < 0 && socket)
		budget->open++;
	bpf_spin_unlock(&budget->lock);
	if (reason >= 0)
		return reason;
	over = mail->parent ? charge_above(slot, &one, NP_MAIL_CHARGE, now_ns) : 0;
	if (over) {
		take_back(budget, mail->known ? &one : NULL, socket ? 1 : 0, now_ns);
		return NP_SMTP_MAIL + over;
	}
	if (socket)
		count_socket(socket, slot, generation);
	return -1;
}

static __always_inline long charge_connection(struct bpf_sock_addr *ctx, __u32 slot, const struct np_smtp_limit *limit)
{
	struct np_smtp_socket *socket = storage_of(ctx, limit);
	enum opens opens = opens_what(limit, socket);

	if (opens == OPENS_UNCOUNTABLE)
		return NP_SMTP_UNCOUNTED;
	return charge_budget(slot, limit, opens == OPENS_ONE ? socket : NULL);
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
	if (limit.action == NP_SMTP_REDIRECT && np_mta_port && port != NP_SMTP_IMPLICIT_TLS) {
		__sync_fetch_and_add(enforced ? &count->redirected : &count->would_redirect, 1);
		if (enforced)
			redirect(ctx, v6);
		return PASS;
	}
	reason = charge_connection(ctx, slot, &limit);
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
	slot = current_slot();
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

/* Every socket of the server ends: look for the storage only when any counts. */
static __always_inline bool any_counts(struct np_smtp_total *sum)
{
	return sum && sum->open;
}

/* Whichever hook sees it first. An account that was made anew in the slot has started at 0. */
static __always_inline void count_out(struct np_smtp_socket *socket, struct np_smtp_total *sum)
{
	struct np_mail_budget *budget;

	/* Mostly it has been counted out by the other hook, and a load costs less than an exchange. */
	if (!socket || !socket->counted || !__sync_lock_test_and_set(&socket->counted, 0))
		return;
	__sync_fetch_and_add(&sum->open, -1);
	budget = bpf_map_lookup_elem(&np_mail_budget, &socket->slot);
	if (!budget)
		return;
	bpf_spin_lock(&budget->lock);
	if (budget->generation == socket->generation && budget->open)
		budget->open--;
	bpf_spin_unlock(&budget->lock);
}

/* The last process that has the socket closes it. */
SEC("cgroup/sock_release")
int np_smtp_close(struct bpf_sock *sk)
{
	struct np_smtp_total *sum = total();

	if (any_counts(sum))
		count_out(bpf_sk_storage_get(&np_smtp_socket, sk, NULL, 0), sum);
	return 1;
}

/* A TCP socket is no more: also one that no process has closed, because it is within an MPTCP or SMC socket. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(np_smtp_over, struct sock *sk)
{
	struct np_smtp_total *sum = total();

	if (any_counts(sum))
		count_out(bpf_sk_storage_get(&np_smtp_socket, sk, NULL, 0), sum);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
