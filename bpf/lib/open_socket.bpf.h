/* SPDX-License-Identifier: GPL-2.0-only */
/* open_socket.bpf.h: whose open connection is this socket, where their number is limited? */
#ifndef NPANEL_OPEN_SOCKET_BPF_H
#define NPANEL_OPEN_SOCKET_BPF_H

#include <bpf/bpf_helpers.h>

#include "npanel/smtp.h"

/* Lives as long as the socket. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct np_smtp_socket);
} np_smtp_socket SEC(".maps");

#endif
