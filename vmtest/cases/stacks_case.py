# SPDX-License-Identifier: Apache-2.0
"""Does the limit on I/O hold on what file systems are made of: RAID, mappings, loops, several disks?"""
import glob
import json
import mmap
import os
import pathlib
import subprocess
import time

import installed
import support

RATE = 4 * support.MIB
TOLERANCE = 0.15
DISKS, DISK_MIB = 4, 144
FILE_BYTES = 24 * support.MIB
BLOCK_BYTES = 64 * 1024
SETTLE_SECONDS, MEASURE_SECONDS = 1, 4
SEEN_SECONDS = 10  # the agent looks every five seconds
PLACE = pathlib.Path("/home/npanel-stacks")  # below one of io.paths as they are built in
ARRAY = "/dev/md/npanel"
MAPPING = "npanel-stack"
KEY = "/run/npanel-stack.key"
IMAGE = PLACE / "below" / "image"


def run(*command, check=True, text=None):
    ran = subprocess.run(command, capture_output=True, text=True, input=text)
    if check and ran.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}: {ran.returncode} {ran.stdout}{ran.stderr}")
    return ran.stdout


def number(name):
    return pathlib.Path(f"/sys/class/block/{name}/dev").read_text().strip()


def kernel_name(node):
    """ "md127" of /dev/md/npanel, "dm-0" of /dev/mapper/x: by number, for udev may not have made links. """
    device = os.stat(node).st_rdev
    return os.path.basename(os.path.realpath(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}"))


def write_direct(path, seconds):
    return transfer(path, os.O_WRONLY | os.O_CREAT | os.O_DIRECT, os.pwritev, seconds)


def read_direct(path, seconds):
    return transfer(path, os.O_RDONLY | os.O_DIRECT, os.preadv, seconds)


def transfer(path, flags, move, seconds):
    """Bytes a second, measured over `seconds` after SETTLE_SECONDS, and all that was moved."""
    file = os.open(path, flags)
    block = [mmap.mmap(-1, BLOCK_BYTES)]  # a mapping is aligned as O_DIRECT wants it
    began, since, moved, offset = time.monotonic(), 0, 0, 0
    while (now := time.monotonic()) < began + SETTLE_SECONDS + seconds:
        if not since and now >= began + SETTLE_SECONDS:
            since, before = now, moved
        moved += move(file, block, offset)
        offset = (offset + BLOCK_BYTES) % FILE_BYTES
    return (moved - before) / (time.monotonic() - since), moved


def write_cached(path, seconds):
    """The same through the page cache: what was written is on the disk before the next."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    block = os.urandom(BLOCK_BYTES)
    began, since, moved = time.monotonic(), 0, 0
    while (now := time.monotonic()) < began + SETTLE_SECONDS + seconds:
        if not since and now >= began + SETTLE_SECONDS:
            since, before = now, moved
        for _ in range(8):
            moved += os.pwrite(file, block, moved % FILE_BYTES)
        os.fsync(file)
    return (moved - before) / (time.monotonic() - since), moved


def tell(pipe, work, *arguments):
    pipe.send(work(*arguments))


class Stacks:
    """Disks, and what can be made of them; for a case with an agent."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        before = set(os.listdir("/sys/block"))
        run("modprobe", "scsi_debug", f"add_host={DISKS}", "per_host_store=1", f"dev_size_mb={DISK_MIB}", "delay=0")
        cls.addClassCleanup(support.wait_until, cls.remove_disks, 10, "nobody uses the disks")  # udev looks at them
        new = lambda: sorted(name for name in set(os.listdir("/sys/block")) - before if name.startswith("sd"))
        cls.disks = support.wait_until(lambda: len(new()) == DISKS and new(), 10, "the disks are there")

    @staticmethod
    def remove_disks():
        return subprocess.run(["modprobe", "-r", "scsi_debug"], capture_output=True).returncode == 0

    def setUp(self):
        super().setUp()
        PLACE.mkdir(exist_ok=True)
        self.addCleanup(PLACE.rmdir)

    def nodes(self, count):
        return [f"/dev/{name}" for name in self.disks[:count]]

    def mount(self, node, *arguments, kind="ext4", at=PLACE / "home"):
        at.mkdir()
        self.addCleanup(at.rmdir)
        run(f"mkfs.{kind}", "-q", *(["-F"] if kind == "ext4" else ["-f"]), *arguments, node)
        run("mount", node, at)
        self.addCleanup(run, "umount", at)
        return at

    def array(self, level, count):
        nodes = self.nodes(count)
        run("mdadm", "--create", ARRAY, "--run", "--force", "--assume-clean", f"--level={level}", f"--raid-devices={count}",
            "--bitmap=none", *nodes)
        self.addCleanup(run, "mdadm", "--zero-superblock", *nodes, check=False)
        name = support.wait_until(lambda: [os.path.basename(path) for path in glob.glob("/sys/block/md*")], 5, "the array is there")[0]
        self.addCleanup(run, "mdadm", "--stop", f"/dev/{name}")
        return f"/dev/{name}"

    def mapping(self, table, *options):
        run("dmsetup", "create", MAPPING, *options, text=table)
        self.addCleanup(run, "dmsetup", "remove", "--retry", MAPPING)
        return f"/dev/mapper/{MAPPING}"

    def wait_until_limited(self, account, *names):
        """The agent has seen the file system, and limits these devices."""
        numbers = [number(name) for name in names]
        support.wait_until(lambda: all(f"{one} rbps={RATE} wbps={RATE} " in account.read("io.max") + " " for one in numbers),
                           SEEN_SECONDS, f"{names} are limited: {account.read('io.max')}")


class StacksCase(Stacks, support.AgentCase):
    def measure(self, account, work, path):
        return self.run_in(account, tell, work, path, MEASURE_SECONDS).hear(MEASURE_SECONDS * 4)

    def assert_holds(self, at, *limited, once=True):
        """What bob moves keeps to bob's limit, and is counted once."""
        bob = self.account(io_read_bytes_per_s=RATE, io_write_bytes_per_s=RATE)
        self.wait_until_limited(bob, *limited)
        support.wait_until(lambda: bob.show()["degraded"] == [], SEEN_SECONDS, "the agent has seen what there is now")
        rates = {}
        for name, work, file, counter in (("direct write", write_direct, "direct", "written_bytes"),
                                          ("direct read", read_direct, "direct", "read_bytes"),
                                          ("cached write", write_cached, "cached", "written_bytes")):
            before = bob.stats()["io"][counter]
            rates[name], moved = self.measure(bob, work, at / file)
            counted = bob.stats()["io"][counter] - before
            most = moved * 1.3 + support.MIB if once else moved * 2.5
            self.assert_between(moved * 0.8, counted, most, f"{name}: counted, of {moved}")
        free, _ = self.measure(self.account("ann"), write_direct, at / "free")
        support.info(f"{self._testMethodName}: limit {RATE / 1e6:.1f} MB/s: "
                     + ", ".join(f"{name} {rate / 1e6:.1f}" for name, rate in rates.items()) + f", free {free / 1e6:.0f} MB/s")
        for name, rate in rates.items():
            least = 0.3 if name == "cached write" else 1 - 2 * TOLERANCE  # writing back takes turns with all else in the guest
            self.assert_between(RATE * least, rate, RATE * (1 + TOLERANCE), f"{name}, bytes a second")
        self.assertGreater(free, (1 + TOLERANCE) * RATE, "what no limit holds is no faster")

    def doctor(self):
        ran = subprocess.run(["npanelctl", "doctor", "--json"], capture_output=True, text=True)
        return {one["name"]: one for one in json.loads(ran.stdout)["capabilities"]}

    def test_raid_1(self):
        node = self.array(1, 2)
        self.assert_holds(self.mount(node), kernel_name(node))

    def test_raid_5_whose_disks_the_kernel_writes(self):
        node = self.array(5, 3)
        name, at = kernel_name(node), self.mount(node)
        self.assert_holds(at, name)
        found = self.doctor()
        self.assertEqual(found[f"io:{at}"]["state"], "ok")
        self.assertIn("limited here, for what it is made of is written in the kernel's name", found[f"io:{at}:{name}"]["detail"])
        self.assertIn(f"io:{at}:{name}:{self.disks[2]}", found)

    def test_raid_10_whose_disks_share_what_is_read(self):
        node = self.array(10, 4)
        self.assert_holds(self.mount(node), kernel_name(node))

    def test_linear_mapping_on_raid_5(self):
        below = self.array(5, 3)
        sectors = int(pathlib.Path(f"/sys/block/{kernel_name(below)}/size").read_text())
        node = self.mapping(f"0 {sectors} linear {below} 0\n", "--uuid", "LVM-npanel")
        self.assert_holds(self.mount(node), kernel_name(below))

    def test_linear_mapping_of_lvm_is_limited_at_its_disk(self):
        disk, = self.nodes(1)
        node = self.mapping(f"0 {DISK_MIB * 2048} linear {disk} 0\n", "--uuid", "LVM-npanel")
        self.assert_holds(self.mount(node), self.disks[0])

    def test_linear_mapping_that_nobody_knows(self):
        disk, = self.nodes(1)
        node = self.mapping(f"0 {DISK_MIB * 2048} linear {disk} 0\n")
        self.assert_holds(self.mount(node), kernel_name(node))

    def test_crypt_is_limited_at_its_disk(self):
        disk, = self.nodes(1)
        pathlib.Path(KEY).write_bytes(bytes(64))
        self.addCleanup(os.unlink, KEY)
        run("cryptsetup", "open", "--type", "plain", "--key-file", KEY, "--cipher", "aes-xts-plain64", "--key-size", "512", disk, MAPPING)
        self.addCleanup(run, "cryptsetup", "close", MAPPING)
        self.assert_holds(self.mount(f"/dev/mapper/{MAPPING}"), self.disks[0])

    def test_loop(self):
        below = self.mount(self.nodes(1)[0], at=PLACE / "below")
        run("modprobe", "loop")
        run("fallocate", "-l", "110M", below / "image")
        node = run("losetup", "--find", "--show", below / "image").strip()
        self.addCleanup(run, "losetup", "--detach", node)
        # The cache of the file below is written on the disk that its file system has, too.
        self.assert_holds(self.mount(node), kernel_name(node), once=False)

    def test_btrfs_on_two_disks_is_limited_at_each_and_says_so(self):
        run("modprobe", "btrfs")
        first, second = self.nodes(2)
        at = self.mount(first, "-m", "raid1", "-d", "raid1", second, kind="btrfs")
        bob = self.account(io_read_bytes_per_s=RATE, io_write_bytes_per_s=RATE)
        self.wait_until_limited(bob, *self.disks[:2])
        support.wait_until(lambda: bob.show()["degraded"], SEEN_SECONDS, "bob is degraded")
        reason, = bob.show()["degraded"]
        self.assertRegex(reason, rf"^io: {at}: btrfs spreads over 2 devices, each of which is limited")
        rate, _ = self.measure(bob, write_direct, at / "file")
        support.info(f"btrfs, limit {RATE / 1e6:.1f} MB/s: {rate / 1e6:.1f} MB/s")
        self.assertLessEqual(rate, RATE * (1 + TOLERANCE))

    def test_limit_goes_from_a_device_that_carries_accounts_no_more(self):
        bob = self.account(io_read_bytes_per_s=RATE, io_write_bytes_per_s=RATE)
        node = self.array(5, 3)
        name, at = kernel_name(node), PLACE / "home"
        at.mkdir()
        self.addCleanup(at.rmdir)
        run("mkfs.ext4", "-q", "-F", node)
        run("mount", node, at)
        try:
            self.wait_until_limited(bob, name)
        finally:
            run("umount", at)
        support.wait_until(lambda: f"{number(name)} " not in bob.read("io.max"), SEEN_SECONDS, "the array is free again")


class InstalledStacksCase(Stacks, installed.ServiceCase):
    """The service has a /home, a /dev and mounts of its own."""

    def test_installed_service_sees_what_is_mounted_below_the_hosts_home(self):
        node = self.array(5, 3)
        bob = self.account(io_read_bytes_per_s=RATE, io_write_bytes_per_s=RATE)
        self.mount(node)
        self.wait_until_limited(bob, kernel_name(node))
        self.assertEqual(bob.show()["degraded"], [])


class NamedDevicesCase(support.AgentCase):
    """io.devices: what is gone, what comes, what is no whole device."""

    later = pathlib.Path("/dev/npanel-later")
    config = '[io]\ndevices = ["/dev/npanel-later"]\n'

    def test_device_that_is_gone_is_complained_of_until_it_is_there(self):
        bob = self.account(io_read_bytes_per_s=RATE, io_write_bytes_per_s=RATE)
        complaint = "io.devices: /dev/npanel-later: No such file or directory; nothing is limited there"
        self.assertIn(complaint, self.agent.health()["reasons"])
        self.assertIn("io: /dev/npanel-later: No such file or directory; nothing is limited there", bob.show()["degraded"])
        self.later.symlink_to(os.environ["NPANEL_VM_IO_DISK"])
        self.addCleanup(self.later.unlink, missing_ok=True)
        support.wait_until(lambda: complaint not in self.agent.health()["reasons"], SEEN_SECONDS, "the device is there")
        name = os.path.basename(os.environ["NPANEL_VM_IO_DISK"])
        support.wait_until(lambda: f"{number(name)} rbps={RATE}" in bob.read("io.max"), SEEN_SECONDS, "it is limited")

    def test_partition_is_an_error_with_line_and_key(self):
        part = os.path.basename(os.path.dirname(glob.glob("/sys/block/*/*/partition")[0]))
        disk = os.path.basename(os.path.dirname(os.path.realpath(f"/sys/class/block/{part}")))
        file = self.agent.directory / "part.toml"
        file.write_text(f'[io]\n\ndevices = ["/dev/{part}"]\n')
        ran = subprocess.run(["npanel-agent", "--check-config", "--config", str(file)], capture_output=True, text=True)
        self.assertNotEqual(ran.returncode, 0)
        self.assertIn(f"{file}:3: io.devices must be a list of whole devices: /dev/{part} is a partition of /dev/{disk}", ran.stdout + ran.stderr)
