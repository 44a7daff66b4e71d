"""The limits that a container was given, from its cgroup: read seldom, for they change only by an update."""

from __future__ import annotations

from collections.abc import Callable

from paramedic_collector import cadvisor as c
from paramedic_collector.cells import Cells
from paramedic_collector.cgroup import Layout
from paramedic_collector.files import read_text

_LONGEST = 64
"""Bytes: each of these files is one row, of two numbers at most."""
UNLIMITED = 1 << 60
"""cgroup v1 writes 9223372036854771712 for no limit; nobody has a quarter of an exabyte."""


def read_spec(where: Layout, folder_of: Callable[[str], str | None], cells: Cells) -> None:
    """Read them into the row.

    Args:
        where: how cgroups are mounted.
        folder_of: controller → the container's folder; the empty string is v2.
        cells: the row. Afterwards `SPEC_QUOTA` is empty if it has no CPU quota.
    """

    def text(controller: str, v1: str, v2: str) -> str:
        old = controller in where.controllers
        folder = folder_of(controller if old else "")
        return read_text(f"{folder}/{v1 if old else v2}", row=_LONGEST) if folder is not None else ""

    if "cpu" in where.controllers:
        quota = text("cpu", "cpu.cfs_quota_us", "")
        _cpu(cells, "" if quota.startswith("-") else quota, text("cpu", "cpu.cfs_period_us", ""))
        shares = text("cpu", "cpu.shares", "")
    else:
        quota, _, period = text("cpu", "", "cpu.max").partition(" ")
        _cpu(cells, "" if quota == "max" else quota, period)
        weight = text("cpu", "", "cpu.weight")
        # cAdvisor's, which is how runc made the weight of Docker's shares until its version 1.3.
        shares = str(2 + (int(weight) - 1) * 262142 // 9999) if weight.isdigit() else ""
    if shares.isdigit():
        cells.put(c.SPEC_SHARES, shares)
    for slot, v1, v2 in _MEMORY:
        limit = text("memory", v1, v2)
        if limit == "max":
            cells.put(slot, "0")
        elif limit.isdigit():
            cells.put(slot, "0" if int(limit) >= UNLIMITED else limit)
    threads = text("pids", "pids.max", "pids.max")
    if threads:
        cells.put(c.THREADS_MAX, "+Inf" if threads == "max" else threads)


_MEMORY = (
    (c.SPEC_MEMORY, "memory.limit_in_bytes", "memory.max"),
    (c.SPEC_SWAP, "memory.memsw.limit_in_bytes", "memory.swap.max"),
    (c.SPEC_RESERVATION, "memory.soft_limit_in_bytes", "memory.low"),
)


def _cpu(cells: Cells, quota: str, period: str) -> None:
    if period.isdigit():
        cells.put(c.SPEC_PERIOD, period)
    if quota.isdigit():
        cells.put(c.SPEC_QUOTA, quota)
    else:
        cells.clear(c.SPEC_QUOTA)
