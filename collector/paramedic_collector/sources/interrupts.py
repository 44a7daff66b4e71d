"""/proc/interrupts, proc_interrupts(5)."""

from __future__ import annotations

from paramedic_collector.exposition import Exposition, counter, number, prefix
from paramedic_collector.filters import Filter
from paramedic_collector.source import Context, Source

_TOTAL = counter("node_interrupts_total", "Interrupt details.", "cpu", "devices", "info", "type")


class Interrupts(Source):
    """Interrupts by kind and CPU."""

    name = "interrupts"
    families = (_TOTAL,)
    on = False

    def __init__(self) -> None:
        self._wanted: Filter | None = None
        self._starts: dict[tuple[str, str, str], list[str]] = {}

    def collect(self, context: Context, out: Exposition) -> None:
        settings = context.settings.interrupts
        if self._wanted is None:
            self._wanted = Filter(settings.name_exclude, settings.name_include)
        path = context.paths.proc("interrupts")
        head, *lines = self.files.read(path).decode("utf-8", "replace").splitlines() or [""]
        cpus = len(head.split())
        if not cpus:
            raise ValueError(f"{path} has no line of CPUs")
        rows = out.of(_TOTAL)
        for line in lines:
            name, _, rest = line.partition(":")
            words = rest.split()
            if len(words) <= cpus:  # ERR and MIS are of the whole machine
                continue
            for start, word in zip(self._lines(name.strip(), words[cpus:], cpus), words, strict=False):
                if word != "0" or settings.include_zeros:
                    rows.append(start + number(int(word)))

    def _lines(self, name: str, words: list[str], cpus: int) -> list[str]:
        """The beginnings of an interrupt's lines; none when it is not wanted."""
        info, devices = (words[0], " ".join(words[1:])) if name.isdigit() else (" ".join(words), "")
        starts = self._starts.get((name, info, devices))
        if starts is None or len(starts) not in (0, cpus):
            labels = {"type": name, "info": info, "devices": devices}
            assert self._wanted is not None
            wanted = cpus if self._wanted(f"{name};{info};{devices}") else 0
            starts = [prefix(_TOTAL.name, labels | {"cpu": str(cpu)}) for cpu in range(wanted)]
            self._starts[name, info, devices] = starts
        return starts
