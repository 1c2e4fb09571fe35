/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* mail_query.h: what does the agent ask np_mail_answer when the MTA asks, and what does the kernel answer and remember?
 */
#ifndef NPANEL_MAIL_QUERY_H
#define NPANEL_MAIL_QUERY_H

#include "mail.h"

/* Counted by the kernel as the MTA asks. Index: slot. */
struct np_mail_count {
	struct {
		__u64 messages;
		__u64 recipients;
		__u64 bytes;
	} accepted;
	__u64 repeated;	   /* asked again about a message that was charged already */
	__u64 deferred;	   /* questions */
	__u64 would_defer; /* questions, too: passed in observe mode, enforce would have deferred; not in `accepted` */
};
NP_ASSERT(sizeof(struct np_mail_count) == 48);

/* Of a message that was charged. Key: np_mail_question.id; of each id what was charged last, to whomever. */
struct np_mail_charged {
	__u64 at_ns;	/* CLOCK_BOOTTIME */
	__u64 instance; /* np_mail_question.instance */
	__u64 bytes;	/* charged for each recipient */
	__u32 slot;
	__u32 generation; /* of the slot when it was charged */
	__u32 recipients; /* charged until now */
	__u32 known;	  /* of them in np_mail_known */
};
NP_ASSERT(sizeof(struct np_mail_charged) == 40);

/*
 * What else may be asked of a message that was charged: a recipient beyond this host, whom its envelope has named, or
 * an alias or a .forward. Each is known once; as many as were charged when the message came are free. Numbers behind
 * enum np_mail_charge.
 */
enum np_mail_more {
	NP_MAIL_MORE = NP_MAIL_CHARGE_ANYWAY + 1, /* it leaves if it fits */
	NP_MAIL_MORE_ANYWAY,			  /* it has left */
};
#define NP_MAIL_KNOWN 65536U

enum np_mail_answer {
	NP_MAIL_NOT_LIMITED, /* the feature is off for the account: neither counted nor limited */
	NP_MAIL_ACCEPT,	     /* charged, if that was asked for */
	NP_MAIL_REPEATED,    /* charged already */
	NP_MAIL_WOULD_DEFER, /* not charged; it passes, and enforce would have deferred */
	NP_MAIL_DEFER,	     /* not charged */
};

/* np_mail_answer is run by the agent with this as its packet, and answers in it. */
struct np_mail_question {
	__u8 reserved[16]; /* where a packet has its Ethernet header */
	__u64 id;	   /* a hash of the message's queue id; 0: unknown */
	__u64 instance;	   /* a hash of what tells it from another one whose queue id was the same; 0: unknown */
	__u64 recipient;   /* of enum np_mail_more: a hash of message and recipient */
	struct np_mail_amount amount;
	__u32 slot;
	__u32 charge; /* enum np_mail_charge: ask or charge; enum np_mail_more */
	/* The answer. */
	__u32 answer;  /* enum np_mail_answer */
	__u32 verdict; /* np_mail_verdict() of what is over the limit, 0 */
};
NP_ASSERT(sizeof(struct np_mail_question) == 72);

#endif
