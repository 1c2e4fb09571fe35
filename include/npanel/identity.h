/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* identity.h: which account does a process belong to, and who opened a connection? */
#ifndef NPANEL_IDENTITY_H
#define NPANEL_IDENTITY_H

#include "abi.h"

/* An account's slot is its index in the per-account arrays; the store hands it out. A server holds 10,000 accounts. */
#define NP_SLOTS 10000U
/* Mail that no account owns has a budget and counts of its own, behind the accounts'. */
#define NP_SLOT_NOBODY NP_SLOTS
#define NP_BUDGETS     (NP_SLOTS + 1U)

/*
 * A process is an account's when its cgroup is the account's or lies below it; else when its uid is the account's; else
 * when its uid lies in a range of subordinate uids (subuid(5)) of the account's user. Nothing else says so.
 *
 * Where an account's cgroup is looked for before the hash: an array by the low bits of cgroup ids, each entry one word,
 * so that it is read whole: the id and the slot. The first of two that share an index has it. 0: none.
 */
#define NP_ACCT_CACHE_BITS 14U
#define NP_ACCT_CACHE	   (1U << NP_ACCT_CACHE_BITS)
NP_ASSERT(NP_SLOTS <= NP_ACCT_CACHE);
NP_INLINE __u64 np_acct_cache_word(__u64 cgroup, __u32 slot)
{
	return cgroup << NP_ACCT_CACHE_BITS | slot;
}
NP_INLINE __u32 np_acct_cache_index(__u64 cgroup)
{
	return (__u32)cgroup & (NP_ACCT_CACHE - 1);
}

/* Key of np_acct_subuid: the uids that begin with these bits. A range is some of them (model/subuid). */
struct np_uid_prefix {
	__u32 bits;  /* 0 … 32 */
	__u8 uid[4]; /* the highest byte first */
};
NP_ASSERT(sizeof(struct np_uid_prefix) == 8);
/* A range of any 65,536 uids is at most 31 prefixes, an aligned one is one; accounts have one range each. */
#define NP_SUBUID_PREFIXES (16U * NP_SLOTS)

/* Both ends of a connection over TCP, as its client sees it. */
struct np_connection {
	__u32 client[4]; /* network byte order; IPv4 is mapped (RFC 4291, 2.5.5.2) */
	__u32 server[4];
	__u16 client_port; /* host byte order */
	__u16 server_port;
};
NP_ASSERT(sizeof(struct np_connection) == 36);

/* Who opened it: the process, when it called connect(). Written by the kernel before the first packet is sent. */
struct np_opener {
	__u32 slot;	  /* NP_SLOT_NOBODY: no account's */
	__u32 generation; /* of the slot then: who has it now may be another account */
	__u32 uid;
	__u32 reserved;
	__u64 at_ns; /* CLOCK_BOOTTIME */
};
NP_ASSERT(sizeof(struct np_opener) == 24);
/*
 * The newest connections to SMTP ports, 3.5 MB. Who opens as many while another's is open makes that one's opener
 * unknown: its mail is nobody's then, and never somebody else's.
 */
#define NP_OPENERS 32768U

#endif
