# SPDX-License-Identifier: Apache-2.0
"""Does io.max hold a direct writer and reader of a real disk?"""
import mmap
import os
import time

import support

RATE = 4 * support.MIB
TOLERANCE = 0.15
BLOCK_BYTES = 64 * 1024
REGION_BYTES = 64 * support.MIB  # of the disk; the offset starts again behind it
SETTLE_SECONDS = 1
MEASURE_SECONDS = 5
FREE_SECONDS = 1


def transfer(pipe, move, flags, seconds):
    """Says bytes a second, measured over `seconds` after SETTLE_SECONDS."""
    disk = os.open(os.environ["NPANEL_VM_IO_DISK"], flags | os.O_DIRECT)
    block = [mmap.mmap(-1, BLOCK_BYTES)]  # a mapping is aligned as O_DIRECT wants it
    began, moved, offset = time.monotonic(), 0, 0
    measuring = False
    while (now := time.monotonic()) < began + seconds + SETTLE_SECONDS * (not measuring):
        if not measuring and now >= began + SETTLE_SECONDS:
            measuring, began, moved = True, now, 0
        moved += move(disk, block, offset)
        offset = (offset + BLOCK_BYTES) % REGION_BYTES
    pipe.send(moved / (time.monotonic() - began))


def moved_bytes(account, key):
    """The kernel's own count, over all disks."""
    words = account.read("io.stat").split()
    return sum(int(word.removeprefix(key)) for word in words if word.startswith(key))


class IoCase(support.AgentCase):
    def compare(self, move, flags, key, limit):
        bob = self.account(**{limit: RATE})
        rate = self.run_in(bob, transfer, move, flags, MEASURE_SECONDS).hear(MEASURE_SECONDS * 3)
        counted = moved_bytes(bob, key)
        free = self.run_in(self.account("ann"), transfer, move, flags, FREE_SECONDS).hear(FREE_SECONDS * 5)
        support.info(f"{limit} {RATE / 1e6:.2f} MB/s: {rate / 1e6:.2f} MB/s; without limit {free / 1e6:.0f} MB/s")
        self.assert_between(RATE * (1 - TOLERANCE), rate, RATE * (1 + TOLERANCE), "bytes a second")
        self.assertGreaterEqual(counted, rate * MEASURE_SECONDS)
        self.assertGreater(free, 3 * RATE)

    def test_writer_keeps_to_4_mib_a_second(self):
        self.compare(os.pwritev, os.O_WRONLY, "wbytes=", "io_write_bytes_per_s")

    def test_reader_keeps_to_4_mib_a_second(self):
        self.compare(os.preadv, os.O_RDONLY, "rbytes=", "io_read_bytes_per_s")
