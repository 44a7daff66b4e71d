"""/proc/net/softnet_stat (softnet_seq_show of the kernel's net/core/net-procfs.c): a line of hexadecimal numbers a CPU."""

from __future__ import annotations

from paramedic_collector.exposition import Exposition, counter, gauge, number, prefix
from paramedic_collector.source import Context, Source

_COLUMNS = (
    # Family and its column.
    (counter("node_softnet_processed_total", "Number of processed packets", "cpu"), 0),
    (counter("node_softnet_dropped_total", "Number of dropped packets", "cpu"), 1),
    (counter("node_softnet_times_squeezed_total", "Number of times processing packets ran out of quota", "cpu"), 2),
    (
        counter(
            "node_softnet_cpu_collision_total",
            "Number of collision occur while obtaining device lock while transmitting",
            "cpu",
        ),
        8,
    ),
    (counter("node_softnet_received_rps_total", "Number of times cpu woken up received_rps", "cpu"), 9),
    (counter("node_softnet_flow_limit_count_total", "Number of times flow limit has been reached", "cpu"), 10),
    (gauge("node_softnet_backlog_len", "Softnet backlog status", "cpu"), 11),
)
_CPU = 12
"""The column of the CPU's number; kernels before 5.10 have none, and a line for each CPU in order."""


class Softnet(Source):
    """Packets that each CPU took from the network's queues."""

    name = "softnet"
    families = tuple(family for family, _ in _COLUMNS)

    def __init__(self) -> None:
        self._path = ""
        self._starts: dict[int, list[str]] = {}

    def collect(self, context: Context, out: Exposition) -> None:
        if not self._path:
            self._path = context.paths.net("softnet_stat")
        for line_number, line in enumerate(self.files.read(self._path).splitlines()):
            words = line.split()
            cpu = int(words[_CPU], 16) if len(words) > _CPU else line_number
            starts = self._starts.get(cpu)
            if starts is None:
                starts = [prefix(family.name, {"cpu": str(cpu)}) for family, _ in _COLUMNS]
                self._starts[cpu] = starts
            for (family, column), start in zip(_COLUMNS, starts, strict=True):
                value = int(words[column], 16) if column < len(words) else 0
                out.of(family).append(start + number(value))
