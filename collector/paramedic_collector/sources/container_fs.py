"""The file system that holds containers' writable layers, by statvfs(3); never by walking through it."""

from __future__ import annotations

import os

from paramedic_collector.cadvisor import family
from paramedic_collector.exposition import Exposition, Family, label_pairs, number
from paramedic_collector.files import read
from paramedic_collector.labels import labels_of
from paramedic_collector.mounts import mountinfo, parse
from paramedic_collector.source import Context, Source
from paramedic_core.model import Container

_REFRESH = 60.0
"""Seconds for which it is kept: a file system fills slowly beside a scrape."""
_LIMIT = family("gauge", "fs_limit_bytes", "Size of the file system that holds the writable layer.", "device")
_INODES = family("gauge", "fs_inodes_total", "Inodes of the file system that holds the writable layer.", "device")
_FREE = family("gauge", "fs_inodes_free", "Free inodes of the file system that holds the writable layer.", "device")
_ALL = (_LIMIT, _INODES, _FREE)


class ContainerFilesystem(Source):
    """Size and inodes of the file system that holds each running container's writable layer."""

    name = "container_fs"
    families = _ALL

    def __init__(self) -> None:
        super().__init__()
        self._values: dict[Family, str] = {}
        self._device = ""
        self._at = float("-inf")
        self._starts: dict[str, tuple[Container, str, str]] = {}

    def collect(self, context: Context, out: Exposition) -> None:
        if context.world is None or not context.world.engine.root_dir:
            return
        if not 0 <= context.now - self._at < _REFRESH:
            self._look(context, context.world.engine.root_dir)
        running = {c.id: c for c in context.world.containers.values() if c.pid > 0}
        for gone in self._starts.keys() - running.keys():
            del self._starts[gone]
        for container in running.values():
            pairs = self._pairs(container, context.labels)
            for of, value in self._values.items():
                out.of(of).append(f"{of.name}{{{pairs}}} {value}")

    def _look(self, context: Context, folder: str) -> None:
        mounts = parse(read(mountinfo(context.paths)), context.paths.rootfs)
        above = [m for m in mounts if folder == m.point or folder.startswith(m.point.rstrip("/") + "/")]
        mount = max(above, key=lambda m: len(m.point), default=None)
        # The folder itself is closed to all but root (0710); what it is mounted on is not.
        found = os.statvfs(context.paths.root(mount.point if mount is not None else folder))
        self._device = mount.device if mount is not None else ""
        values = (found.f_blocks * found.f_frsize, found.f_files, found.f_ffree)
        self._values = {of: number(value) for of, value in zip(_ALL, values, strict=True)}
        self._at = context.now

    def _pairs(self, container: Container, more: tuple[str, ...]) -> str:
        known = self._starts.get(container.id)
        if known is None or known[0] is not container or known[1] != self._device:
            pairs = label_pairs({**labels_of(container, more), "device": self._device})
            known = self._starts[container.id] = (container, self._device, pairs)
        return known[2]
