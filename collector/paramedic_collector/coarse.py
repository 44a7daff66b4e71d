"""Containers whose cgroups cannot be seen: what the engine says of them, by way of runtime, once a minute.

It is what there is in a container that was given the engine's socket and none of the host's folders.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from paramedic_collector import cadvisor as c
from paramedic_collector.cells import Cells
from paramedic_collector.exposition import number
from paramedic_collector.labels import labels_of
from paramedic_collector.readings import STAT_V1, STAT_V2
from paramedic_core.clock import Clock
from paramedic_core.errors import NotFound, ParamedicError
from paramedic_core.model import Container
from paramedic_core.usage import Usage

log = logging.getLogger("paramedic.collector")
_EVERY = 60.0
_NETWORK = tuple(slot for slot, _ in c.NETWORK)


class Coarse:
    """Asks for the usage of those that are wanted, in a thread of its own that ends when all have been asked.

    Args:
        ask: container id → its usage; raises ParamedicError.
        clock: the time.
    """

    def __init__(self, ask: Callable[[str], Usage], clock: Clock) -> None:
        self._ask, self._clock = ask, clock
        self._lock = threading.Lock()
        self._known: dict[str, Usage] = {}
        self._began = float("-inf")
        self._thread: threading.Thread | None = None
        self.trouble = ""
        """Why the last round found nothing; empty when it did, or when there was none yet."""

    def rows(self, containers: Iterable[Container], more: tuple[str, ...]) -> list[list[str]]:
        """The rows of those that are known, at most a minute and a round old.

        Args:
            containers: all that are wanted; what is asked next.
            more: `collector.container_labels`.
        """
        wanted = {container.id: container for container in containers}
        with self._lock:
            self._known = {key: usage for key, usage in self._known.items() if key in wanted}
            known = dict(self._known)
            idle = self._thread is None or not self._thread.is_alive()
            if wanted and idle and self._clock.monotonic() - self._began >= _EVERY:
                self._began = self._clock.monotonic()
                self._thread = threading.Thread(target=self._round, args=(list(wanted),), daemon=True, name="coarse")
                self._thread.start()
        return [_row(wanted[key], usage, more) for key, usage in known.items()]

    def _round(self, wanted: list[str]) -> None:
        trouble = found = 0
        why = ""
        for identity in wanted:
            try:
                usage = self._ask(identity)
            except NotFound:
                continue  # it has ended meanwhile
            except ParamedicError as error:
                trouble, why = trouble + 1, str(error)
                continue
            found += 1
            with self._lock:
                self._known[identity] = usage
        self.trouble = why if trouble and not found else ""
        if trouble:
            log.debug("of %d containers %d could not be asked about: %s", len(wanted), trouble, why)


def _row(container: Container, usage: Usage, more: tuple[str, ...]) -> list[str]:
    cells = Cells(labels_of(container, more))
    cells.put(c.COARSE, "1")
    # When it was read, not when it is told: so its age can be seen.
    cells.put(c.LAST_SEEN, str(int(usage.at)))
    cells.put(c.STARTED, number(int(container.started_at)))
    if container.created_at > 0:
        cells.put(c.CREATED, number(int(container.created_at)))
    cells.put(c.CPU_TOTAL, number(usage.cpu_seconds))
    cells.put(c.CPU_USER, number(usage.cpu_user_seconds))
    cells.put(c.CPU_SYSTEM, number(usage.cpu_system_seconds))
    if usage.periods:
        cells.put(c.PERIODS, str(usage.periods))
        cells.put(c.THROTTLED, str(usage.throttled_periods))
        cells.put(c.THROTTLED_SECONDS, number(usage.throttled_seconds))
    if usage.memory:
        v1 = "total_inactive_file" in usage.stat
        for key, slot in STAT_V1 if v1 else STAT_V2:
            if key in usage.stat:
                cells.put(slot, str(usage.stat[key]))
        cells.memory(usage=usage.memory, inactive=usage.stat.get("total_inactive_file" if v1 else "inactive_file", 0))
        cells.put(c.SPEC_MEMORY, str(container.memory_limit))
    if usage.memory_max:
        cells.put(c.MAX_USAGE, str(usage.memory_max))
        cells.put(c.FAILCNT, str(usage.failcnt))
    if usage.threads:
        cells.put(c.THREADS, str(usage.threads))
    _io(cells, usage)
    for index, slot in enumerate(_NETWORK):
        values = (((name,), str(row[index])) for name, row in usage.network.items() if len(row) == len(_NETWORK))
        cells.put_each(slot, ("interface",), values)
    return cells.row


def _io(cells: Cells, usage: Usage) -> None:
    """Devices by their numbers: the engine tells no names."""
    rows = []
    for key, value in usage.io_bytes.items():
        device, _, operation = key.partition(" ")
        major, _, minor = device.partition(":")
        rows.append((("", major, minor, operation), str(value)))
    cells.put_each(c.BLKIO, ("device", "major", "minor", "operation"), rows)
