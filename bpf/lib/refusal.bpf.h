/* SPDX-License-Identifier: GPL-2.0-only */
/* refusal.bpf.h: who was refused, and where did he want to go? */
#ifndef NPANEL_REFUSAL_BPF_H
#define NPANEL_REFUSAL_BPF_H

#include <bpf/bpf_core_read.h>

#include "lib/address.bpf.h"
#include "lib/kernel_types.h"
#include "npanel/smtp.h"

/* Key: 0. Value: what belongs to no account. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct np_smtp_total);
} np_smtp_total SEC(".maps");

/* Key: 0. Value: what the agent does not want to know at the moment. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct np_smtp_shed);
} np_smtp_shed SEC(".maps");

/* struct np_smtp_refusal. With 136 bytes and a header of 8 it holds about 3,600 that the agent has not read yet. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, NP_SMTP_RING_BYTES);
} np_smtp_ring SEC(".maps");

static __always_inline struct np_smtp_total *total(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&np_smtp_total, &zero);
}

/* IPv4 is mapped. */
static __always_inline void get_destination(struct bpf_sock_addr *ctx, bool v6, __u32 address[4])
{
	if (v6) {
		address[0] = ctx->user_ip6[0];
		address[1] = ctx->user_ip6[1];
		address[2] = ctx->user_ip6[2];
		address[3] = ctx->user_ip6[3];
	} else {
		set_mapped(address, ctx->user_ip4);
	}
}

static __always_inline void set_destination(struct np_smtp_refusal *record, struct bpf_sock_addr *ctx, bool v6)
{
	__u32 address[4];

	get_destination(ctx, v6, address);
	record->family = 6;
	if (is_mapped(address)) {
		record->family = 4;
		address[0] = address[3];
		address[2] = address[3] = 0;
	}
	__builtin_memcpy(record->address, address, sizeof(address));
}

/* May this refusal have a record? Another CPU may ask at the same time: then there are a few more. */
static __always_inline bool has_record(struct np_smtp_count *count, __u64 now_ns)
{
	__u64 now_s = now_ns / NP_SECOND_NS;
	__u32 most = NP_SMTP_RECORDS_A_SECOND, zero = 0;
	const struct np_smtp_shed *shed = bpf_map_lookup_elem(&np_smtp_shed, &zero);

	if (shed)
		most -= shed->records < most ? shed->records : most;
	if (count->recorded_s != now_s) {
		count->recorded_s = now_s;
		count->recorded = 0;
	}
	return count->recorded++ < most;
}

/* Where a field cannot be read (a kernel thread has no executable) it stays zero. */
static __always_inline void set_process(struct np_smtp_refusal *record)
{
	struct task_struct *leader = BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), group_leader);
	struct task_struct *parent = BPF_CORE_READ(leader, real_parent);
	const unsigned char *name = BPF_CORE_READ(leader, mm, exe_file, f_path.dentry, d_name.name);

	record->pid = bpf_get_current_pid_tgid() >> 32;
	record->uid = (__u32)bpf_get_current_uid_gid();
	bpf_get_current_comm(record->comm, sizeof(record->comm));
	record->start_ns = BPF_CORE_READ(leader, start_boottime);
	record->cgroup = bpf_get_current_cgroup_id();
	record->parent_pid = BPF_CORE_READ(parent, tgid);
	record->parent_comm[0] = 0;
	bpf_probe_read_kernel_str(record->parent_comm, sizeof(record->parent_comm), &parent->comm);
	record->program[0] = 0;
	bpf_probe_read_kernel_str(record->program, sizeof(record->program), name);
	record->reserved = 0;
}

static __always_inline void record_refusal(struct bpf_sock_addr *ctx, __u32 slot, struct np_smtp_count *count,
					   enum np_smtp_verdict verdict, __u32 reason, bool v6)
{
	__u64 now_ns = bpf_ktime_get_boot_ns();
	struct np_smtp_refusal *record;
	struct np_smtp_total *sum;
	__u64 missed;

	if (!has_record(count, now_ns)) {
		__sync_fetch_and_add(&count->unrecorded, 1);
		return;
	}
	missed = __sync_lock_test_and_set(&count->unrecorded, 0);
	record = bpf_ringbuf_reserve(&np_smtp_ring, sizeof(*record), 0);
	if (!record) {
		sum = total();
		if (sum)
			__sync_fetch_and_add(&sum->lost, 1 + missed);
		return;
	}
	record->at_ns = now_ns;
	record->slot = slot;
	record->port = bpf_ntohs((__u16)ctx->user_port);
	record->verdict = verdict;
	set_destination(record, ctx, v6);
	set_process(record);
	record->reason = reason;
	record->missed = (__u32)missed;
	bpf_ringbuf_submit(record, 0);
}

#endif
