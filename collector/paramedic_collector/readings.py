"""What is read of a container's cgroup: file by file, and what each says. v1 and v2, controller by controller."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from paramedic_collector import cadvisor as c
from paramedic_collector.blockio import Devices, bytes_v1, counts_v1, stat_v2
from paramedic_collector.cadvisor import Slot
from paramedic_collector.cells import Cells
from paramedic_collector.cgroup import Layout
from paramedic_collector.exposition import number
from paramedic_collector.spec import UNLIMITED

Take = Callable[[Cells, bytes], None]
_TICKS = os.sysconf("SC_CLK_TCK")


class Gate(IntEnum):
    """When a file need not be read because it must say what it said before. Each read costs the kernel 1 to 3 µs."""

    NEVER = 0
    FOLLOWS = 1
    """It changes only after the file before it in the list has: that is read first, so a change in between is seen next time."""
    KILLS = 2
    """It changes only when the kernel kills for lack of memory, which /proc/vmstat counts for the whole host."""
    LIMIT = 3
    """It changes only where there is a memory limit."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One file of a cgroup."""

    controller: str
    """Of v1; the empty string is v2."""
    name: str
    take: Take
    """Reads its content into the container's row; raises ValueError when it has another form."""
    quota: bool = False
    """Only of interest with a CPU quota, as in cAdvisor."""
    gate: Gate = Gate.NEVER


def readings(where: Layout, devices: Devices) -> list[Reading]:
    """The files to read of each container of this host, in the order in which they are to be read."""
    v1: dict[str, list[Reading]] = {
        "cpuacct": [
            Reading("cpuacct", "cpuacct.usage", _usage_v1),
            # The same time in ticks, divided.
            Reading("cpuacct", "cpuacct.stat", _cpu_stat_v1, gate=Gate.FOLLOWS),
        ],
        "cpu": [Reading("cpu", "cpu.stat", _throttling_v1, quota=True)],
        "memory": [
            Reading("memory", "memory.stat", _memory_stat_v1),
            Reading("memory", "memory.usage_in_bytes", _memory_usage),
            Reading("memory", "memory.max_usage_in_bytes", _one(c.MAX_USAGE)),
            Reading("memory", "memory.failcnt", _one(c.FAILCNT), gate=Gate.LIMIT),
            Reading("memory", "memory.kmem.usage_in_bytes", _one(c.KERNEL)),
            Reading("memory", "memory.oom_control", _oom, gate=Gate.KILLS),
        ],
        "pids": [Reading("pids", "pids.current", _one(c.THREADS))],
        "blkio": [
            # The kernel adds to both with each request, to the bytes first; a flush has no bytes.
            Reading("blkio", "blkio.throttle.io_serviced_recursive", counts_v1(devices)),
            Reading("blkio", "blkio.throttle.io_service_bytes_recursive", bytes_v1(devices), gate=Gate.FOLLOWS),
        ],
    }
    v2: dict[str, list[Reading]] = {
        "cpu": [Reading("", "cpu.stat", _cpu_stat_v2)],
        "memory": [
            Reading("", "memory.stat", _memory_stat_v2),
            Reading("", "memory.current", _memory_usage),
            Reading("", "memory.peak", _one(c.MAX_USAGE)),
            Reading("", "memory.swap.current", _one(c.SWAP)),
            Reading("", "memory.events", _memory_events),
        ],
        "pids": [Reading("", "pids.current", _one(c.THREADS))],
        "io": [Reading("", "io.stat", stat_v2(devices))],
    }
    found: list[Reading] = []
    for controller, files in v1.items():
        found += files if controller in where.controllers else []
    for controller, files in v2.items():
        # With a hybrid of both, each controller is in one of them. `cpu.stat` has the usage without any controller.
        if where.unified and (where.pure or controller in where.enabled):
            found += files
    if where.unified:
        found += [Reading("", f"{name}.pressure", _pressure(lines)) for name, lines in c.PRESSURE.items()]
    return found


def pairs(data: bytes) -> dict[str, str]:
    """A file of `KEY VALUE` lines.

    Raises:
        ValueError: it has another form.
    """
    words = data.decode("ascii", "replace").split()
    return dict(zip(words[::2], words[1::2], strict=True))


def micros(text: str) -> str:
    """Microseconds as seconds."""
    return number(int(text) / 1e6)


def nanos(text: str) -> str:
    """Nanoseconds as seconds."""
    return number(int(text) / 1e9)


def _one(slot: Slot) -> Take:
    """A file that holds one whole number."""

    def take(cells: Cells, data: bytes) -> None:
        cells.put(slot, str(int(data)))

    return take


def _several(cells: Cells, found: Mapping[str, str], keys: Iterable[tuple[str, Slot]]) -> None:
    for key, slot in keys:
        text = found.get(key)
        if text is not None:
            cells.put(slot, text)


def _usage_v1(cells: Cells, data: bytes) -> None:
    cells.put(c.CPU_TOTAL, number(int(data) / 1e9))


