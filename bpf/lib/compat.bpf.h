/* SPDX-License-Identifier: GPL-2.0-only */
/* compat.bpf.h: every difference between the kernels that we run on. Each shim says since when, and when it may go. */
#ifndef NPANEL_COMPAT_BPF_H
#define NPANEL_COMPAT_BPF_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "kernel_types.h"

/*
 * bpf_ksym_exists() on a kfunc does not load on 6.1, so user space looks the names up in the kernel's BTF before the
 * load and the verifier drops the other branch.
 */
extern void cgroup_rstat_flush(struct cgroup *cgrp) __ksym __weak;	    /* 6.1 to 6.16 */
extern void css_rstat_flush(struct cgroup_subsys_state *css) __ksym __weak; /* since 6.17 */
extern void *bpf_rdonly_cast(void *obj, __u32 btf_id) __ksym __weak;	    /* since 6.2 */

const volatile bool np_has_cgroup_rstat_flush = false;
const volatile bool np_has_css_rstat_flush = false;
const volatile bool np_has_rdonly_cast = false;

/*
 * Brings cpu time of the whole subtree up to date, as reading cpu.stat does; and memory and I/O with it, until 6.16.
 * Since then each controller has a tree of its own, and css_rstat_flush() takes, since 7.0, only a css that the
 * verifier trusts, which no controller's is: user space reads memory.stat and io.stat of the walk's root instead
 * (UsageWalk).
 */
static __always_inline void np_rstat_flush(struct cgroup *cgrp)
{
	if (np_has_css_rstat_flush)
		css_rstat_flush(&cgrp->self);
	else if (np_has_cgroup_rstat_flush)
		cgroup_rstat_flush(cgrp);
}

/*
 * A css as the controller's own struct, and a field of it. With bpf_rdonly_cast() the field is one load. Before 6.2
 * each field would be a call of bpf_probe_read_kernel(); one call brings the span of fields from `first` to `last`
 * instead, and NP_FIELD finds each in the copy. May go when 6.1 goes.
 */
#define NP_CAST(type, css)                                                                                             \
	((type *)(np_has_rdonly_cast ? bpf_rdonly_cast((css), bpf_core_type_id_kernel(type)) : (void *)(css)))
#define NP_OFFSET(object, field) __builtin_preserve_field_info((object)->field, BPF_FIELD_BYTE_OFFSET)
#define NP_SPAN(object, first, last)                                                                                   \
	np_copy_span((object), NP_OFFSET((object), first),                                                             \
		     NP_OFFSET((object), last) + sizeof((object)->last) - NP_OFFSET((object), first))
#define NP_FIELD(object, first, field)                                                                                 \
	(np_has_rdonly_cast ? (object)->field                                                                          \
			    : *(typeof((object)->field) *)((void *)np_span +                                           \
							   (NP_OFFSET((object), field) - NP_OFFSET((object), first))))

/*
 * One walk at a time: the iterator holds cgroup_mutex. The largest span, period to throttled_time, is 248 bytes on 6.1;
 * one that is larger than this does not load.
 */
static __u64 np_span[48];

static __always_inline void np_copy_span(const void *object, __u64 offset, __u64 bytes)
{
	if (!np_has_rdonly_cast)
		bpf_probe_read_kernel(np_span, bytes, object + offset);
}

/* The css of a controller, or NULL where the controller is not compiled in or not enabled for this cgroup. */
#define NP_CSS(cgrp, controller)                                                                                       \
	(bpf_core_enum_value_exists(enum cgroup_subsys_id, controller)                                                 \
		 ? np_css((cgrp), bpf_core_enum_value(enum cgroup_subsys_id, controller))                              \
		 : NULL)

static __always_inline struct cgroup_subsys_state *np_css(struct cgroup *cgrp, __u64 controller)
{
	return *(struct cgroup_subsys_state **)((void *)&cgrp->subsys + controller * sizeof(void *));
}

