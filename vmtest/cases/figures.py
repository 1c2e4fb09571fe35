# SPDX-License-Identifier: Apache-2.0
"""Which control file, and what in it, is each figure of an account's stats?"""
import dataclasses
import typing

import support

TICK_US = 4000  # user and system time of what runs are known to a tick of 250 Hz
MAX = "max"


def number(text):
    return None if text == MAX else int(text)


def key_of(name):
    return lambda text: support.flat(text)[name]


def word_of(index):
    return lambda text: number(text.split()[index])


def stalled(kind):
    """total= of the "some" or "full" line."""
    def read(text):
        line, = (line for line in text.splitlines() if line.startswith(kind))
        return int(line.rpartition("total=")[2])
    return read


def summed(key):
    """Over all devices; the guest's file systems are on one that is made of no others."""
    return lambda text: sum(int(word.removeprefix(f"{key}=")) for word in text.split() if word.startswith(f"{key}="))


@dataclasses.dataclass(frozen=True)
class Field:
    path: str  # in the stats object
    file: str
    parse: typing.Callable
    counts: bool = False  # only ever grows
    tolerance: int = 0  # while something runs

    def of(self, stats):
        for key in self.path.split("."):
            stats = stats[key]
        return stats


FIELDS = [
    Field("cpu.usage_us", "cpu.stat", key_of("usage_usec"), counts=True),
    Field("cpu.user_us", "cpu.stat", key_of("user_usec"), counts=True, tolerance=TICK_US),
    Field("cpu.system_us", "cpu.stat", key_of("system_usec"), counts=True, tolerance=TICK_US),
    Field("cpu.periods", "cpu.stat", key_of("nr_periods"), counts=True),
    Field("cpu.throttled_periods", "cpu.stat", key_of("nr_throttled"), counts=True),
    Field("cpu.throttled_us", "cpu.stat", key_of("throttled_usec"), counts=True),
    Field("cpu.quota_us", "cpu.max", word_of(0)),
    Field("cpu.period_us", "cpu.max", word_of(1)),
    Field("memory.current_bytes", "memory.current", number),
    *(Field(f"memory.{name}_bytes", "memory.stat", key_of(name)) for name in ("anon", "file", "kernel")),
    Field("memory.max_bytes", "memory.max", number),
    Field("memory.high_bytes", "memory.high", number),
    *(Field(f"memory.events.{name}", "memory.events", key_of(name), counts=True)
      for name in ("high", "max", "oom", "oom_kill")),
    Field("pids.current", "pids.current", number),
    Field("pids.max", "pids.max", number),
    Field("pids.refused", "pids.events", key_of("max"), counts=True),
    *(Field(f"io.{name}", "io.stat", summed(key), counts=True)
      for name, key in (("read_bytes", "rbytes"), ("written_bytes", "wbytes"), ("reads", "rios"), ("writes", "wios"))),
    *(Field(f"pressure.{resource}.{kind}_us", f"{resource}.pressure", stalled(kind), counts=True)
      for resource in ("cpu", "memory", "io") for kind in ("some", "full")),
]
OF_TWO_FILES = {"memory.working_set_bytes"}
NOT_FROM_FILES = {"name", "cgroup_id", "unavailable", "smtp", "mail"}
MOVING = {"memory.current_bytes", "memory.anon_bytes", "memory.file_bytes", "memory.kernel_bytes", "pids.current"}  # go up and down while something runs


def paths(stats, prefix=""):
    """All that a stats object holds, as Field.path names it."""
    for key, value in stats.items():
        if isinstance(value, dict):
            yield from paths(value, f"{prefix}{key}.")
        else:
            yield prefix + key


def all_paths(stats):
    return {path for path in paths(stats) if path.partition(".")[0] not in NOT_FROM_FILES}


def files(account):
    """Each figure by the kernel's own files, each file read once."""
    texts = {file: account.read(file) for file in {field.file for field in FIELDS}}
    return {field.path: field.parse(texts[field.file]) for field in FIELDS}


def differences(name, before, stats, after, idle=False):
    """Figures of `stats` that are not what the kernel's files said `before` and `after`."""
    for field in FIELDS:
        value, low, high = field.of(stats), before[field.path], after[field.path]
        if not _agrees(field, value, low, high, idle):
            yield f"{name}: {field.path} is {value}, {field.file} had {low} before and {high} after"


def _agrees(field, value, low, high, idle):
    if field.counts:
        tolerance = 0 if idle else field.tolerance
        return low - tolerance <= value <= high + tolerance
    if field.path in MOVING and not idle:
        return value >= 0
    return value in (low, high)
