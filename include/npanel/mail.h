/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* mail.h: may this account send one more mail? The kernel and the unit tests run this very code. */
#ifndef NPANEL_MAIL_H
#define NPANEL_MAIL_H

#include <linux/bpf.h>

#include "wall.h"

/*
 * One budget for both ways out: the MTA's question (np_mail_answer) and a direct SMTP connect charge the same rings, so
 * that nothing is counted twice and nothing escapes. What is refused is not charged.
 *
 * A window slides in steps of a thirtieth: it is a ring of cells, of which 31 count. What was charged counts for at
 * least the window's length, so no stretch of that length ever holds more than the limit, and at most a thirtieth
 * longer. Time is CLOCK_BOOTTIME, which nobody can set.
 */
enum np_mail_window {
	NP_MAIL_QUARTER, /* 15 minutes, in steps of 30 s */
	NP_MAIL_HOUR,	 /* in steps of 2 min */
	NP_MAIL_DAY,	 /* in steps of 48 min */
	NP_MAIL_WINDOWS,
};
#define NP_MAIL_CELLS	       32U /* a power of two: the verifier knows that an index below it is in bounds */
#define NP_MAIL_CELLS_A_WINDOW 30U
#define NP_MAIL_CELL_NS	       (30 * NP_SECOND_NS) /* of the quarter; the others' are so many of these: */
#define NP_MAIL_HOUR_CELLS     4U
#define NP_MAIL_DAY_CELLS      96U
/* Windows reach back over a reboot: times are counted from two days before the boot. */
#define NP_MAIL_BEFORE_BOOT_NS (2880 * NP_MINUTE_NS)

/* Also a limit; then the highest number is "no limit". */
struct np_mail_amount {
	__u32 messages;
	__u32 recipients;
	__u64 bytes;
};
NP_ASSERT(sizeof(struct np_mail_amount) == 16);
#define NP_MAIL_NO_COUNT (~0U)
#define NP_MAIL_NO_BYTES (~0ULL)

struct np_mail_ring {
	__u64 at; /* the number of the newest cell: time / length of a cell */
	struct np_mail_amount sum;
	struct np_mail_amount cells[NP_MAIL_CELLS];
};
NP_ASSERT(sizeof(struct np_mail_ring) == 536);

NP_INLINE void np_mail_add(struct np_mail_amount *to, const struct np_mail_amount *more)
{
	to->messages += more->messages;
	to->recipients += more->recipients;
	to->bytes += more->bytes;
}

/*
 * Forgets what is older than the window. A clock that steps back forgets nothing. Every step is taken, and masked,
 * because the verifier would walk each way out of a loop anew; this runs once a cell, so it does not matter.
 */
NP_INLINE void np_mail_advance(struct np_mail_ring *ring, __u64 cell)
{
	__s64 steps = (__s64)(cell - ring->at);
	__u32 i;

	NP_OPAQUE(steps);
	steps &= ~(steps >> 63); /* at least 0 */
	for (i = 1; i <= NP_MAIL_CELLS; i++) {
		/* The cell after the newest is the oldest one. */
		struct np_mail_amount *expired = &ring->cells[(ring->at + i + 1) & (NP_MAIL_CELLS - 1)];
		__s64 left = steps - i;
		__u64 mask;

		NP_OPAQUE(left);
		mask = ~(__u64)(left >> 63); /* all ones while i <= steps */
		ring->sum.messages -= expired->messages & (__u32)mask;
		ring->sum.recipients -= expired->recipients & (__u32)mask;
		ring->sum.bytes -= expired->bytes & mask;
		expired->messages &= (__u32)~mask;
		expired->recipients &= (__u32)~mask;
		expired->bytes &= ~mask;
	}
	ring->at += (__u64)steps;
}

enum np_mail_quantity {
	NP_MAIL_FITS,
	NP_MAIL_MESSAGES,
	NP_MAIL_RECIPIENTS,
	NP_MAIL_BYTES,
};

/* Which quantity is over the limit once `more` is added? enum np_mail_quantity. */
NP_INLINE __u32 np_mail_over(const struct np_mail_amount *sum, const struct np_mail_amount *more,
			     const struct np_mail_amount *limit)
{
	if (limit->messages != NP_MAIL_NO_COUNT && (__u64)sum->messages + more->messages > limit->messages)
		return NP_MAIL_MESSAGES;
	if (limit->recipients != NP_MAIL_NO_COUNT && (__u64)sum->recipients + more->recipients > limit->recipients)
		return NP_MAIL_RECIPIENTS;
	if (limit->bytes != NP_MAIL_NO_BYTES && sum->bytes + more->bytes > limit->bytes)
		return NP_MAIL_BYTES;
	return NP_MAIL_FITS;
}

/* The kernel's own, charged by all that sends. Key: slot. Made when an account sends for the first time. */
struct np_mail_budget {
	struct bpf_spin_lock lock;
	__u32 reserved;
	struct np_mail_ring rings[NP_MAIL_WINDOWS];
};
NP_ASSERT(sizeof(struct np_mail_budget) == 1616);

/* Written by the agent. Index: slot. */
struct np_mail_limit {
	struct np_mail_amount windows[NP_MAIL_WINDOWS];
	__u64 known; /* 0: nobody has said anything yet, so there is no limit */
};
NP_ASSERT(sizeof(struct np_mail_limit) == 56);

/* What refused. 0: nothing, it fits and was charged. */
NP_INLINE __u32 np_mail_verdict(__u32 window, __u32 quantity)
{
	return window * 4 + quantity;
}

/*
 * Charges `more` when it fits all windows, else nothing; `charge` 0 only asks, 2 charges even what does not fit (a
 * limit that is only observed). `now_ns`: CLOCK_BOOTTIME + NP_MAIL_BEFORE_BOOT_NS. np_mail_verdict() of the first that
 * is over.
 */
enum np_mail_charge {
	NP_MAIL_ASK,
	NP_MAIL_CHARGE,
	NP_MAIL_CHARGE_ANYWAY,
};
NP_INLINE __u32 np_mail_take(struct np_mail_ring *rings, const struct np_mail_limit *limit,
			     const struct np_mail_amount *more, __u32 charge, __u64 now_ns)
{
	const __u64 cell = now_ns / NP_MAIL_CELL_NS;
	__u32 verdict = 0;
	__u32 i;

	/* The other windows' cells begin where one of these does. */
	if (rings[NP_MAIL_QUARTER].at < cell) {
		np_mail_advance(&rings[NP_MAIL_QUARTER], cell);
		np_mail_advance(&rings[NP_MAIL_HOUR], cell / NP_MAIL_HOUR_CELLS);
		np_mail_advance(&rings[NP_MAIL_DAY], cell / NP_MAIL_DAY_CELLS);
	}
	for (i = 0; i < NP_MAIL_WINDOWS; i++) {
		__u32 over = np_mail_over(&rings[i].sum, more, &limit->windows[i]);
		if (over && !verdict)
			verdict = np_mail_verdict(i, over);
	}
	if (charge == NP_MAIL_ASK || (verdict && charge == NP_MAIL_CHARGE))
		return verdict;
	for (i = 0; i < NP_MAIL_WINDOWS; i++) {
		np_mail_add(&rings[i].sum, more);
		np_mail_add(&rings[i].cells[rings[i].at & (NP_MAIL_CELLS - 1)], more);
	}
	return verdict;
}

#endif
