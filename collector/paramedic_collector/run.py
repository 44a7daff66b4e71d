"""One run of one container: its cgroup, and its network through its first process."""

from __future__ import annotations

import errno
import os

from paramedic_collector import cadvisor as c
from paramedic_collector.cells import Table
from paramedic_collector.cgroup import Layout, folder, memberships
from paramedic_collector.exposition import number
from paramedic_collector.files import read
from paramedic_collector.group import Group
from paramedic_collector.labels import labels_of
from paramedic_collector.net import LONGEST
from paramedic_collector.readings import Reading
from paramedic_collector.source import Context
from paramedic_core.model import Container


class Run(Group):
    """What is open for one run of a container.

    The process is held as a folder of /proc (O_PATH): a lookup below it fails once the process has ended, also when its
    number has been given to another. `net/dev` itself is opened for each read: its descriptor would keep the network
    namespace of a dead container alive.

    Args:
        context: of the scrape that it is opened in.
        container: which.
        where: how cgroups are mounted.
        readings: what to read.
        table: that its row is told in.

    Raises:
        OSError: the process or its cgroup is gone (see `files.GONE`), or may not be read.
    """

    def __init__(
        self, context: Context, container: Container, where: Layout, readings: list[Reading], table: Table
    ) -> None:
        self.key = (container.pid, container.started_at)
        self._container = container
        # The network of `container:OTHER` is counted there; the process of this one shows the same numbers.
        self._own_network = not container.network_mode.startswith("container:")
        self._process = os.open(context.paths.proc(str(container.pid)), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            members = memberships(read("cgroup", dir_fd=self._process))
            folders = {name: folder(where, members, name, container.id) for name in ("", *where.controllers)}
            if not any(folders.values()):
                raise OSError(errno.ESRCH, f"process {container.pid} has no cgroup of container {container.short_id}")
            super().__init__(labels_of(container, context.labels), where, readings, folders, table)
            self.refresh(context.now)
        except BaseException:
            os.close(self._process)
            raise

    def update(self, container: Container, now: float) -> None:
        """The engine tells something new of the same run."""
        self._container = container
        self.refresh(now)

    def seldom(self) -> None:
        """See Group."""
        super().seldom()
        self.cells.put(c.STARTED, number(int(self._container.started_at)))
        if self._container.created_at > 0:
            self.cells.put(c.CREATED, number(int(self._container.created_at)))

    def measure(self, seen: str, *, kills: bool = True) -> str:
        """See Group; raises OSError also when the process has ended."""
        trouble = super().measure(seen, kills=kills)
        if self._own_network:
            self.network(read("net/dev", dir_fd=self._process, row=LONGEST))
        return trouble

    def close(self) -> None:
        """Close everything, for good."""
        self.release()
        os.close(self._process)
