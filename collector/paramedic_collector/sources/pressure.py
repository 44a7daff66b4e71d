"""/proc/pressure (Documentation/accounting/psi.rst of the kernel): how long processes waited for what is scarce."""

from __future__ import annotations

from pathlib import Path

from paramedic_collector.exposition import Exposition, Family
from paramedic_collector.files import Held
from paramedic_collector.source import Context, Paths, Source


def _family(resource: str, kind: str, text: str) -> Family:
    return Family(f"node_pressure_{resource}_{kind}_seconds_total", "counter", f"Total time in seconds {text}")


_LINES: dict[str, dict[bytes, Family]] = {
    "cpu": {b"some": _family("cpu", "waiting", "that processes have waited for CPU time")},
    "io": {
        b"some": _family("io", "waiting", "that processes have waited due to IO congestion"),
        b"full": _family("io", "stalled", "no process could make progress due to IO congestion"),
    },
    "memory": {
        b"some": _family("memory", "waiting", "that processes have waited for memory"),
        b"full": _family("memory", "stalled", "no process could make progress due to memory congestion"),
    },
    "irq": {b"full": _family("irq", "stalled", "no process could make progress due to IRQ congestion")},
}
"""The file's name → the line's first word → its family."""


class Pressure(Source):
    """Time lost to scarce CPU, memory and I/O; nothing where the kernel does not count it."""

    name = "pressure"
    families = tuple(family for lines in _LINES.values() for family in lines.values())

    def __init__(self) -> None:
        self._files: list[tuple[Held, dict[bytes, Family]]] | None = None

    def collect(self, context: Context, out: Exposition) -> None:
        if self._files is None:
            self._files = _files(context.paths)
        for file, lines in self._files:
            for line in file.read().splitlines():
                word, _, rest = line.partition(b" ")
                family = lines.get(word)
                total = rest.rpartition(b"total=")[2]
                if family is not None:
                    # In two steps, as node_exporter does: its values have that rounding.
                    out.add(family, int(total) / 1000 / 1000)

    def close(self) -> None:
        for file, _ in self._files or ():
            file.close()


def _files(paths: Paths) -> list[tuple[Held, dict[bytes, Family]]]:
    """Those that can be read: a kernel may lack the folder, `irq` came with Linux 6.1, and `psi=0` answers EOPNOTSUPP."""
    found = []
    for name, lines in _LINES.items():
        path = paths.proc("pressure", name)
        if not Path(path).exists():
            continue
        file = Held(path)
        try:
            file.read()
        except OSError:
            continue
        found.append((file, lines))
    return found
