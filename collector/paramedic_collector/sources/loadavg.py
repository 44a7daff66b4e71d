"""/proc/loadavg, proc_loadavg(5)."""

from __future__ import annotations

from paramedic_collector.exposition import Exposition, Family
from paramedic_collector.source import Context, Source


class Loadavg(Source):
    """Load averages."""

    name = "loadavg"
    families = (
        Family("node_load1", "gauge", "1m load average."),
        Family("node_load5", "gauge", "5m load average."),
        Family("node_load15", "gauge", "15m load average."),
    )

    def collect(self, context: Context, out: Exposition) -> None:
        path = context.paths.proc("loadavg")
        words = self.files.read(path, whole=True).split()
        if len(words) < 3:
            raise ValueError(f"{path} has no three averages")
        for family, word in zip(self.families, words[:3], strict=True):
            out.add(family, float(word))
