// SPDX-License-Identifier: GPL-2.0-only
/* usage.bpf.c: one walk over the account cgroups writes what each uses into an array that user space has mapped. */
#include "lib/compat.bpf.h"
#include "npanel/usage.h"

/* Depth of an account's cgroup below the cgroup v2 root; what lies above is the walk's own root, below is summed up
 * already. */
const volatile int np_account_level = 2;
const volatile __u64 np_page_size = 4096;
const volatile __u64 np_pages_max = 0; /* PAGE_COUNTER_MAX: LONG_MAX / PAGE_SIZE */

/* Set to 0 by the agent before each walk. */
__u32 np_rows = 0;
__u32 np_rows_dropped = 0; /* accounts that found the array full */
__u32 np_no_parts = 0;	   /* memory.stat says something else: NP_USAGE_PARTS is not to be had */

/* Key: row of the latest walk. Value: one account's figures. The agent sets max_entries: the accounts it may hold. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct np_usage);
} np_usage_row SEC(".maps");

/* Key: np_device_key(). Value: nothing. See NP_IO_SKIP_MOST. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, NP_IO_SKIP_MOST);
	__type(key, __u64);
	__type(value, __u8);
} np_io_skip SEC(".maps");
/* How many there are: without any, a device's number need not be looked up. */
__u32 np_io_skipped = 0;

/*
 * Each of these fills in a group of fields, and returns it; 0 where there is none. The row is written once and not
 * read: the compiler cannot know that it is none of the kernel's structs.
 */
static __always_inline __u64 read_cpu(struct np_usage *row, struct cgroup *cgrp)
{
	row->runtime_ns = cgrp->bstat.cputime.sum_exec_runtime;
	row->user_ticks_ns = cgrp->bstat.cputime.utime;
	row->system_ticks_ns = cgrp->bstat.cputime.stime;
	row->shown_user_ns = cgrp->prev_cputime.utime;
	row->shown_system_ns = cgrp->prev_cputime.stime;
	return NP_USAGE_CPU;
}

static __always_inline __u64 read_bandwidth(struct np_usage *row, struct cgroup *cgrp)
{
	struct cgroup_subsys_state *css = NP_CSS(cgrp, cpu_cgrp_id);
	struct task_group *group;

	if (!css)
		return 0;
	group = NP_CAST(struct task_group, css);
	if (!bpf_core_field_exists(group->cfs_bandwidth)) /* CONFIG_CFS_BANDWIDTH */
		return 0;
	NP_SPAN(group, cfs_bandwidth.period, cfs_bandwidth.throttled_time);
	row->quota_ns = NP_FIELD(group, cfs_bandwidth.period, cfs_bandwidth.quota);
	row->period_ns = NP_FIELD(group, cfs_bandwidth.period, cfs_bandwidth.period);
	row->throttled_ns = NP_FIELD(group, cfs_bandwidth.period, cfs_bandwidth.throttled_time);
	row->periods = NP_FIELD(group, cfs_bandwidth.period, cfs_bandwidth.nr_periods);
	row->throttled_periods = NP_FIELD(group, cfs_bandwidth.period, cfs_bandwidth.nr_throttled);
	return NP_USAGE_BANDWIDTH;
}

/* page_counter.max and .high hold PAGE_COUNTER_MAX for "max". */
static __always_inline __u64 limit_bytes(__u64 pages, __u64 page_size)
{
	return pages >= np_pages_max ? NP_UNLIMITED : pages * page_size;
}

/* As memcg_page_state() has it: a sum over CPUs may be below 0 for a moment. */
static __always_inline __u64 state_bytes(long pages, __u64 page_size)
{
	return pages > 0 ? (__u64)pages * page_size : 0;
}

static __always_inline __u64 read_parts(struct np_usage *row, struct mem_cgroup *memcg, __u64 page_size)
{
	struct memcg_vmstats *stats;

	if (np_no_parts)
		return 0;
	if (row->memory_bytes == 0) { /* on a host of idle accounts, a cache line of most that is not read */
		row->inactive_file_bytes = row->anon_bytes = row->file_bytes = row->kernel_bytes = 0;
		return NP_USAGE_PARTS;
	}
	if (!bpf_core_field_exists(memcg->vmstats))
		return 0;
	NP_SPAN(memcg, vmstats, vmstats);
	stats = NP_FIELD(memcg, vmstats, vmstats);
	if (!stats)
		return 0;
	np_copy_states(stats);
	row->inactive_file_bytes = state_bytes(NP_NODE_STATE(stats, NR_INACTIVE_FILE), page_size);
	row->anon_bytes = state_bytes(NP_NODE_STATE(stats, NR_ANON_MAPPED), page_size);
	row->file_bytes = state_bytes(NP_NODE_STATE(stats, NR_FILE_PAGES), page_size);
	row->kernel_bytes = state_bytes(NP_MEMCG_STATE(stats, MEMCG_KMEM), page_size);
	return NP_USAGE_PARTS;
}

