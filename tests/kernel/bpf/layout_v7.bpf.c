// SPDX-License-Identifier: GPL-2.0-only
/* layout_v7.bpf.c: the maps of layout v7 with their names, and hooks that let all pass. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "layout_v7.h"

#define V7_BUDGETS 10001U

#define V7_MAP(map, map_type, flags, entries, key_type, value_type)                                                    \
	struct {                                                                                                       \
		__uint(type, map_type);                                                                                \
		__uint(map_flags, flags);                                                                              \
		__uint(max_entries, entries);                                                                          \
		__type(key, key_type);                                                                                 \
		__type(value, value_type);                                                                             \
	} map SEC(".maps")

V7_MAP(np_gate, BPF_MAP_TYPE_ARRAY, 0, 15, __u32, struct v7_gate);
V7_MAP(np_smtp_limit, BPF_MAP_TYPE_ARRAY, 0, V7_BUDGETS, __u32, struct v7_smtp_limit);
V7_MAP(np_smtp_count, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, V7_BUDGETS, __u32, struct v7_smtp_count);
V7_MAP(np_smtp_total, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, 1, __u32, struct v7_smtp_total);
V7_MAP(np_mail_budget, BPF_MAP_TYPE_ARRAY, 0, V7_BUDGETS, __u32, struct v7_mail_budget);
V7_MAP(np_mail_limit, BPF_MAP_TYPE_ARRAY, 0, V7_BUDGETS, __u32, struct v7_mail_limit);
V7_MAP(np_mail_count, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, V7_BUDGETS, __u32, struct v7_mail_count);
V7_MAP(np_mail_charged, BPF_MAP_TYPE_LRU_HASH, 0, 16384, __u64, struct v7_mail_charged);
V7_MAP(np_mail_known, BPF_MAP_TYPE_LRU_HASH, 0, 65536, __u64, __u32);
V7_MAP(np_acct_cgroup, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, 10000, __u64, __u32);
V7_MAP(np_acct_uid, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, 10000, __u32, __u32);
V7_MAP(np_acct_subuid, BPF_MAP_TYPE_LPM_TRIE, BPF_F_NO_PREALLOC, 160000, struct v7_uid_prefix, __u32);

SEC("cgroup/connect4")
int np_smtp_conn4(struct bpf_sock_addr *ctx)
{
	return 1;
}

SEC("cgroup/connect6")
int np_smtp_conn6(struct bpf_sock_addr *ctx)
{
	return 1;
}

SEC("cgroup/sock_release")
int np_smtp_close(struct bpf_sock *sk)
{
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
