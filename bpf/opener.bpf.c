// SPDX-License-Identifier: GPL-2.0-only
/*
 * opener.bpf.c: who opened this connection to the MTA? Remembered before its first packet is sent, so that the answer
 * does not depend on how long the client keeps its socket: what the MTA asks about may be closed, reset or an orphan.
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "lib/address.bpf.h"
#include "lib/identity.bpf.h"
#include "lib/mail_budget.bpf.h"
#include "lib/smtp_port.bpf.h"

#define AF_INET6 10 /* <sys/socket.h> wants a hosted target */

/* Where redirected connections go: they are opened to the local MTA, whatever its port. Host byte order; 0 = none. */
const volatile __u16 np_mta_port;
/* The network namespace of the MTA; another one has the same addresses for others (SO_NETNS_COOKIE, Linux 5.14). */
const volatile __u64 np_netns;

/* The newest connections; who opens one anew from the same port takes the entry over, whoever it is. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, NP_OPENERS);
	__type(key, struct np_connection);
	__type(value, struct np_opener);
} np_opener SEC(".maps");

static __always_inline bool is_mail(__u16 port, __u64 netns)
{
	return (is_smtp_port(port) || (np_mta_port && port == np_mta_port)) && netns == np_netns;
}

static __always_inline void remember(const struct np_connection *connection)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct np_opener opener = {.at_ns = bpf_ktime_get_boot_ns()};

	opener.slot = task_slot(task);
	opener.uid = task_uid(task);
	opener.generation = generation_of(opener.slot);
	bpf_map_update_elem(&np_opener, connection, &opener, BPF_ANY);
}

/* In the calling process, when the ports are chosen and nothing is sent yet. Costs other ports one load and compare. */
SEC("fentry/tcp_connect")
int BPF_PROG(np_opened, struct sock *sk)
{
	struct np_connection connection = {.server_port = bpf_ntohs(sk->__sk_common.skc_dport)};

	if (!is_mail(connection.server_port, sk->__sk_common.skc_net.net->net_cookie))
		return 0;
	connection.client_port = sk->__sk_common.skc_num;
	if (sk->__sk_common.skc_family == AF_INET6)
		bpf_probe_read_kernel(connection.server, sizeof(connection.server), &sk->__sk_common.skc_v6_daddr);
	if (sk->__sk_common.skc_family == AF_INET6 && !is_mapped(connection.server)) {
		bpf_probe_read_kernel(connection.client, sizeof(connection.client), &sk->__sk_common.skc_v6_rcv_saddr);
	} else {
		/* Of a mapped connection the IPv6 address of our end is written later. */
		set_mapped(connection.client, sk->__sk_common.skc_rcv_saddr);
		set_mapped(connection.server, sk->__sk_common.skc_daddr);
	}
	remember(&connection);
	return 0;
}

/* The same moment, for kernels where the function above cannot be attached to: a call more at each step of a TCP
 * connection's life, whatever its port. */
SEC("sockops")
int np_opened_ops(struct bpf_sock_ops *ctx)
{
	struct np_connection connection = {};

	if (ctx->op != BPF_SOCK_OPS_TCP_CONNECT_CB)
		return 1;
	connection.server_port = (__u16)bpf_ntohl(ctx->remote_port);
	if (!is_mail(connection.server_port, bpf_get_netns_cookie(ctx)))
		return 1;
	connection.client_port = (__u16)ctx->local_port;
	if (ctx->family == AF_INET6) {
		connection.server[0] = ctx->remote_ip6[0];
		connection.server[1] = ctx->remote_ip6[1];
		connection.server[2] = ctx->remote_ip6[2];
		connection.server[3] = ctx->remote_ip6[3];
	}
	if (ctx->family == AF_INET6 && !is_mapped(connection.server)) {
		connection.client[0] = ctx->local_ip6[0];
		connection.client[1] = ctx->local_ip6[1];
		connection.client[2] = ctx->local_ip6[2];
		connection.client[3] = ctx->local_ip6[3];
	} else {
		set_mapped(connection.client, ctx->local_ip4);
		set_mapped(connection.server, ctx->remote_ip4);
	}
	remember(&connection);
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
