"""/proc/loadavg, proc_loadavg(5)."""

from __future__ import annotations

from paramedic_collector.exposition import Exposition, Family
from paramedic_collector.files import Held
from paramedic_collector.source import Context, Source


class Loadavg(Source):
    """Load averages."""

    name = "loadavg"
    families = (
        Family("node_load1", "gauge", "1m load average."),
        Family("node_load5", "gauge", "5m load average."),
        Family("node_load15", "gauge", "15m load average."),
    )

    def __init__(self) -> None:
        self._file: Held | None = None

    def collect(self, context: Context, out: Exposition) -> None:
        if self._file is None:
            self._file = Held(context.paths.proc("loadavg"))
        words = self._file.read().split()
        if len(words) < 3:
            raise ValueError(f"{self._file.path} has no three averages")
        for family, word in zip(self.families, words[:3], strict=True):
            out.add(family, float(word))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
