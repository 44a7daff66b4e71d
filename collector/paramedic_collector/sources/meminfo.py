"""/proc/meminfo, proc_meminfo(5): a gauge for every line that the kernel has."""

from __future__ import annotations

from paramedic_collector.exposition import Exposition, Family, number
from paramedic_collector.source import Context, Source


class Meminfo(Source):
    """Memory, one family for each line of /proc/meminfo."""

    name = "meminfo"
    families = (Family("node_memory_*", "gauge", "Memory information field *."),)

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[Family, str, int]] = {}

    def collect(self, context: Context, out: Exposition) -> None:
        path = context.paths.proc("meminfo")
        for line in self.files.read(path, whole=True).splitlines():
            key, *words = line.split()
            if not words:
                raise ValueError(f"{path} has a line without a number: {line[:80]!r}")
            known = self._known.get(key)
            if known is None:
                name = key.rstrip(b":").decode("ascii", "replace")
                known = self._known[key] = _family(name, kilobytes=len(words) > 1)
            family, start, unit = known
            out.of(family).append(start + number(int(words[0]) * unit))


def _family(key: str, *, kilobytes: bool) -> tuple[Family, str, int]:
    field = key.replace("(", "_").replace(")", "") + ("_bytes" if kilobytes else "")
    name = f"node_memory_{''.join([c if c.isalnum() else '_' for c in field])}"
    return Family(name, "gauge", f"Memory information field {field}."), f"{name} ", 1024 if kilobytes else 1
