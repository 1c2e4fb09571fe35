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

/* Brings cpu time of the whole subtree up to date, as reading cpu.stat does. */
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

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct pids_cgroup___before_611 {
	atomic64_t events_limit;
};
struct pids_cgroup___since_611 {
	atomic64_t events[2];
};
#pragma clang attribute pop

/* pids.events "max": false where the kernel has neither spelling. */
static __always_inline bool np_pids_refused(struct cgroup_subsys_state *css, __u64 *refused)
{
	if (bpf_core_field_exists(((struct pids_cgroup___since_611 *)0)->events)) {
		struct pids_cgroup___since_611 *pids = (void *)css;

		*refused = BPF_CORE_READ(pids, events[0].counter);
		return true;
	}
	if (bpf_core_field_exists(((struct pids_cgroup___before_611 *)0)->events_limit)) {
		struct pids_cgroup___before_611 *pids = (void *)css;

		*refused = BPF_CORE_READ(pids, events_limit.counter);
		return true;
	}
	return false;
}

#endif
