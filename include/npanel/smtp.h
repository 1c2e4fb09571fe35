/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* smtp.h: what do the agent and the connect hooks tell each other about direct SMTP? */
#ifndef NPANEL_SMTP_H
#define NPANEL_SMTP_H

#include <linux/bpf.h>

#include "gate.h"
#include "token_bucket.h"

/* An account's slot is its index in the per-account arrays; the store hands it out. A server holds 10,000 accounts. */
#define NP_SLOTS	   10000U
#define NP_SMTP_PORTS	   8U
#define NP_COMM_LEN	   16
#define NP_SMTP_RING_BYTES (256U * 1024U)

/* The numbers are those of enum np_gate_mode, so that the lower of the two holds. */
enum np_smtp_mode {
	NP_SMTP_OFF = NP_GATE_OFF,	   /* neither counted nor limited */
	NP_SMTP_OBSERVE = NP_GATE_OBSERVE, /* counted; what enforce would refuse is recorded and passes */
	NP_SMTP_ENFORCE = NP_GATE_ENFORCE, /* over the limit, connect() returns EPERM */
};

/* Written by the agent, read by the kernel. Index: slot. All zero: no account has this slot. */
struct np_smtp_limit {
	__u32 per_minute; /* 0 = may not open SMTP at all */
	__u32 burst;	  /* connections allowed back to back */
	__u32 mode;	  /* enum np_smtp_mode; the gate may lower it */
	__u16 place;	  /* np_rollout_place() of the account for NP_EMAIL_RATE_LIMITING */
	__u16 override;	  /* enum np_override */
};
NP_ASSERT(sizeof(struct np_smtp_limit) == 16);

/* The kernel's own. Index: slot. User space reads and writes it with BPF_F_LOCK. All zero: new, starts full. */
struct np_smtp_bucket {
	struct bpf_spin_lock lock;
	__u32 reserved;
	struct np_bucket bucket;
};
NP_ASSERT(sizeof(struct np_smtp_bucket) == 24);

/* Counted by the kernel, read by the agent through mmap. Index: slot. Never reset while the account lives. */
struct np_smtp_count {
	__u64 allowed;
	__u64 denied;
	__u64 would_deny; /* passed in observe mode, enforce would have refused */
};
NP_ASSERT(sizeof(struct np_smtp_count) == 24);

/* Counted by the kernel for the whole server. The one entry of np_smtp_total. */
struct np_smtp_total {
	__u64 unknown; /* SMTP connects by a process that no account owns: passed (fail open) */
	__u64 lost;    /* refusal records that found the ring full: the refusal itself stands */
};
NP_ASSERT(sizeof(struct np_smtp_total) == 16);

enum np_smtp_verdict {
	NP_SMTP_ALLOWED = 0,
	NP_SMTP_DENIED = 1,
	NP_SMTP_WOULD_DENY = 2,
};

/* One record in np_smtp_ring a refusal. */
struct np_smtp_refusal {
	__u64 at_ns; /* CLOCK_MONOTONIC */
	__u32 slot;
	__u32 pid; /* thread group id */
	__u32 uid;
	__u16 port;	  /* host byte order */
	__u8 family;	  /* 4 or 6; an IPv4-mapped IPv6 destination is 4 */
	__u8 verdict;	  /* enum np_smtp_verdict */
	__u8 address[16]; /* network byte order; the first 4 when family is 4 */
	char comm[NP_COMM_LEN];
};
NP_ASSERT(sizeof(struct np_smtp_refusal) == 56);

#endif