def _cpu_stat_v1(cells: Cells, data: bytes) -> None:
    found = pairs(data)
    cells.put(c.CPU_USER, number(int(found["user"]) / _TICKS))
    cells.put(c.CPU_SYSTEM, number(int(found["system"]) / _TICKS))


def _throttling_v1(cells: Cells, data: bytes) -> None:
    found = pairs(data)
    _several(cells, found, _CFS)
    for key, slot in (("throttled_time", c.THROTTLED_SECONDS), ("burst_time", c.BURST_SECONDS)):
        if key in found:
            cells.put(slot, nanos(found[key]))


_CFS = (("nr_periods", c.PERIODS), ("nr_throttled", c.THROTTLED), ("nr_bursts", c.BURSTS))


def _cpu_stat_v2(cells: Cells, data: bytes) -> None:
    found = pairs(data)
    cells.put(c.CPU_TOTAL, micros(found["usage_usec"]))
    cells.put(c.CPU_USER, micros(found["user_usec"]))
    cells.put(c.CPU_SYSTEM, micros(found["system_usec"]))
    if not cells.row[c.SPEC_QUOTA.index]:
        for slot in THROTTLING:
            cells.clear(slot)
        return
    _several(cells, found, _CFS)
    for key, slot in (("throttled_usec", c.THROTTLED_SECONDS), ("burst_usec", c.BURST_SECONDS)):
        if key in found:
            cells.put(slot, micros(found[key]))


THROTTLING = (c.PERIODS, c.THROTTLED, c.THROTTLED_SECONDS, c.BURSTS, c.BURST_SECONDS)


def _memory_usage(cells: Cells, data: bytes) -> None:
    cells.memory(usage=int(data))


def _memory_stat_v1(cells: Cells, data: bytes) -> None:
    found = pairs(data)
    _several(cells, found, STAT_V1)
    cells.unlimited = int(found.get("hierarchical_memory_limit", 0)) >= UNLIMITED
    cells.memory(inactive=int(found.get("total_inactive_file", 0)))


STAT_V1 = (
    ("total_rss", c.RSS), ("total_cache", c.CACHE), ("total_swap", c.SWAP), ("total_mapped_file", c.MAPPED),
    ("total_active_file", c.ACTIVE_FILE), ("total_inactive_file", c.INACTIVE_FILE),
    ("total_active_anon", c.ACTIVE_ANON), ("total_inactive_anon", c.INACTIVE_ANON), ("total_rss_huge", c.HUGE),
    ("total_dirty", c.DIRTY), ("total_writeback", c.WRITEBACK),
    ("pgfault", c.FAULTS), ("pgmajfault", c.MAJOR_FAULTS),
    ("total_pgfault", c.ALL_FAULTS), ("total_pgmajfault", c.ALL_MAJOR_FAULTS),
)  # fmt: skip


def _memory_stat_v2(cells: Cells, data: bytes) -> None:
    found = pairs(data)
    _several(cells, found, STAT_V2)
    cells.memory(inactive=int(found.get("inactive_file", 0)))


STAT_V2 = (
    ("anon", c.RSS), ("file", c.CACHE), ("file_mapped", c.MAPPED), ("kernel", c.KERNEL),
    ("active_file", c.ACTIVE_FILE), ("inactive_file", c.INACTIVE_FILE),
    ("active_anon", c.ACTIVE_ANON), ("inactive_anon", c.INACTIVE_ANON), ("anon_thp", c.HUGE),
    ("file_dirty", c.DIRTY), ("file_writeback", c.WRITEBACK),
    # Those of v2 are of the whole hierarchy.
    ("pgfault", c.FAULTS), ("pgmajfault", c.MAJOR_FAULTS), ("pgfault", c.ALL_FAULTS),
    ("pgmajfault", c.ALL_MAJOR_FAULTS), ("pgscan", c.PGSCAN), ("pgsteal", c.PGSTEAL),
    ("workingset_refault_file", c.REFAULT_FILE), ("workingset_refault_anon", c.REFAULT_ANON),
)  # fmt: skip


def _memory_events(cells: Cells, data: bytes) -> None:
    found = pairs(data)
    _several(cells, found, (("high", c.EVENTS_HIGH), ("max", c.EVENTS_MAX), ("max", c.FAILCNT)))
    cells.kills = int(found["oom_kill"])


def _oom(cells: Cells, data: bytes) -> None:
    found = pairs(data).get("oom_kill")  # since Linux 4.13
    cells.kills = None if found is None else int(found)


def _pressure(lines: Mapping[bytes, Slot]) -> Take:
    """Pressure (Documentation/accounting/psi.rst of the kernel): `some avg10=… avg60=… avg300=… total=MICROSECONDS`."""

    def take(cells: Cells, data: bytes) -> None:
        for line in data.splitlines():
            slot = lines.get(line[:4])
            if slot is not None:
                cells.put(slot, number(int(line.rpartition(b"total=")[2]) / 1e6))

    return take