static __always_inline __u64 read_memory(struct np_usage *row, struct cgroup *cgrp)
{
	struct cgroup_subsys_state *css = NP_CSS(cgrp, memory_cgrp_id);
	__u64 page_size = np_page_size;
	struct mem_cgroup *memcg;

	if (!css)
		return 0;
	memcg = NP_CAST(struct mem_cgroup, css);
	NP_SPAN(memcg, memory.usage, memory.max);
	row->memory_bytes = NP_FIELD(memcg, memory.usage, memory.usage.counter) * page_size;
	row->memory_max_bytes = limit_bytes(NP_FIELD(memcg, memory.usage, memory.max), page_size);
	row->memory_high_bytes = limit_bytes(NP_FIELD(memcg, memory.usage, memory.high), page_size);
	NP_SPAN(memcg, memory_events[0], memory_events[MEMCG_OOM_KILL]);
	row->memory_high_events = NP_FIELD(memcg, memory_events[0], memory_events[MEMCG_HIGH].counter);
	row->memory_max_events = NP_FIELD(memcg, memory_events[0], memory_events[MEMCG_MAX].counter);
	row->memory_oom_events = NP_FIELD(memcg, memory_events[0], memory_events[MEMCG_OOM].counter);
	row->memory_oom_kills = NP_FIELD(memcg, memory_events[0], memory_events[MEMCG_OOM_KILL].counter);
	return NP_USAGE_MEMORY | read_parts(row, memcg, page_size);
}

/* PIDS_MAX, "max", is PID_MAX_LIMIT + 1: 4 * 1024 * 1024 + 1 on 64 bits. */
#define NP_PIDS_MAX (4ULL * 1024 * 1024 + 1)

static __always_inline __u64 read_pids(struct np_usage *row, struct cgroup *cgrp)
{
	struct cgroup_subsys_state *css = NP_CSS(cgrp, pids_cgrp_id);
	struct pids_cgroup *pids;
	__u64 max;

	if (!css)
		return 0;
	pids = NP_CAST(struct pids_cgroup, css);
	NP_SPAN(pids, counter, limit);
	row->pids = NP_FIELD(pids, counter, counter.counter);
	max = NP_FIELD(pids, counter, limit.counter);
	row->pids_max = max >= NP_PIDS_MAX ? NP_UNLIMITED : max;
	return np_pids_refused(css, &row->pids_refused) ? NP_USAGE_PIDS | NP_USAGE_PIDS_EVENTS : NP_USAGE_PIDS;
}

static __always_inline __u64 read_pressure(struct np_usage *row, struct cgroup *cgrp)
{
	struct psi_group *psi;

	/* A pointer since 6.1. CONFIG_PSI; NULL when booted with psi=0. */
	if (!bpf_core_field_exists(cgrp->psi))
		return 0;
	psi = cgrp->psi;
	if (!psi)
		return 0;
	for (int i = 0; i < NP_PRESSURES; i++)
		row->pressure_ns[i] = psi->total[i];
	return NP_USAGE_PRESSURE;
}

/* More devices than any host has: a list that is longer is one that we have lost our way in. */
#define NP_DEVICES_MOST 8192

struct io_walk {
	struct blkcg *blkcg;
	struct hlist_node *next;
	__u64 read_bytes;
	__u64 written_bytes;
	__u64 reads;
	__u64 writes;
};

static __always_inline bool is_skipped(struct request_queue *queue)
{
	struct gendisk *disk = BPF_CORE_READ(queue, disk);
	__u64 device;

	if (!disk)
		return false;
	device = np_device_key(BPF_CORE_READ(disk, major), BPF_CORE_READ(disk, first_minor));
	return bpf_map_lookup_elem(&np_io_skip, &device);
}

/*
 * One device of the account. Nothing holds the list: a device that is pulled out meanwhile frees its entry after a
 * grace period, and what was freed names another cgroup, or none.
 */
