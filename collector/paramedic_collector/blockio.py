"""Block I/O of a cgroup: `io.stat` of v2 (Documentation/admin-guide/cgroup-v2.rst of the kernel), `blkio.throttle.*` of v1."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from paramedic_collector.cadvisor import BLKIO, READ_BYTES, READS, WRITES, WRITTEN_BYTES, Slot
from paramedic_collector.cells import Cells
from paramedic_collector.files import read_text
from paramedic_collector.source import Paths

_MOST_DEVICES = 64
_V2 = {"rbytes": "Read", "wbytes": "Write", "dbytes": "Discard"}


class Devices:
    """The names of block devices, from sysfs."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._names: dict[str, str] = {}

    def name(self, number: str) -> str:
        """`/dev/NAME` of `MAJOR:MINOR`, as cAdvisor writes it; empty where sysfs does not know it."""
        found = self._names.get(number)
        if found is None:
            if len(self._names) >= 1024:
                self._names.clear()
            lines = read_text(self._paths.sys("dev/block", number, "uevent")).splitlines()
            found = next((f"/dev/{line[8:]}" for line in lines if line.startswith("DEVNAME=")), "")
            self._names[number] = found
        return found


def stat_v2(devices: Devices) -> Callable[[Cells, bytes], None]:
    """Takes `io.stat`: `MAJOR:MINOR rbytes=… wbytes=… rios=… wios=… dbytes=… dios=…` a line."""

    def take(cells: Cells, data: bytes) -> None:
        rows = []
        for line in data.decode("ascii", "replace").splitlines()[:_MOST_DEVICES]:
            number, *words = line.split()
            values = dict(word.split("=", 1) for word in words if "=" in word)
            if "rbytes" in values:  # a device that was never used has its number alone
                rows.append((number, values))
        usage = [(*_key(devices, n), op, v[k]) for n, v in rows for k, op in _V2.items() if k in v]
        cells.put_each(BLKIO, _BLKIO, (((d, ma, mi, op), value) for d, ma, mi, op, value in usage))
        for slot, key in ((READ_BYTES, "rbytes"), (WRITTEN_BYTES, "wbytes"), (READS, "rios"), (WRITES, "wios")):
            _put(cells, slot, ((devices.name(n), v[key]) for n, v in rows if key in v))

    return take


def bytes_v1(devices: Devices) -> Callable[[Cells, bytes], None]:
    """Takes `blkio.throttle.io_service_bytes`: `MAJOR:MINOR OPERATION NUMBER` a line, `Total NUMBER` at the end."""

    def take(cells: Cells, data: bytes) -> None:
        rows = _rows(data)
        cells.put_each(BLKIO, _BLKIO, (((*_key(devices, n), op), value) for n, op, value in rows))
        _put(cells, READ_BYTES, ((devices.name(n), v) for n, op, v in rows if op == "Read"))
        _put(cells, WRITTEN_BYTES, ((devices.name(n), v) for n, op, v in rows if op == "Write"))

    return take


def counts_v1(devices: Devices) -> Callable[[Cells, bytes], None]:
    """Takes `blkio.throttle.io_serviced`, which has the same form."""

    def take(cells: Cells, data: bytes) -> None:
        rows = _rows(data)
        _put(cells, READS, ((devices.name(n), v) for n, op, v in rows if op == "Read"))
        _put(cells, WRITES, ((devices.name(n), v) for n, op, v in rows if op == "Write"))

    return take


_BLKIO = ("device", "major", "minor", "operation")


def _rows(data: bytes) -> list[tuple[str, str, str]]:
    rows = (line.split() for line in data.decode("ascii", "replace").splitlines()[: _MOST_DEVICES * 8])
    return [(row[0], row[1], row[2]) for row in rows if len(row) == 3]


def _key(devices: Devices, number: str) -> tuple[str, str, str]:
    major, _, minor = number.partition(":")
    return devices.name(number), major, minor


def _put(cells: Cells, slot: Slot, values: Iterable[tuple[str, str]]) -> None:
    # Without a name there would be several series with the same labels: `container_blkio_…` has those by number.
    cells.put_each(slot, ("device",), (((name,), text) for name, text in values if name))
