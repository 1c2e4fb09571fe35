/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* usage.h: what does one walk over the account cgroups bring back? */
#ifndef NPANEL_USAGE_H
#define NPANEL_USAGE_H

#include "abi.h"

/* A limit of "max". */
#define NP_UNLIMITED (~0ULL)

/* Groups of fields that this kernel, or this cgroup, really has. A group that is absent reads zero: look here first. */
enum np_usage_group {
	NP_USAGE_CPU = 1 << 0,	       /* time used: every cgroup has it */
	NP_USAGE_BANDWIDTH = 1 << 1,   /* quota and throttling: the cpu controller */
	NP_USAGE_MEMORY = 1 << 2,      /* the memory controller */
	NP_USAGE_PIDS = 1 << 3,	       /* the pids controller */
	NP_USAGE_PIDS_EVENTS = 1 << 4, /* refused forks */
	NP_USAGE_PRESSURE = 1 << 5,    /* PSI */
	NP_USAGE_PARTS = 1 << 6,       /* what the memory is, as memory.stat has it */
	NP_USAGE_IO = 1 << 7,	       /* the io controller */
};

enum np_pressure {
	NP_PRESSURE_IO_SOME,
	NP_PRESSURE_IO_FULL,
	NP_PRESSURE_MEMORY_SOME,
	NP_PRESSURE_MEMORY_FULL,
	NP_PRESSURE_CPU_SOME,
	NP_PRESSURE_CPU_FULL,
	NP_PRESSURES, /* the order of enum psi_states, Linux 6.1 to 6.18 */
};

/* Index: 0 … np_usage_rows - 1, in the order of the walk. Times in nanoseconds, memory in bytes. */
struct np_usage {
	__u64 cgroup_id; /* the inode number of the cgroup's directory */
	__u64 groups;	 /* enum np_usage_group */

	/* As the scheduler counts them; cpu.stat shows them after cputime_adjust(), see model/cputime.h. */
	__u64 runtime_ns;
	__u64 user_ticks_ns;
	__u64 system_ticks_ns;
	__u64 shown_user_ns; /* what cpu.stat showed last */
	__u64 shown_system_ns;

	__u64 quota_ns; /* a period, or NP_UNLIMITED */
	__u64 period_ns;
	__u64 throttled_ns;
	__u32 periods;
	__u32 throttled_periods;

	__u64 memory_bytes;
	__u64 memory_max_bytes;
	__u64 memory_high_bytes;
	__u64 memory_high_events;
	__u64 memory_max_events;
	__u64 memory_oom_events;
	__u64 memory_oom_kills;

	/* memory.stat: anon, file, kernel and inactive_file. They overlap: inactive_file is a part of file. */
	__u64 anon_bytes;
	__u64 file_bytes;
	__u64 kernel_bytes;
	__u64 inactive_file_bytes;

	__u64 pids;
	__u64 pids_max;
	__u64 pids_refused;

	__u64 pressure_ns[NP_PRESSURES];

	/* io.stat: rbytes, wbytes, rios, wios, summed up over the devices that count (np_io_skip names those that do
	 * not). */
	__u64 read_bytes;
	__u64 written_bytes;
	__u64 reads;
	__u64 writes;
};
NP_ASSERT(sizeof(struct np_usage) == 280);

/*
 * Devices that do not count, because what an account does there is counted at a device below them, too: an LVM volume,
 * a RAID 1. Key: np_device_key(). A host with more of them counts those beyond twice, as io.stat does.
 */
#define NP_IO_SKIP_MOST 1024

static inline __u64 np_device_key(__u32 major, __u32 minor)
{
	return (__u64)major << 32 | minor;
}

#endif
