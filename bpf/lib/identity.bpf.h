/* SPDX-License-Identifier: GPL-2.0-only */
/* identity.bpf.h: which account is this process? Every program that needs to know asks here. */
#ifndef NPANEL_IDENTITY_BPF_H
#define NPANEL_IDENTITY_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "lib/kernel_types.h"
#include "npanel/identity.h"

/* Depth of an account's cgroup below the cgroup v2 root: /npanel/bob is 2. */
const volatile int np_account_level = 2;

/* Key: cgroup id of an account. Value: its slot. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NP_SLOTS);
	__type(key, __u64);
	__type(value, __u32);
} np_acct_cgroup SEC(".maps");

/* Key: np_acct_cache_index(). Value: np_acct_cache_word(). A look-up in the hash is a fifth of what a connect costs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, NP_ACCT_CACHE);
	__type(key, __u32);
	__type(value, __u64);
} np_acct_cache SEC(".maps");

/* Key: uid of an account, for processes that no account's cgroup holds yet. Value: its slot. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NP_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} np_acct_uid SEC(".maps");

/* Key: subordinate uids of an account's user: what its user namespaces may run as. Value: its slot. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NP_SUBUID_PREFIXES);
	__type(key, struct np_uid_prefix);
	__type(value, __u32);
} np_acct_subuid SEC(".maps");

/* The decision, for all programs: `cgroup` is the id of the process' cgroup at an account's depth, 0: it has none. */
static __always_inline __u32 slot_of(__u64 cgroup, __u32 uid)
{
	struct np_uid_prefix whole = {.bits = 32};
	__u32 *slot = cgroup ? bpf_map_lookup_elem(&np_acct_cgroup, &cgroup) : NULL;

	if (!slot)
		slot = bpf_map_lookup_elem(&np_acct_uid, &uid);
	if (!slot) {
		*(__u32 *)whole.uid = bpf_htonl(uid);
		slot = bpf_map_lookup_elem(&np_acct_subuid, &whole);
	}
	return slot ? *slot : NP_SLOT_NOBODY;
}

/* Of the process that runs now; NP_SLOT_NOBODY: none. For programs that may ask the kernel by its helpers. */
static __always_inline __u32 current_slot(void)
{
	__u64 cgroup = bpf_get_current_cgroup_id();
	__u32 index = np_acct_cache_index(cgroup);
	const volatile __u64 *cached = bpf_map_lookup_elem(&np_acct_cache, &index);
	__u64 word = cached ? *cached : 0;

	if (word && word >> NP_ACCT_CACHE_BITS == cgroup)
		return word & (NP_ACCT_CACHE - 1);
	return slot_of(bpf_get_current_ancestor_cgroup_id(np_account_level), (__u32)bpf_get_current_uid_gid());
}

static __always_inline __u32 task_uid(struct task_struct *task)
{
	return BPF_CORE_READ(task, cred, uid.val);
}

/* The id of the account's cgroup that this one is or lies in; 0: it is none, or above them. */
static __always_inline __u64 account_cgroup(struct cgroup *own)
{
	struct cgroup *ancestor = NULL;

	if (!own || BPF_CORE_READ(own, level) < np_account_level)
		return 0;
	bpf_probe_read_kernel(&ancestor, sizeof(ancestor),
			      (void *)own + bpf_core_field_offset(struct cgroup, ancestors) +
				      (__u64)np_account_level * sizeof(ancestor));
	return ancestor ? BPF_CORE_READ(ancestor, kn, id) : 0;
}

/* The same for programs of a type that has no such helpers: it reads what the helpers would. */
static __always_inline __u32 task_slot(struct task_struct *task)
{
	return slot_of(account_cgroup(BPF_CORE_READ(task, cgroups, dfl_cgrp)), task_uid(task));
}

#endif
