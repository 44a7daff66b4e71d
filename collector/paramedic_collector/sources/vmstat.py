"""/proc/vmstat, proc_vmstat(5)."""

from __future__ import annotations

from paramedic_collector.exposition import Exposition, Family, number
from paramedic_collector.filters import Filter
from paramedic_collector.source import Context, Source


class Vmstat(Source):
    """Page faults, paging and swapping; which fields is a setting."""

    name = "vmstat"
    families = (Family("node_vmstat_*", "untyped", "/proc/vmstat information field *."),)

    def __init__(self) -> None:
        self._wanted: Filter | None = None
        self._known: dict[bytes, tuple[Family, str] | None] = {}

    def collect(self, context: Context, out: Exposition) -> None:
        if self._wanted is None:
            self._wanted = Filter(include=context.settings.vmstat.fields)
        for line in self.files.read(context.paths.proc("vmstat")).splitlines():
            key, _, value = line.partition(b" ")
            try:
                known = self._known[key]
            except KeyError:
                known = self._known[key] = _family(key.decode("ascii", "replace"), self._wanted)
            if known is not None:
                out.of(known[0]).append(known[1] + number(int(value)))


def _family(field: str, wanted: Filter) -> tuple[Family, str] | None:
    if not wanted(field):
        return None
    name = f"node_vmstat_{field}"
    return Family(name, "untyped", f"/proc/vmstat information field {field}."), f"{name} "
