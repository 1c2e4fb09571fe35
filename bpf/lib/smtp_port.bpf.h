/* SPDX-License-Identifier: GPL-2.0-only */
/* smtp_port.bpf.h: is it a port by which mail goes? */
#ifndef NPANEL_SMTP_PORT_BPF_H
#define NPANEL_SMTP_PORT_BPF_H

#include <stdbool.h>

#include "npanel/smtp.h"

/* Host byte order; 0 ends the list. */
const volatile __u16 np_ports[NP_SMTP_PORTS] = {25, 465, 587};

static __always_inline bool is_smtp_port(__u16 port)
{
	for (__u32 i = 0; i < NP_SMTP_PORTS && np_ports[i]; i++)
		if (port == np_ports[i])
			return true;
	return false;
}

#endif
