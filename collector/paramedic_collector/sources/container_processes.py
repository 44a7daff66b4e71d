"""The busiest processes of each container, from its cgroup.procs and /proc/PID/stat; off unless asked for."""

from __future__ import annotations

import heapq
import os
from dataclasses import dataclass

from paramedic_collector.cadvisor import family
from paramedic_collector.cgroup import Layout, folder, layout, memberships
from paramedic_collector.exposition import Exposition, label_pairs, number
from paramedic_collector.files import read
from paramedic_collector.labels import labels_of
from paramedic_collector.source import Context, Source
from paramedic_core.model import Container

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_MOST = 1000
"""Processes of one container that are looked at."""
_CPU = family("counter", "process_cpu_seconds_total", "CPU time of the process.", "pid", "process", like="ours")
_RSS = family(
    "gauge", "process_resident_memory_bytes", "Resident memory of the process.", "pid", "process", like="ours"
)
_COUNT = family("gauge", "processes", "Processes in it.")


@dataclass(frozen=True, slots=True)
class _Process:
    pid: int
    name: str
    ticks: int
    pages: int
    began: int


class ContainerProcesses(Source):
    """The busiest processes of each running container since the last scrape (`collector.container_processes`), and how many it has."""

    name = "container_processes"
    families = (_CPU, _RSS, _COUNT)

    def __init__(self) -> None:
        super().__init__()
        self._layout: Layout | None = None
        self._before: dict[tuple[int, int], int] = {}

    def collect(self, context: Context, out: Exposition) -> None:
        most = context.settings.container_processes
        if not most or context.world is None:
            return
        if self._layout is None:
            self._layout = layout(context.paths)
        now: dict[tuple[int, int], int] = {}
        for container in context.world.containers.values():
            if container.pid > 0:
                try:
                    self._one(context, self._layout, container, most, now, out)
                except OSError:
                    continue  # it has ended; the source `container` tells of what cannot be read
        self._before = now

    def _one(
        self,
        context: Context,
        where: Layout,
        container: Container,
        most: int,
        now: dict[tuple[int, int], int],
        out: Exposition,
    ) -> None:
        members = memberships(read(context.paths.proc(str(container.pid), "cgroup")))
        place = next((f for c in ("", *where.controllers) if (f := folder(where, members, c, container.id))), None)
        if place is None:
            return
        pids = read(f"{place}/cgroup.procs").split()
        labels = labels_of(container, context.labels)
        out.of(_COUNT).append(f"{_COUNT.name}{{{label_pairs(labels)}}} {len(pids)}")
        found = [p for pid in pids[:_MOST] if (p := _process(context, int(pid))) is not None]
        now |= {(p.pid, p.began): p.ticks for p in found}
        # Those that took most since the last scrape; among the idle, those that took most ever.
        busiest = heapq.nlargest(most, found, key=lambda p: (p.ticks - self._before.get((p.pid, p.began), 0), p.ticks))
        for process in busiest:
            pairs = label_pairs({**labels, "pid": str(process.pid), "process": process.name})
            out.of(_CPU).append(f"{_CPU.name}{{{pairs}}} {number(process.ticks / _TICKS)}")
            out.of(_RSS).append(f"{_RSS.name}{{{pairs}}} {number(process.pages * _PAGE)}")


def _process(context: Context, pid: int) -> _Process | None:
    """From /proc/PID/stat (proc_pid_stat(5)); None when it has ended."""
    try:
        data = read(context.paths.proc(str(pid), "stat"))
    except OSError:
        return None
    # The name stands in parentheses, and may have some of its own.
    head, _, tail = data.decode("utf-8", "replace").rpartition(")")
    words = tail.split()
    return _Process(pid, head.partition("(")[2], int(words[11]) + int(words[12]), int(words[21]), int(words[19]))
