/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* abi.h: which words may a header use that clang -target bpf, gcc and g++ all compile? */
#ifndef NPANEL_ABI_H
#define NPANEL_ABI_H

#include <linux/types.h>

#ifdef __cplusplus
#define NP_ASSERT(condition) static_assert(condition)
#else
#define NP_ASSERT(condition) _Static_assert(condition, #condition)
#endif

/* A call while a lock is held does not load on 6.1. */
#define NP_INLINE static inline __attribute__((always_inline))

/* What the compiler does not know of a value it cannot turn into a branch. */
#define NP_OPAQUE(value) __asm__ volatile("" : "+r"(value))

#define NP_SECOND_NS 1000000000ULL
#define NP_MINUTE_NS (60 * NP_SECOND_NS)

#endif
