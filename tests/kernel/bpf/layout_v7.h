/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* layout_v7.h: what did the pinned maps of layout v7 look like? Never edited: agents of then have left such maps. */
#ifndef NPANEL_LAYOUT_V7_H
#define NPANEL_LAYOUT_V7_H

#include <linux/bpf.h>
#include <linux/types.h>

struct v7_gate {
	__u32 mode;
	__u32 percent;
};

struct v7_smtp_limit {
	__u32 per_minute;
	__u32 burst;
	__u32 mode;
	__u16 place;
	__u16 override;
	__u32 connections;
	__u32 step;
};

struct v7_smtp_count {
	__u64 allowed;
	__u64 denied;
	__u64 would_deny;
	__u64 redirected;
	__u64 would_redirect;
	__u64 exempt;
	__u64 unrecorded;
	__u64 recorded_s;
	__u64 recorded;
};

struct v7_smtp_total {
	__u64 unknown;
	__u64 lost;
	__u64 open;
};

struct v7_bucket {
	__u64 credit;
	__u64 refilled_ns;
};

struct v7_mail_amount {
	__u32 messages;
	__u32 recipients;
	__u64 bytes;
};

struct v7_mail_budget {
	struct bpf_spin_lock lock;
	__u32 generation;
	struct v7_bucket bucket;
	__u64 cell;
	struct v7_mail_amount sent;
	struct v7_mail_amount before[3];
	struct v7_mail_amount marks[3][32];
	__u32 open;
	__u32 reserved;
};

struct v7_mail_limit {
	struct v7_mail_amount windows[3];
	__u32 known;
	__u32 parent;
	__u32 parent_generation;
	__u32 reserved;
};

struct v7_mail_count {
	struct {
		__u64 messages;
		__u64 recipients;
		__u64 bytes;
	} accepted;
	__u64 repeated;
	__u64 deferred;
	__u64 would_defer;
};

struct v7_mail_charged {
	__u64 at_ns;
	__u64 instance;
	__u64 bytes;
	__u32 slot;
	__u32 generation;
	__u32 recipients;
	__u32 known;
};

struct v7_uid_prefix {
	__u32 bits;
	__u8 uid[4];
};

#endif
