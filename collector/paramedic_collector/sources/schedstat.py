"""/proc/schedstat (Documentation/scheduler/sched-stats.rst of the kernel): how long each CPU ran and let others wait."""

from __future__ import annotations

from paramedic_collector.exposition import Exposition, counter, number, prefix
from paramedic_collector.source import Context, Source

_COLUMNS = (
    # Family, its column (the CPU's name is 0), and by what it is divided.
    (
        counter("node_schedstat_running_seconds_total", "Number of seconds CPU spent running a process.", "cpu"),
        7,
        1e9,
    ),
    (
        counter(
            "node_schedstat_waiting_seconds_total", "Number of seconds spent by processing waiting for this CPU.", "cpu"
        ),
        8,
        1e9,
    ),
    (counter("node_schedstat_timeslices_total", "Number of timeslices executed by CPU.", "cpu"), 9, 1),
)


class Schedstat(Source):
    """Running and waiting time of each CPU; nothing where the kernel does not count it."""

    name = "schedstat"
    families = tuple(family for family, _, _ in _COLUMNS)

    def __init__(self) -> None:
        self._starts: dict[bytes, list[str]] = {}

    def collect(self, context: Context, out: Exposition) -> None:
        try:
            data = self.files.read(context.paths.proc("schedstat"))
        except FileNotFoundError:
            return
        for line in data.splitlines():
            if not line.startswith(b"cpu"):
                continue
            words = line.split()
            starts = self._starts.get(words[0])
            if starts is None:
                cpu = words[0][3:].decode("ascii", "replace")
                starts = [prefix(family.name, {"cpu": cpu}) for family, _, _ in _COLUMNS]
                self._starts[words[0]] = starts
            for (family, column, unit), start in zip(_COLUMNS, starts, strict=True):
                out.of(family).append(start + number(int(words[column]) / unit))
