"""Usage: what the engine says that a container uses, read once. Coarser than its cgroup, and all there is without one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Usage:
    """One reading. Counters are of the present run; memory is bytes."""

    at: float
    """Unix seconds of the reading."""
    cpu_seconds: float = 0.0
    cpu_user_seconds: float = 0.0
    cpu_system_seconds: float = 0.0
    periods: int = 0
    """Of the CPU quota; 0 without one."""
    throttled_periods: int = 0
    throttled_seconds: float = 0.0
    memory: int = 0
    memory_max: int = 0
    """The most that it was; 0: not told."""
    failcnt: int = 0
    stat: Mapping[str, int] = field(default_factory=dict)
    """`memory.stat` of its cgroup, in the kernel's words; those of v1 and v2 differ."""
    threads: int = 0
    io_bytes: Mapping[str, int] = field(default_factory=dict)
    """`MAJOR:MINOR OPERATION` → bytes; operations are Read, Write, …"""
    io_counts: Mapping[str, int] = field(default_factory=dict)
    network: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Interface → bytes, packets, errors and drops received, then the same four transmitted."""
