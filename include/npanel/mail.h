/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* mail.h: may this account send one more mail? The kernel and the unit tests run this very code. */
#ifndef NPANEL_MAIL_H
#define NPANEL_MAIL_H

#include <linux/bpf.h>

#include "token_bucket.h"
#include "abi.h"

/*
 * One budget for both ways out: the MTA's question (np_mail_answer) and a direct SMTP connect charge it alike, so that
 * nothing is counted twice and nothing escapes. What is refused is not charged.
 *
 * A window slides in steps of a thirtieth: of its ring of cells 31 count. What was charged counts for at least the
 * window's length, so no stretch of that length ever holds more than the limit, and at most a thirtieth longer. What
 * was sent is counted once, in all; a cell remembers what that was when the cell began, and a window holds the
 * difference.
 *
 * Time is CLOCK_MONOTONIC as of the last tick (bpf_ktime_get_coarse_ns, 1 to 10 ms old): nobody can set it, and reading
 * the clock itself would cost a fifth of a connect hook. While the machine sleeps, it stands.
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

NP_INLINE void np_mail_add(struct np_mail_amount *to, const struct np_mail_amount *more)
{
	to->messages += more->messages;
	to->recipients += more->recipients;
	to->bytes += more->bytes;
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

/*
 * The kernel's own, charged by all that sends. Index: slot. User space reads and writes it with BPF_F_LOCK. All zero:
 * nothing was sent, and the bucket is full.
 */
struct np_mail_budget {
	struct bpf_spin_lock lock;
	__u32 generation;	 /* which life of the slot: the agent counts it up for each new account */
	struct np_bucket bucket; /* of direct connects */
	__u64 cell;		 /* the number of the quarter's newest: time / NP_MAIL_CELL_NS */
	struct np_mail_amount sent;
	struct np_mail_amount before[NP_MAIL_WINDOWS];		     /* sent before the window began */
	struct np_mail_amount marks[NP_MAIL_WINDOWS][NP_MAIL_CELLS]; /* sent before the cell began */
	__u32 open; /* direct connections now, where their number is limited */
	__u32 reserved;
};
NP_ASSERT(sizeof(struct np_mail_budget) == 1640);

NP_INLINE struct np_mail_amount np_mail_difference(const struct np_mail_amount *more, const struct np_mail_amount *less)
{
	struct np_mail_amount difference = {
		.messages = more->messages - less->messages,
		.recipients = more->recipients - less->recipients,
		.bytes = more->bytes - less->bytes,
	};

	return difference;
}

NP_INLINE __u64 np_mail_cells_a_step(__u32 window)
{
	return window == NP_MAIL_QUARTER ? 1 : window == NP_MAIL_HOUR ? NP_MAIL_HOUR_CELLS : NP_MAIL_DAY_CELLS;
}

/*
 * The cells after `from` up to `to` begin now. Every step is taken, and masked, because the verifier would walk each
 * way out of a loop anew; this runs once a cell, so it does not matter.
 */
NP_INLINE void np_mail_begin_cells(struct np_mail_budget *budget, __u32 window, __u64 from, __u64 to)
{
	struct np_mail_amount *marks = budget->marks[window];
	__u32 i;

	for (i = 1; i <= NP_MAIL_CELLS; i++) {
		struct np_mail_amount *mark = &marks[(from + i) & (NP_MAIL_CELLS - 1)];
		__s64 left = (__s64)(to - from) - i;
		__u64 keep = (__u64)(left >> 63); /* all ones once i is past `to` */

		NP_OPAQUE(keep);
		mark->messages = (mark->messages & (__u32)keep) | (budget->sent.messages & (__u32)~keep);
		mark->recipients = (mark->recipients & (__u32)keep) | (budget->sent.recipients & (__u32)~keep);
		mark->bytes = (mark->bytes & keep) | (budget->sent.bytes & ~keep);
	}
	budget->before[window] = marks[(to - NP_MAIL_CELLS_A_WINDOW) & (NP_MAIL_CELLS - 1)];
}

/* Lets the windows slide to `now_ns`: CLOCK_MONOTONIC + NP_MAIL_BEFORE_BOOT_NS. One that lies back does nothing. */
NP_INLINE void np_mail_advance(struct np_mail_budget *budget, __u64 now_ns)
{
	__u64 cell;
	__u32 i;

	if (now_ns - budget->cell * NP_MAIL_CELL_NS < NP_MAIL_CELL_NS)
		return; /* nearly always, and without a division */
	cell = now_ns / NP_MAIL_CELL_NS;
	if (cell <= budget->cell)
		return;
	for (i = 0; i < NP_MAIL_WINDOWS; i++) {
		const __u64 cells = np_mail_cells_a_step(i);

		np_mail_begin_cells(budget, i, budget->cell / cells, cell / cells);
	}
	budget->cell = cell;
}

/* Written by the agent. Index: slot. */
struct np_mail_limit {
	struct np_mail_amount windows[NP_MAIL_WINDOWS];
	__u32 known;		 /* 0: nobody has said anything yet, so there is no limit */
	__u32 parent;		 /* whose allowance is charged as well: its slot + 1; 0 = nobody's */
	__u32 parent_generation; /* of that slot: whoever has it next is no parent */
	__u32 reserved;
};
NP_ASSERT(sizeof(struct np_mail_limit) == 64);

/* What refused. 0: nothing, it fits and was charged. One NP_MAIL_LEVEL more for the parent's, two for its parent's. */
#define NP_MAIL_LEVEL 16U
NP_INLINE __u32 np_mail_verdict(__u32 window, __u32 quantity)
{
	return window * 4 + quantity;
}

/*
 * Charges `more` when it fits all windows, else nothing; `charge` 0 only asks, 2 charges even what does not fit (a
 * limit that is only observed). `now_ns` as above. np_mail_verdict() of the first that is over.
 */
enum np_mail_charge {
	NP_MAIL_ASK,
	NP_MAIL_CHARGE,
	NP_MAIL_CHARGE_ANYWAY,
};
NP_INLINE __u32 np_mail_take(struct np_mail_budget *budget, const struct np_mail_limit *limit,
			     const struct np_mail_amount *more, __u32 charge, __u64 now_ns)
{
	__u32 verdict = 0;
	__u32 i;

	np_mail_advance(budget, now_ns);
	for (i = 0; i < NP_MAIL_WINDOWS; i++) {
		const struct np_mail_amount sum = np_mail_difference(&budget->sent, &budget->before[i]);
		const __u32 over = np_mail_over(&sum, more, &limit->windows[i]);

		if (over && !verdict)
			verdict = np_mail_verdict(i, over);
	}
	if (charge == NP_MAIL_CHARGE_ANYWAY || (charge == NP_MAIL_CHARGE && !verdict))
		np_mail_add(&budget->sent, more);
	return verdict;
}

/*
 * What was charged at `now_ns` did not go out. Once a newer cell has begun, it counts that as sent before, so it stays
 * charged: that happens once in millions, and errs on the side of the limit.
 */
NP_INLINE void np_mail_give_back(struct np_mail_budget *budget, const struct np_mail_amount *amount, __u64 now_ns)
{
	if (budget->cell * NP_MAIL_CELL_NS <= now_ns)
		budget->sent = np_mail_difference(&budget->sent, amount);
}

#endif