/*
 * Where memory.stat's figures are in memcg_vmstats.state. Until 6.9 it is indexed by enum node_stat_item, with enum
 * memcg_stat_item behind it. Since 6.10 it has no room for what is never counted: of the first twenty, the two isolated
 * ones and WORKINGSET_NODES are gone, and memcg_stat_item follows where lruvec_stats ends. The lists differ only behind
 * NR_FILE_PAGES. UsageWalk compares the first figures that there are with memory.stat.
 */
#define NP_GONE_ITEMS	     3
#define NP_NODE_ITEM(item)   bpf_core_enum_value(enum node_stat_item, item)
#define NP_MEMCG_ITEM(item)  bpf_core_enum_value(enum memcg_stat_item, item)
#define NP_STATES(type)	     (bpf_core_field_size(((struct type *)0)->state) / sizeof(long))
#define NP_STATES_ARE_PACKED (NP_STATES(memcg_vmstats) <= NP_MEMCG_ITEM(MEMCG_KMEM))
#define NP_NODE_STATE(stats, item)                                                                                     \
	np_state((stats), NP_STATES_ARE_PACKED &&NP_NODE_ITEM(item) > NP_NODE_ITEM(NR_INACTIVE_FILE)                   \
				  ? NP_NODE_ITEM(item) - NP_GONE_ITEMS                                                 \
				  : NP_NODE_ITEM(item))
#define NP_MEMCG_STATE(stats, item)                                                                                    \
	np_state((stats), NP_STATES_ARE_PACKED                                                                         \
				  ? NP_STATES(lruvec_stats) + NP_MEMCG_ITEM(item) - NP_MEMCG_ITEM(MEMCG_SWAP)          \
				  : NP_MEMCG_ITEM(item))

/* Before 6.2: one call brings all four. */
static __always_inline void np_copy_states(struct memcg_vmstats *stats)
{
	__u64 first = NP_NODE_ITEM(NR_INACTIVE_FILE);

	if (!np_has_rdonly_cast)
		bpf_probe_read_kernel(np_span, (NP_MEMCG_ITEM(MEMCG_KMEM) + 1 - first) * sizeof(long),
				      (void *)stats + NP_OFFSET(stats, state) + first * sizeof(long));
}

static __always_inline long np_state(struct memcg_vmstats *stats, __u64 index)
{
	if (np_has_rdonly_cast)
		return *(long *)((void *)stats + NP_OFFSET(stats, state) + index * sizeof(long));
	return *(long *)((void *)np_span + (index - NP_NODE_ITEM(NR_INACTIVE_FILE)) * sizeof(long));
}

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct pids_cgroup___before_611 {
	atomic64_t events_limit;
};
struct pids_cgroup___since_611 {
	atomic64_t events[2];
};
#pragma clang attribute pop

/* Do refused forks count in the cgroup whose limit they met, and in all above? Since 6.11. */
static __always_inline bool np_pids_events_reach_up(void)
{
	return bpf_core_field_exists(((struct pids_cgroup___since_611 *)0)->events);
}

/* pids.events "max": false where the kernel has neither spelling. */
static __always_inline bool np_pids_refused(struct cgroup_subsys_state *css, __u64 *refused)
{
	if (np_pids_events_reach_up()) {
		struct pids_cgroup___since_611 *pids = NP_CAST(struct pids_cgroup___since_611, css);

		NP_SPAN(pids, events[0], events[0]);
		*refused = NP_FIELD(pids, events[0], events[0].counter);
		return true;
	}
	if (bpf_core_field_exists(((struct pids_cgroup___before_611 *)0)->events_limit)) {
		struct pids_cgroup___before_611 *pids = NP_CAST(struct pids_cgroup___before_611, css);

		NP_SPAN(pids, events_limit, events_limit);
		*refused = NP_FIELD(pids, events_limit, events_limit.counter);
		return true;
	}
	return false;
}

#endif
