"""File systems as cAdvisor tells of them, by statvfs(3); never by walking through one: that of the writable layers, and the host's."""

from __future__ import annotations

import os
from functools import partial

from paramedic_collector.cadvisor import family
from paramedic_collector.exposition import Exposition, label_pairs, number
from paramedic_collector.files import read
from paramedic_collector.labels import labels_of
from paramedic_collector.mounts import Mount, mountinfo, parse
from paramedic_collector.relay import Relay
from paramedic_collector.source import Context, Paths, Source
from paramedic_core.model import Container

_REFRESH = 60.0
"""Seconds for which it is kept: a file system fills slowly beside a scrape."""
_PATIENCE = 1.0
"""Seconds that a mount may take."""
_MOST = 200
"""File systems of the host that are looked at."""
_KINDS = ("ext2", "ext3", "ext4", "xfs", "btrfs")
_LIMIT = family(
    "gauge", "fs_limit_bytes", "Size of the file system; a container's: that of its writable layer.", "device"
)
_INODES = family(
    "gauge", "fs_inodes_total", "Inodes of the file system; a container's: of its writable layer.", "device"
)
_FREE = family(
    "gauge", "fs_inodes_free", "Free inodes of the file system; a container's: of its writable layer.", "device"
)
_USAGE = family("gauge", "fs_usage_bytes", 'Bytes in use; of the host\'s file systems only (`id="/"`).', "device")
_OF_LAYER = (_LIMIT, _INODES, _FREE)
_ALL = (*_OF_LAYER, _USAGE)


class ContainerFilesystem(Source):
    """Size and inodes of the file system that holds each running container's writable layer; usage too of the host's."""

    name = "container_fs"
    families = _ALL

    def __init__(self) -> None:
        super().__init__()
        self._layer: tuple[str, ...] = ()
        self._device = ""
        self._host: list[str] = []
        self._at = float("-inf")
        self._starts: dict[str, tuple[Container, str, str]] = {}
        self._relay: Relay[os.statvfs_result] = Relay("statvfs-host")

    def collect(self, context: Context, out: Exposition) -> None:
        folder = context.world.engine.root_dir if context.world is not None else ""
        if not 0 <= context.now - self._at < _REFRESH:
            self._look(context, folder)
        for of, line in zip(_ALL * (len(self._host) // len(_ALL)), self._host, strict=True):
            out.of(of).append(line)
        if context.world is None or not self._layer:
            return
        running = {c.id: c for c in context.world.containers.values() if c.pid > 0}
        for gone in self._starts.keys() - running.keys():
            del self._starts[gone]
        for container in running.values():
            pairs = self._pairs(container, context.labels)
            for of, value in zip(_OF_LAYER, self._layer, strict=True):
                out.of(of).append(f"{of.name}{{{pairs}}} {value}")

    def close(self) -> None:
        self._relay.close()

    def _look(self, context: Context, folder: str) -> None:
        mounts = parse(read(mountinfo(context.paths)), context.paths.rootfs)
        self._layer, self._device = (), ""
        if not context.settings.docker_only:
            self._host = self._lines(_whole(mounts), context.paths)
        if folder:
            found, self._device = _of(folder, mounts, context.paths)
            self._layer = _numbers(found)[: len(_OF_LAYER)]
        self._at = context.now

    def _lines(self, mounts: list[Mount], paths: Paths) -> list[str]:
        """The host's file systems, each with a line of every family; one that does not answer is left out."""
        jobs = [(m.point, partial(os.statvfs, paths.root(m.point))) for m in mounts]
        outcomes = self._relay.run(jobs, _PATIENCE)
        lines = []
        for mount in mounts:
            found = outcomes[mount.point].value
            if found is not None:
                pairs = label_pairs({"device": mount.device, "id": "/", "image": "", "name": ""})
                lines += [f"{of.name}{{{pairs}}} {n}" for of, n in zip(_ALL, _numbers(found), strict=True)]
        return lines

    def _pairs(self, container: Container, more: tuple[str, ...]) -> str:
        known = self._starts.get(container.id)
        if known is None or known[0] is not container or known[1] != self._device:
            pairs = label_pairs({**labels_of(container, more), "device": self._device})
            known = self._starts[container.id] = (container, self._device, pairs)
        return known[2]


def _whole(mounts: list[Mount]) -> list[Mount]:
    """One mount of each file system on a device: the others show the same."""
    found: dict[str, Mount] = {}
    for mount in sorted(mounts, key=lambda m: len(m.point)):
        if mount.kind in _KINDS and mount.device.startswith("/dev/"):
            found.setdefault(mount.device, mount)
    return list(found.values())[:_MOST]


def _of(folder: str, mounts: list[Mount], paths: Paths) -> tuple[os.statvfs_result, str]:
    """The file system that a folder is on, and its device.

    The folder itself is closed to all but root (0710), and so may be what it lies in; what it is mounted on is not, or
    another mount of the same file system.
    """
    above = [m for m in mounts if folder == m.point or folder.startswith(m.point.rstrip("/") + "/")]
    mount = max(above, key=lambda m: len(m.point), default=None)
    if mount is None:
        return os.statvfs(paths.root(folder)), ""
    same = [m.point for m in mounts if (m.major, m.minor) == (mount.major, mount.minor) and m.point != mount.point]
    for point in (mount.point, *sorted(same, key=len)[:10]):
        try:
            return os.statvfs(paths.root(point)), mount.device
        except PermissionError as error:
            refused = error
    raise refused


def _numbers(found: os.statvfs_result) -> tuple[str, ...]:
    """In the order of `_ALL`."""
    size = found.f_frsize
    used = (found.f_blocks - found.f_bfree) * size
    return tuple(number(n) for n in (found.f_blocks * size, found.f_files, found.f_ffree, used))
