# SPDX-License-Identifier: Apache-2.0
"""A process that nobody can look at: its memory map is locked for ever. One thread reads a page of a file whose server
does not answer through /proc/self/mem, which keeps the lock while it waits; another wants to write the map, and behind
a writer every reader waits, the one of /proc/PID/cmdline too.

All this a customer can do: FUSE may be mounted in a user namespace. As root of the guest the case saves itself the
namespace, and gives the mount to the customer."""
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

PAGE = 4096
SIZE = 4 * PAGE
LOOKUP, GETATTR, OPEN, READ, INIT = 1, 3, 14, 15, 26
ENOSYS = 38
ROOT_NODE, FILE_NODE = 1, 2
PROT_READ, MAP_PRIVATE, MAP_ANONYMOUS = 1, 2, 0x20
WARM_UP = 100  # so that nothing that is done later needs another page

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]


def attributes(node):
    mode, size = (0o40755, 0) if node == ROOT_NODE else (0o100644, SIZE)
    return struct.pack("<6Q10I", node, size, 8, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, PAGE, 0)


def answer_to(opcode, node):
    """linux/fuse.h; None: no answer, ever."""
    if opcode == INIT:
        return struct.pack("<4I2H2I2HI7I", 7, 31, PAGE, 0, 4, 3, PAGE, 1, 1, 0, 0, *[0] * 7)
    if opcode == LOOKUP:
        return struct.pack("<4Q2I", FILE_NODE, 0, 3600, 3600, 0, 0) + attributes(FILE_NODE)
    if opcode == GETATTR:
        return struct.pack("<Q2I", 3600, 0, 0) + attributes(node)
    if opcode == OPEN:
        return struct.pack("<Q2I", 1, 0, 0)
    return None if opcode == READ else b""


def serve(device):
    while True:
        request = os.read(device, 1 << 17)
        _, opcode, unique, node = struct.unpack_from("<2I2Q", request)
        answer = answer_to(opcode, node)
        if answer is None:
            continue
        error = -ENOSYS if answer == b"" else 0
        os.write(device, struct.pack("<IiQ", 16 + len(answer), error, unique) + answer)


class SilentFile:
    """A file that everybody may open and map, and whose content nobody ever sees."""

    def __init__(self, directory, uid):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir()
        self.path = self.directory / "page"
        if shutil.which("modprobe"):  # else it is built in
            subprocess.run(["modprobe", "fuse"], check=True)
        device = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={device},rootmode=40000,user_id={uid},group_id={uid},allow_other".encode()
        if libc.mount(b"fuse", str(directory).encode(), b"fuse", 0, options) != 0:
            raise OSError(ctypes.get_errno(), "mount fuse")
        self.server = os.fork()
        if self.server == 0:
            try:
                serve(device)
            finally:
                os._exit(1)  # what is below on the stack is the parent's to clean up
        os.close(device)

    def end(self):
        """Whoever waits for a page gets an error."""
        os.kill(self.server, signal.SIGKILL)
        os.waitpid(self.server, 0)
        libc.umount2(str(self.directory).encode(), 2)
        self.directory.rmdir()


def start(silent, uid, pace=0.05):
    """A process of `uid` that is refused again and again; its Popen."""
    return subprocess.Popen([sys.executable, __file__, str(silent.path), str(pace)], user=uid, group=uid, extra_groups=[])


def write_map_later():
    time.sleep(1)  # the other one waits by now
    libc.mmap(None, SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)


def lock_map(path):
    """Both threads are there before the map is locked: a new one's stack would be mapped."""
    file = os.open(path, os.O_RDONLY)
    address = libc.mmap(None, SIZE, PROT_READ, MAP_PRIVATE, file, 0)
    memory = os.open("/proc/self/mem", os.O_RDONLY)
    threading.Thread(target=write_map_later).start()
    threading.Thread(target=os.pread, args=(memory, 1, address)).start()


def connect(pace):
    try:
        socket.create_connection(("127.0.0.1", 25)).close()
    except OSError:
        pass
    time.sleep(pace)


def main(path, pace):
    for _ in range(WARM_UP):
        connect(0.001)
    lock_map(path)
    while True:
        connect(pace)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
