/* SPDX-License-Identifier: GPL-2.0-only */
/* mail_budget.bpf.h: what has the account in this slot used up, and which of the slot's lives is this? */
#ifndef NPANEL_MAIL_BUDGET_BPF_H
#define NPANEL_MAIL_BUDGET_BPF_H

#include <bpf/bpf_helpers.h>

#include "npanel/identity.h"
#include "npanel/mail.h"

/* Key: slot. Value: what the account has sent. 16 MB in all; a hash would be smaller, and slower at each connect. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NP_BUDGETS);
	__type(key, __u32);
	__type(value, struct np_mail_budget);
} np_mail_budget SEC(".maps");

/* Another account may have the slot by and by: what was remembered of this one is not its. */
static __always_inline __u32 generation_of(__u32 slot)
{
	const volatile struct np_mail_budget *budget = bpf_map_lookup_elem(&np_mail_budget, &slot);

	return budget ? budget->generation : 0;
}

#endif
