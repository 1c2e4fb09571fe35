/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* smtp.h: what do the agent and the connect hooks tell each other about direct SMTP? */
#ifndef NPANEL_SMTP_H
#define NPANEL_SMTP_H

#include <linux/bpf.h>

#include "feature.h"
#include "identity.h"
#include "mail.h"

#define NP_SMTP_PORTS	   8U
#define NP_SMTP_EXEMPT	   8U
#define NP_SMTP_NETS	   1024U
#define NP_COMM_LEN	   16
#define NP_PROGRAM_LEN	   32
#define NP_SMTP_RING_BYTES (512U * 1024U)

/* The numbers are those of enum np_feature_mode, so that the lower of the two holds. */
enum np_smtp_mode {
	NP_SMTP_OFF = NP_FEATURE_OFF,	      /* neither counted nor limited */
	NP_SMTP_OBSERVE = NP_FEATURE_OBSERVE, /* counted; what enforce would refuse is recorded and passes */
	NP_SMTP_ENFORCE = NP_FEATURE_ENFORCE, /* over the limit, connect() returns EPERM */
};

/* What enforcing means for the account. */
enum np_smtp_action {
	NP_SMTP_LIMIT = 0,    /* so many connections as the limits allow, the others are refused */
	NP_SMTP_REDIRECT = 1, /* all connections go to the local MTA, which has the mail budget; but not implicit TLS */
};
#define NP_SMTP_IMPLICIT_TLS 465 /* RFC 8314: the client would see another certificate; limited instead */

/* Written by the agent, read by the kernel. Index: slot. All zero: no account has this slot. */
struct np_smtp_limit {
	__u32 per_minute;  /* 0 = may not open SMTP at all */
	__u32 burst;	   /* connections allowed back to back */
	__u32 mode;	   /* enum np_smtp_mode; the feature may lower it */
	__u16 bucket;	   /* np_rollout_bucket() of the account for NP_EMAIL_RATE_LIMITING */
	__u16 override;	   /* enum np_override */
	__u32 connections; /* open at the same time; 0 = no limit */
	__u32 action;	   /* enum np_smtp_action */
};
NP_ASSERT(sizeof(struct np_smtp_limit) == 24);

/* Key of np_smtp_allow: a network that may be connected to without limit. IPv4 is mapped (RFC 4291, 2.5.5.2). */
struct np_smtp_net {
	__u32 prefix; /* bits, 0 … 128 */
	__u8 address[16];
};
NP_ASSERT(sizeof(struct np_smtp_net) == 20);

/* What the kernel remembers of a socket whose connection counts in np_mail_budget.open, until it is closed. */
struct np_smtp_socket {
	__u32 slot;
	__u32 generation; /* of the slot when the connection was counted */
	__u32 counted;
};
NP_ASSERT(sizeof(struct np_smtp_socket) == 12);

/* Counted by the kernel, read by the agent through mmap. Index: slot. Never reset while the account lives. */
struct np_smtp_count {
	__u64 allowed;
	__u64 denied;
	__u64 would_deny; /* passed in observe mode, enforce would have refused */
	__u64 redirected; /* to the local MTA */
	__u64 would_redirect;
	__u64 exempt;	  /* to an allowed network or by an exempt uid: passed, not charged */
	__u64 unrecorded; /* refusals that no record has told of yet */
	__u64 recorded_s; /* CLOCK_BOOTTIME of the newest record … */
	__u64 recorded;	  /* … and how many there were in that second */
};
NP_ASSERT(sizeof(struct np_smtp_count) == 72);

/* np_smtp_correct is run by the agent with this as its packet: what a recount of sockets found, and the count said. */
struct np_smtp_correction {
	__u8 reserved[16]; /* where a packet has its Ethernet header */
	__u32 slot;
	__u32 generation;
	__u32 counted; /* np_mail_budget.open when the sockets were counted; another one now: nothing is changed */
	__u32 found;
};
NP_ASSERT(sizeof(struct np_smtp_correction) == 32);

/* Counted by the kernel for the whole server. The one entry of np_smtp_total. */
struct np_smtp_total {
	__u64 unknown; /* SMTP connects by a process that no account owns: passed (fail open) */
	__u64 lost;    /* refusal records that found the ring full: the refusal itself stands */
	__u64 open;    /* sockets that count in some account's budget now */
};
NP_ASSERT(sizeof(struct np_smtp_total) == 24);

enum np_smtp_verdict {
	NP_SMTP_ALLOWED = 0,
	NP_SMTP_DENIED = 1,
	NP_SMTP_WOULD_DENY = 2,
};

/* Why a connection was refused; from NP_SMTP_MAIL on np_mail_verdict() is added. */
enum np_smtp_reason {
	NP_SMTP_RATE,	     /* the token bucket was empty */
	NP_SMTP_CONNECTIONS, /* too many are open */
	NP_SMTP_UNCOUNTED,   /* their number is limited, and this one cannot be counted: its socket takes no storage */
	NP_SMTP_MAIL = 16,   /* the mail budget is used up */
};

/*
 * One record in np_smtp_ring a refusal, but no more than so many a second of one account: a process that is refused in
 * a loop must not keep the agent busy, nor push out what the ring has of others. The next record counts those that had
 * none.
 */
#define NP_SMTP_RECORDS_A_SECOND 100U
struct np_smtp_refusal {
	__u64 at_ns; /* CLOCK_BOOTTIME */
	__u32 slot;
	__u32 pid; /* thread group id */
	__u32 uid;
	__u16 port;	  /* host byte order */
	__u8 family;	  /* 4 or 6; an IPv4-mapped IPv6 destination is 4 */
	__u8 verdict;	  /* enum np_smtp_verdict */
	__u8 address[16]; /* network byte order; the first 4 when family is 4 */
	char comm[NP_COMM_LEN];
	__u32 reason; /* enum np_smtp_reason */
	__u32 missed; /* refusals of the account before this one that had no record */
	/* Who it was, as the kernel knows it: nothing of it can be late. Names are any bytes. */
	__u64 start_ns; /* CLOCK_BOOTTIME when the process began: pid and this are one process for ever */
	__u64 cgroup;	/* id */
	__u32 parent_pid;
	char parent_comm[NP_COMM_LEN];
	char program[NP_PROGRAM_LEN]; /* the executable's file name, cut short */
	__u32 reserved;
};
NP_ASSERT(sizeof(struct np_smtp_refusal) == 136);

/*
 * Written by the agent, read by the kernel. The one entry of np_smtp_shed. When records cost too much, fewer are made;
 * all zero: NP_SMTP_RECORDS_A_SECOND. What is refused is refused and counted all the same.
 */
struct np_smtp_shed {
	__u32 records; /* so many fewer a second and account */
	__u32 reserved;
};
NP_ASSERT(sizeof(struct np_smtp_shed) == 8);

#endif
