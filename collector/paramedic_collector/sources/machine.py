"""The machine as cAdvisor tells of it: /proc/cpuinfo, sysfs' topology, /proc/meminfo and the ids of the host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from paramedic_collector.exposition import Exposition, Family, label_pairs, number
from paramedic_collector.files import read, read_text
from paramedic_collector.source import Context, Paths, Source

_LABELS = ("boot_id", "machine_id", "system_uuid")
_REFRESH = 300.0
"""Seconds for which it is believed: memory can be added, and CPUs switched off, while the machine runs."""


def _gauge(name: str, text: str) -> Family:
    return Family(f"machine_{name}", "gauge", text, _LABELS, like="cAdvisor")


_CORES = _gauge("cpu_cores", "Logical CPU cores.")
_PHYSICAL = _gauge("cpu_physical_cores", "Physical CPU cores.")
_SOCKETS = _gauge("cpu_sockets", "CPU sockets.")
_MEMORY = _gauge("memory_bytes", "Memory of the machine.")
_SWAP = _gauge("swap_bytes", "Swap of the machine.")


class Machine(Source):
    """Cores, sockets, memory and swap of the machine."""

    name = "machine"
    families = (_CORES, _PHYSICAL, _SOCKETS, _MEMORY, _SWAP)

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[tuple[Family, str]] = []
        self._at = float("-inf")

    def collect(self, context: Context, out: Exposition) -> None:
        if not 0 <= context.now - self._at < _REFRESH:
            names = label_pairs(_labels(context.paths))
            self._lines = [(f, f"{f.name}{{{names}}} {number(value)}") for f, value in _values(context.paths)]
            self._at = context.now
        for family, line in self._lines:
            out.of(family).append(line)


def _labels(paths: Paths) -> dict[str, str]:
    return {
        "boot_id": read_text(paths.proc("sys/kernel/random/boot_id")),
        "machine_id": read_text(paths.root("/etc/machine-id")),
        # Only root may read it; cAdvisor runs as root.
        "system_uuid": read_text(paths.sys("class/dmi/id/product_uuid")),
    }


def _values(paths: Paths) -> Iterator[tuple[Family, int]]:
    base = paths.sys("devices/system/cpu")
    cpus = [
        name
        for name in sorted(entry.name for entry in Path(base).iterdir())
        if name.startswith("cpu") and name[3:].isdigit()
    ]
    online = [cpu for cpu in cpus if read_text(f"{base}/{cpu}/online", "1") != "0"]
    cores, sockets = set(), set()
    for cpu in online:
        socket = read_text(f"{base}/{cpu}/topology/physical_package_id", "0")
        sockets.add(socket)
        cores.add((socket, read_text(f"{base}/{cpu}/topology/core_id", cpu)))
    yield from ((_CORES, len(online)), (_PHYSICAL, len(cores)), (_SOCKETS, len(sockets)))
    for line in read(paths.proc("meminfo")).splitlines():
        word, _, rest = line.partition(b":")
        family = {b"MemTotal": _MEMORY, b"SwapTotal": _SWAP}.get(word)
        if family is not None:
            yield family, 1024 * int(rest.split()[0])
