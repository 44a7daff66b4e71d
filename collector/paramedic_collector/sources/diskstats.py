"""/proc/diskstats (Documentation/admin-guide/iostats.rst of the kernel), with udev's names of the devices."""

from __future__ import annotations

from paramedic_collector import udev
from paramedic_collector.exposition import Exposition, Family, number, prefix
from paramedic_collector.files import read_text
from paramedic_collector.filters import Filter
from paramedic_collector.source import Context, Paths, Source

_SECTOR = 512  # bytes, whatever the device's own sectors are
_REFRESH = 300.0
"""Seconds for which what udev says of a device is kept."""


def _counter(name: str, text: str) -> Family:
    return Family(f"node_disk_{name}", "counter", text, ("device",))


_INFO = Family(
    "node_disk_info",
    "gauge",
    "Info of /sys/block/<block_device>.",
    ("device", "major", "minor", "model", "path", "revision", "rotational", "serial", "wwn"),
)
_COLUMNS: tuple[tuple[Family, float], ...] = (
    # Family and scale, in the file's own order. Milliseconds are multiplied by the float 0.001, as node_exporter does:
    # its values have that rounding, and ours shall be the same to the last bit.
    (_counter("reads_completed_total", "The total number of reads completed successfully."), 1),
    (_counter("reads_merged_total", "The total number of reads merged."), 1),
    (_counter("read_bytes_total", "The total number of bytes read successfully."), _SECTOR),
    (_counter("read_time_seconds_total", "The total number of seconds spent by all reads."), 0.001),
    (_counter("writes_completed_total", "The total number of writes completed successfully."), 1),
    (_counter("writes_merged_total", "The number of writes merged."), 1),
    (_counter("written_bytes_total", "The total number of bytes written successfully."), _SECTOR),
    (_counter("write_time_seconds_total", "This is the total number of seconds spent by all writes."), 0.001),
    (Family("node_disk_io_now", "gauge", "The number of I/Os currently in progress.", ("device",)), 1),
    (_counter("io_time_seconds_total", "Total seconds spent doing I/Os."), 0.001),
    (_counter("io_time_weighted_seconds_total", "The weighted # of seconds spent doing I/Os."), 0.001),
    (_counter("discards_completed_total", "The total number of discards completed successfully."), 1),
    (_counter("discards_merged_total", "The total number of discards merged."), 1),
    (_counter("discarded_sectors_total", "The total number of sectors discarded successfully."), 1),
    (_counter("discard_time_seconds_total", "This is the total number of seconds spent by all discards."), 0.001),
    (_counter("flush_requests_total", "The total number of flush requests completed successfully"), 1),
    (
        _counter(
            "flush_requests_time_seconds_total", "This is the total number of seconds spent by all flush requests."
        ),
        0.001,
    ),
)


class Diskstats(Source):
    """Reads, writes, discards and flushes of each block device."""

    name = "diskstats"
    families = (_INFO, *(family for family, _ in _COLUMNS), *udev.FAMILIES)

    def __init__(self) -> None:
        self._wanted: Filter | None = None
        self._prefixes: dict[str, list[str]] = {}
        self._facts: dict[tuple[str, str, str], list[tuple[Family, str]]] = {}
        self._facts_at = float("-inf")

    def collect(self, context: Context, out: Exposition) -> None:
        if self._wanted is None:
            self._wanted = Filter(context.settings.diskstats.device_exclude, context.settings.diskstats.device_include)
        if not 0 <= context.now - self._facts_at < _REFRESH:
            self._facts.clear()
            self._facts_at = context.now
        devices = set()
        for line in self.files.read(context.paths.proc("diskstats")).decode("utf-8", "replace").splitlines():
            major, minor, device, *words = line.split()
            if not self._wanted(device):
                continue
            devices.add(device)
            self._columns(device, words, out)
            for family, text in self._about(context.paths, device, major, minor):
                out.of(family).append(text)
        for gone in self._prefixes.keys() - devices:
            del self._prefixes[gone]

    def _columns(self, device: str, words: list[str], out: Exposition) -> None:
        starts = self._prefixes.get(device)
        if starts is None:
            starts = self._prefixes[device] = [prefix(family.name, {"device": device}) for family, _ in _COLUMNS]
        for (family, scale), start, word in zip(_COLUMNS, starts, words, strict=False):
            out.of(family).append(start + number(int(word) * scale))

    def _about(self, paths: Paths, device: str, major: str, minor: str) -> list[tuple[Family, str]]:
        key = (device, major, minor)
        facts = self._facts.get(key)
        if facts is None:
            known = udev.properties(paths.udev_data, major, minor)
            rotational = read_text(paths.sys("block", device, "queue/rotational"), "0") or "0"
            labels = {"device": device, "major": major, "minor": minor, "rotational": rotational}
            facts = [(_INFO, prefix(_INFO.name, labels | udev.identity(known)) + "1")]
            facts += [(f, prefix(f.name, found) + number(v)) for f, found, v in udev.samples(device, known)]
            self._facts[key] = facts
        return facts