static long add_device(__u32 index, void *context)
{
	struct io_walk *walk = context;
	struct blkcg_gq *blkg;

	if (!walk->next)
		return 1;
	blkg = NP_CAST(struct blkcg_gq, (void *)walk->next - bpf_core_field_offset(struct blkcg_gq, blkcg_node));
	NP_SPAN(blkg, q, iostat);
	if (NP_FIELD(blkg, q, blkcg) != walk->blkcg)
		return 1;
	walk->next = NP_FIELD(blkg, q, blkcg_node.next);
	if (!NP_FIELD(blkg, q, online) || (np_io_skipped && is_skipped(NP_FIELD(blkg, q, q))))
		return 0;
	walk->read_bytes += NP_FIELD(blkg, q, iostat.cur.bytes[0]);
	walk->written_bytes += NP_FIELD(blkg, q, iostat.cur.bytes[1]);
	walk->reads += NP_FIELD(blkg, q, iostat.cur.ios[0]);
	walk->writes += NP_FIELD(blkg, q, iostat.cur.ios[1]);
	return 0;
}

static __always_inline void read_devices(struct np_usage *row, struct blkcg *blkcg, struct hlist_node *first)
{
	struct io_walk devices = {.blkcg = blkcg, .next = first};

	bpf_loop(NP_DEVICES_MOST, add_device, &devices, 0);
	row->read_bytes = devices.read_bytes;
	row->written_bytes = devices.written_bytes;
	row->reads = devices.reads;
	row->writes = devices.writes;
}

static __always_inline __u64 read_io(struct np_usage *row, struct cgroup *cgrp)
{
	struct cgroup_subsys_state *css = NP_CSS(cgrp, io_cgrp_id);
	struct hlist_node *first;
	struct blkcg *blkcg;

	if (!css)
		return 0;
	blkcg = NP_CAST(struct blkcg, css);
	NP_SPAN(blkcg, blkg_list.first, blkg_list.first);
	first = NP_FIELD(blkcg, blkg_list.first, blkg_list.first);
	row->read_bytes = row->written_bytes = row->reads = row->writes = 0;
	if (first)
		read_devices(row, (struct blkcg *)css, first);
	return NP_USAGE_IO;
}

static __always_inline __u64 account_above(struct cgroup *cgrp)
{
	struct cgroup *account = NULL;

	bpf_probe_read_kernel(&account, sizeof(account),
			      (void *)cgrp + bpf_core_field_offset(struct cgroup, ancestors) +
				      (__u64)np_account_level * sizeof(account));
	return account ? BPF_CORE_READ(account, kn, id) : 0;
}

/*
 * Before 6.11 a refused fork counts in the cgroup of who forks, whichever limit it met; since then, where the limit is
 * and above. The walk comes here right after the account.
 */
static __always_inline void add_refused_below(struct cgroup *cgrp)
{
	struct cgroup_subsys_state *css = NP_CSS(cgrp, pids_cgrp_id);
	struct np_usage *row;
	__u32 last = np_rows - 1;
	__u64 refused = 0;

	if (np_pids_events_reach_up() || !css)
		return;
	row = bpf_map_lookup_elem(&np_usage_row, &last);
	if (row && row->cgroup_id == account_above(cgrp) && np_pids_refused(css, &refused))
		row->pids_refused += refused;
}

static __always_inline int walk(struct cgroup *cgrp)
{
	struct np_usage *row;
	__u32 index = np_rows;

	if (!cgrp)
		return 0;
	if (cgrp->level < np_account_level)
		np_rstat_flush(cgrp);
	if (cgrp->level > np_account_level)
		add_refused_below(cgrp);
	if (cgrp->level != np_account_level)
		return 0;
	row = bpf_map_lookup_elem(&np_usage_row, &index);
	if (!row) {
		np_rows_dropped++;
		return 0;
	}
	row->cgroup_id = cgrp->kn->id;
	row->groups = read_cpu(row, cgrp) | read_bandwidth(row, cgrp) | read_memory(row, cgrp) | read_pids(row, cgrp) |
		      read_pressure(row, cgrp) | read_io(row, cgrp);
	np_rows = index + 1;
	return 0;
}

SEC("iter.s/cgroup")
int np_usage_walk(struct bpf_iter__cgroup *ctx)
{
	return walk(ctx->cgroup);
}

char LICENSE[] SEC("license") = "GPL";
