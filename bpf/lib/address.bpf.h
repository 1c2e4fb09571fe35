/* SPDX-License-Identifier: GPL-2.0-only */
/* address.bpf.h: how is an IPv4 address written where IPv6 ones are? */
#ifndef NPANEL_ADDRESS_BPF_H
#define NPANEL_ADDRESS_BPF_H

#include <stdbool.h>
#include <linux/types.h>
#include <bpf/bpf_endian.h>

static __always_inline bool is_mapped(const __u32 address[4])
{
	return !address[0] && !address[1] && address[2] == bpf_htonl(0xffff);
}

static __always_inline void set_mapped(__u32 address[4], __u32 ipv4)
{
	address[0] = address[1] = 0;
	address[2] = bpf_htonl(0xffff); /* RFC 4291, 2.5.5.2 */
	address[3] = ipv4;
}

#endif
