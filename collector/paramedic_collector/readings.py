"""What a container's cgroup says of CPU and memory, through held descriptors, under cAdvisor's names."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from paramedic_collector.exposition import Family
from paramedic_collector.files import Held

LABELS = ("id", "image", "name")
_TICKS = os.sysconf("SC_CLK_TCK")
_UNLIMITED = 1 << 60
"""cgroup v1 writes 9223372036854771712 for no limit; nobody has a quarter of an exabyte."""


def _family(kind: str, name: str, text: str, *labels: str) -> Family:
    return Family(f"container_{name}", kind, text, tuple(sorted((*LABELS, *labels))), like="cAdvisor")


CPU_TOTAL = _family("counter", "cpu_usage_seconds_total", "Cumulative cpu time consumed in seconds.", "cpu")
CPU_USER = _family("counter", "cpu_user_seconds_total", "Cumulative user cpu time consumed in seconds.")
CPU_SYSTEM = _family("counter", "cpu_system_seconds_total", "Cumulative system cpu time consumed in seconds.")
USAGE = _family(
    "gauge",
    "memory_usage_bytes",
    "Current memory usage in bytes, including all memory regardless of when it was accessed",
)
WORKING_SET = _family("gauge", "memory_working_set_bytes", "Current working set in bytes.")
RSS = _family("gauge", "memory_rss", "Size of RSS in bytes.")
CACHE = _family("gauge", "memory_cache", "Number of bytes of page cache memory.")
LIMIT = _family("gauge", "spec_memory_limit_bytes", "Memory limit for the container.")
OOM = _family("counter", "oom_events_total", "Count of out of memory events observed for the container")
FAMILIES = (CPU_TOTAL, CPU_USER, CPU_SYSTEM, USAGE, WORKING_SET, RSS, CACHE, LIMIT, OOM)

Sample = tuple[Family, float]


@dataclass(frozen=True, slots=True)
class Reader:
    """One file of a cgroup and what to make of it."""

    file: Held
    parse: Callable[[bytes], list[Sample]]


def readers(unified: bool, folder_of: Callable[[str], str | None]) -> list[Reader]:  # noqa: FBT001  it is the question
    """The files to read of a container, in the order in which they are to be read.

    Args:
        unified: whether it is cgroup v2.
        folder_of: controller → the container's folder, or None. A controller that is off has no samples.
    """
    found = []
    for controller, name, parse in _V2 if unified else _V1:
        folder = folder_of(controller)
        if folder is not None and Path(folder, name).exists():
            found.append(Reader(Held(f"{folder}/{name}", whole=True), parse))
    return found


INACTIVE = _family("gauge", "memory_total_inactive_file_bytes", "Inactive file-backed memory in bytes.")
"""Not emitted by itself: the working set needs it."""


def _after(data: bytes, key: bytes) -> int:
    """The number after `key`, which begins a line; 0 where the kernel has no such line."""
    at = 0 if data.startswith(key) else data.find(b"\n" + key) + 1
    if not at and not data.startswith(key):
        return 0
    at += len(key)
    end = data.find(b"\n", at)
    return int(data[at : end if end >= 0 else len(data)])


def _limit(data: bytes) -> list[Sample]:
    limit = 0 if data.startswith(b"max") else int(data)
    return [(LIMIT, 0 if limit >= _UNLIMITED else limit)]


def _cpu_v2(data: bytes) -> list[Sample]:
    return [
        (CPU_TOTAL, _after(data, b"usage_usec ") / 1e6),
        (CPU_USER, _after(data, b"user_usec ") / 1e6),
        (CPU_SYSTEM, _after(data, b"system_usec ") / 1e6),
    ]


def _stat_v1(data: bytes) -> list[Sample]:
    return [
        (RSS, _after(data, b"total_rss ")),
        (CACHE, _after(data, b"total_cache ")),
        (INACTIVE, _after(data, b"total_inactive_file ")),
    ]


def _stat_v2(data: bytes) -> list[Sample]:
    return [(RSS, _after(data, b"anon ")), (CACHE, _after(data, b"file ")), (INACTIVE, _after(data, b"inactive_file "))]


_V1: tuple[tuple[str, str, Callable[[bytes], list[Sample]]], ...] = (
    ("cpuacct", "cpuacct.usage", lambda data: [(CPU_TOTAL, int(data) / 1e9)]),
    (
        "cpuacct",
        "cpuacct.stat",
        lambda data: [
            (CPU_USER, _after(data, b"user ") / _TICKS),
            (CPU_SYSTEM, _after(data, b"system ") / _TICKS),
        ],
    ),
    ("memory", "memory.usage_in_bytes", lambda data: [(USAGE, int(data))]),
    ("memory", "memory.stat", _stat_v1),
    ("memory", "memory.limit_in_bytes", _limit),
    ("memory", "memory.oom_control", lambda data: [(OOM, _after(data, b"oom_kill "))]),
)
_V2: tuple[tuple[str, str, Callable[[bytes], list[Sample]]], ...] = (
    ("", "cpu.stat", _cpu_v2),
    ("", "memory.current", lambda data: [(USAGE, int(data))]),
    ("", "memory.stat", _stat_v2),
    ("", "memory.max", _limit),
    ("", "memory.events", lambda data: [(OOM, _after(data, b"oom_kill "))]),
)
