"""File systems by statvfs(3), each mount with a time-out of its own."""

from __future__ import annotations

import os
from functools import partial

from paramedic_collector.exposition import Exposition, Family, label_pairs, number
from paramedic_collector.filters import Filter
from paramedic_collector.mounts import Mount, MountTable, mountinfo, parse
from paramedic_collector.relay import Outcome, Relay
from paramedic_collector.source import Context, Source

_LABELS = ("device", "device_error", "fstype", "mountpoint")
_MOST = 1000
"""Mounts looked at in one scrape; a host has dozens."""
_PATIENCE = 1.0
"""Seconds that a mount may take, where the source itself may take 5."""


def _gauge(name: str, text: str) -> Family:
    return Family(f"node_filesystem_{name}", "gauge", text, _LABELS)


_ERROR = _gauge("device_error", "Whether an error occurred while getting statistics for the given device.")
_READ_ONLY = _gauge("readonly", "Filesystem read-only status.")
_SIZE = _gauge("size_bytes", "Filesystem size in bytes.")
_FREE = _gauge("free_bytes", "Filesystem free space in bytes.")
_AVAILABLE = _gauge("avail_bytes", "Filesystem space available to non-root users in bytes.")
_FILES = _gauge("files", "Filesystem total file nodes.")
_FILES_FREE = _gauge("files_free", "Filesystem total free file nodes.")
_MOUNT = Family(
    "node_filesystem_mount_info",
    "gauge",
    "Filesystem mount information.",
    ("device", "major", "minor", "mountpoint"),
)
_PURGEABLE = _gauge("purgeable_bytes", "Filesystem space available including purgeable space (MacOS specific).")
"""Always 0 here; node_exporter has it too."""
_NUMBERS = (_ERROR, _READ_ONLY, _SIZE, _FREE, _AVAILABLE, _FILES, _FILES_FREE, _PURGEABLE)


class Filesystem(Source):
    """Size, free space and files of each mounted file system."""

    name = "filesystem"
    families = (*_NUMBERS, _MOUNT)

    def __init__(self) -> None:
        self._file: MountTable | None = None
        self._points = self._kinds = Filter()
        self._relay: Relay[os.statvfs_result] = Relay("statvfs")
        self._mounts: tuple[bytes, list[Mount]] = (b"", [])
        self._prefixes: dict[Mount, list[str]] = {}

    def collect(self, context: Context, out: Exposition) -> None:
        if self._file is None:
            self._file = MountTable(mountinfo(context.paths))
            settings = context.settings.filesystem
            self._points = Filter(settings.mount_points_exclude, settings.mount_points_include)
            self._kinds = Filter(settings.fs_types_exclude, settings.fs_types_include)
        mounts = self._wanted(self._file.read(context.now), context.paths.rootfs)
        jobs = [(m.point, partial(os.statvfs, context.paths.root(m.point))) for m in mounts]
        outcomes = self._relay.run(jobs, min(_PATIENCE, context.timeout / 5))
        for mount in mounts:
            self._one(mount, outcomes[mount.point], out)

    def close(self) -> None:
        self._relay.close()
        if self._file is not None:
            self._file.close()

    def _wanted(self, data: bytes, rootfs: str) -> list[Mount]:
        """Mounts seldom change, so the file is parsed only when its text has changed."""
        if data != self._mounts[0]:
            wanted = [m for m in parse(data, rootfs) if self._points(m.point) and self._kinds(m.kind)]
            self._mounts = (data, wanted[:_MOST])
            self._prefixes.clear()
        return self._mounts[1]

    def _one(self, mount: Mount, outcome: Outcome[os.statvfs_result], out: Exposition) -> None:
        found = outcome.value
        if found is None:
            for family, value in ((_ERROR, 1), (_READ_ONLY, int(mount.read_only))):
                labels = _labels(mount, _reason(outcome.error))
                out.add(family, value, **labels)
            return
        starts = self._prefixes.get(mount)
        if starts is None:
            starts = self._prefixes[mount] = _starts(mount)
        size = found.f_frsize
        values = (
            0,
            int(mount.read_only or bool(found.f_flag & os.ST_RDONLY)),
            found.f_blocks * size,
            found.f_bfree * size,
            found.f_bavail * size,
            found.f_files,
            found.f_ffree,
            0,
        )
        for family, start, value in zip(_NUMBERS, starts, values, strict=False):
            out.of(family).append(start + number(value))
        out.of(_MOUNT).append(starts[-1] + "1")


def _labels(mount: Mount, error: str) -> dict[str, str]:
    return {"device": mount.device, "mountpoint": mount.point, "fstype": mount.kind, "device_error": error}


def _starts(mount: Mount) -> list[str]:
    pairs = label_pairs(_labels(mount, ""))
    info = {"device": mount.device, "mountpoint": mount.point, "major": mount.major, "minor": mount.minor}
    return [f"{family.name}{{{pairs}}} " for family in _NUMBERS] + [f"{_MOUNT.name}{{{label_pairs(info)}}} "]


def _reason(error: BaseException | None) -> str:
    """A text that does not change from scrape to scrape: it is a label."""
    if isinstance(error, TimeoutError):
        return "mountpoint timeout"
    if isinstance(error, OSError):
        return (error.strerror or "error").lower()
    return type(error).__name__
