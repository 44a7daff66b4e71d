"""/proc/vmstat, proc_vmstat(5)."""

from __future__ import annotations

from collections.abc import Iterator

from paramedic_collector.exposition import Exposition, Family, digits
from paramedic_collector.filters import Filter
from paramedic_collector.source import Context, Source


class Vmstat(Source):
    """Page faults, paging and swapping; which fields is a setting."""

    name = "vmstat"
    families = (Family("node_vmstat_*", "untyped", "/proc/vmstat information field *."),)

    def __init__(self) -> None:
        self._lines = 0
        self._known: list[tuple[int, bytes, Family, str]] = []

    def collect(self, context: Context, out: Exposition) -> None:
        lines = self.files.read(context.paths.proc("vmstat")).splitlines()
        if len(lines) != self._lines:  # the kernel has its fields in the same order as long as it runs
            wanted = Filter(include=context.settings.vmstat.fields)
            self._lines, self._known = len(lines), list(_known(lines, wanted))
        for at, key, family, start in self._known:
            line = lines[at]
            if not line.startswith(key):
                self._lines = 0
                raise ValueError(f"vmstat has {line[:40]!r} where {key!r} was before")
            out.of(family).append(start + digits(line[len(key) :]))


def _known(lines: list[bytes], wanted: Filter) -> Iterator[tuple[int, bytes, Family, str]]:
    """The lines to read: where they are, what they begin with, the family, the beginning of its line."""
    for at, line in enumerate(lines):
        key = line.partition(b" ")[0]
        field = key.decode("ascii", "replace")
        if wanted(field):
            name = f"node_vmstat_{field}"
            family = Family(name, "untyped", f"/proc/vmstat information field {field}.")
            yield at, key + b" ", family, f"{name} "
