"""The root of all cgroups and those just below it, as cAdvisor's raw cgroups: the whole host, and its parts."""

from __future__ import annotations

import os

from paramedic_collector.cells import Table
from paramedic_collector.cgroup import Layout
from paramedic_collector.files import GONE, read
from paramedic_collector.group import Group
from paramedic_collector.readings import Reading, pairs
from paramedic_collector.source import Context, Paths

_MOST = 64
_REFRESH = 60.0
"""Seconds for which the list of them is kept."""


class Slices:
    """The root and its children, measured like a container, with their path as `id` and neither name nor image.

    Args:
        where: how cgroups are mounted.
        readings: what to read of each.
        table: that their rows are told in.
    """

    def __init__(self, where: Layout, readings: list[Reading], table: Table) -> None:
        self._where, self._readings, self._table = where, readings, table
        self._groups: dict[str, Group] = {}
        self._listed_at = float("-inf")

    def rows(self, context: Context, seen: str, problems: list[str]) -> list[list[str]]:
        """Their rows. What has gone is left out; what could not be read is named in `problems`."""
        if not 0 <= context.now - self._listed_at < _REFRESH:
            self._list(context)
        found = []
        for path, group in list(self._groups.items()):
            try:
                trouble = group.measure(seen)
                if path == "/":
                    _host(context.paths, group, unified=self._where.pure)
            except (OSError, ValueError, KeyError) as error:
                if not isinstance(error, OSError) or error.errno not in GONE:
                    problems.append(f"the cgroup {path}: {error}")
                self._groups.pop(path).release()
                continue
            if trouble:
                problems.append(f"the cgroup {path}: {trouble}")
            found.append(group.cells.row)
        return found

    def close(self) -> None:
        """Close their files."""
        for group in self._groups.values():
            group.release()
        self._groups.clear()

    def _list(self, context: Context) -> None:
        self._listed_at = context.now
        present = _paths(self._where)
        for gone in self._groups.keys() - set(present):
            self._groups.pop(gone).release()
        for path in present:
            if path not in self._groups:
                tail = path.rstrip("/")
                roots = {"": self._where.unified, **self._where.controllers}
                folders = {name: root + tail if root else None for name, root in roots.items()}
                group = Group({"id": path, "image": "", "name": ""}, self._where, self._readings, folders, self._table)
                if group.size > 1:
                    self._groups[path] = group
        for group in self._groups.values():
            group.refresh(context.now)


def _paths(where: Layout) -> list[str]:
    base = where.unified if where.pure else where.controllers.get("memory") or where.controllers.get("cpuacct", "")
    if not base:
        return []
    with os.scandir(base) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    return ["/", *(f"/{name}" for name in names[:_MOST])]


def _host(paths: Paths, group: Group, *, unified: bool) -> None:
    """What the root's own files do not say: the network of the host, and with v2 its memory."""
    group.network(
        read(paths.proc("1/net/dev") if os.access(paths.proc("1/net/dev"), os.R_OK) else paths.proc("net/dev"))
    )
    if unified:
        found = pairs(read(paths.proc("meminfo")).replace(b" kB", b""))
        group.cells.memory(usage=1024 * (int(found["MemTotal:"]) - int(found["MemFree:"])))
