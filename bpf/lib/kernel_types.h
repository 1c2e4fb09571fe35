/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kernel_types.h: the kernel fields that our programs read, and no others. CO-RE finds their real offsets on the
 * running kernel, so this does not depend on the build host's kernel. Types that this file does not declare come from
 * <linux/bpf.h>.
 */
#ifndef NPANEL_KERNEL_TYPES_H
#define NPANEL_KERNEL_TYPES_H

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	__s64 counter;
} atomic64_t;

typedef struct {
	__s64 counter;
} atomic_long_t;

typedef __s64 ktime_t;

enum cgroup_subsys_id {
	cpu_cgrp_id = 1,
	io_cgrp_id = 3,
	memory_cgrp_id = 4,
	pids_cgrp_id = 11,
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
};

struct kernfs_node {
	__u64 id;
};

struct task_cputime {
	__u64 stime;
	__u64 utime;
	unsigned long long sum_exec_runtime;
};

struct cgroup_base_stat {
	struct task_cputime cputime;
};

struct prev_cputime {
	__u64 utime;
	__u64 stime;
};

struct psi_group {
	/* [NR_PSI_AGGREGATORS][NR_PSI_STATES - 1]; the first row is the one that *.pressure files show. */
	__u64 total[12];
};

struct cgroup {
	struct cgroup_subsys_state self;
	int level;
	struct kernfs_node *kn;
	struct cgroup_subsys_state *subsys[1];
	struct cgroup_base_stat bstat;
	struct prev_cputime prev_cputime;
	struct psi_group *psi;
	struct cgroup *ancestors[0]; /* since 6.1: by depth */
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

typedef struct {
	__u32 val;
} kuid_t;

struct cred {
	kuid_t uid;
};

struct net {
	__u64 net_cookie;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	__u8 bytes[16];
};

struct sock_common {
	__u32 skc_daddr;
	__u32 skc_rcv_saddr;
	__u16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
};

struct cfs_bandwidth {
	ktime_t period;
	__u64 quota;
	int nr_periods;
	int nr_throttled;
	__u64 throttled_time;
};

struct task_group {
	struct cgroup_subsys_state css;
	struct cfs_bandwidth cfs_bandwidth;
};

struct page_counter {
	atomic_long_t usage;
	unsigned long high;
	unsigned long max;
};

enum memcg_memory_event {
	MEMCG_HIGH = 1,
	MEMCG_MAX = 2,
	MEMCG_OOM = 3,
	MEMCG_OOM_KILL = 4,
};

enum node_stat_item {
	NR_INACTIVE_FILE = 2,
	NR_ANON_MAPPED = 17,
	NR_FILE_PAGES = 19,
};

enum memcg_stat_item {
	MEMCG_SWAP = 47,
	MEMCG_KMEM = 51,
};

struct lruvec_stats {
	long state[128];
};

struct memcg_vmstats {
	long state[128];
};

struct mem_cgroup {
	struct cgroup_subsys_state css;
	struct page_counter memory;
	atomic_long_t memory_events[9];
	struct memcg_vmstats *vmstats; /* since 6.1 */
};

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct gendisk {
	int major;
	int first_minor;
};

struct request_queue {
	struct gendisk *disk; /* since 5.15 */
};

struct blkg_iostat {
	__u64 bytes[3]; /* enum blkg_iostat_type: read, write, discard */
	__u64 ios[3];
};

struct blkg_iostat_set {
	struct blkg_iostat cur;
};

struct blkcg {
	struct cgroup_subsys_state css;
	struct hlist_head blkg_list;
};

struct blkcg_gq {
	struct request_queue *q;
	struct hlist_node blkcg_node;
	struct blkcg *blkcg;
	_Bool online;
	struct blkg_iostat_set iostat;
};

struct pids_cgroup {
	struct cgroup_subsys_state css;
	atomic64_t counter;
	atomic64_t limit;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct qstr d_name;
};

struct path {
	struct dentry *dentry;
};

struct file {
	struct path f_path;
};

struct mm_struct {
	struct file *exe_file;
};

struct task_struct {
	struct task_struct *group_leader;
	struct task_struct *real_parent;
	struct mm_struct *mm;
	int tgid;
	__u64 start_boottime;
	char comm[16];
	struct css_set *cgroups;
	const struct cred *cred;
};

struct bpf_iter_meta;

struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	struct sock *sk;
	void *value;
};

struct bpf_iter__cgroup {
	struct bpf_iter_meta *meta;
	struct cgroup *cgroup;
};

#pragma clang attribute pop

#endif
