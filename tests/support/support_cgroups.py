"""Real cgroups as an engine would make them, each with a sleeping process in a network of its own. Root only."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from paramedic_core.model import Container
from support_collector import container
from support_wait import wait_until

BASE = Path("/sys/fs/cgroup")
_V1 = ("cpuacct", "cpu", "memory", "pids", "blkio")


def can_make() -> bool:
    """Whether cgroups can be made here."""
    return os.geteuid() == 0 and os.access(BASE, os.W_OK)


def hierarchies() -> list[Path]:
    """The roots in which a container has a folder."""
    if (BASE / "cgroup.controllers").exists():
        return [BASE]
    return [root for root in (*(BASE / name for name in _V1), BASE / "unified") if root.is_dir()]


class Group:
    """One cgroup, in every hierarchy, with a process in it.

    Args:
        parent: the name of the folder above it.
        script: what its process does, in sh.
    """

    def __init__(self, parent: str, script: str = "exec sleep 1000") -> None:
        self.id = secrets.token_hex(32)
        self.folders = [root / parent / self.id for root in hierarchies()]
        command = ["unshare", "--net", "sh", "-c", f"read go; {script}"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE)
        for folder in self.folders:
            folder.mkdir(parents=True)
            if folder.parents[1] == BASE:
                for above in (folder.parent.parent, folder.parent):
                    (above / "cgroup.subtree_control").write_text("+cpu +memory +io +pids")
            (folder / "cgroup.procs").write_text(str(self._process.pid))
        # What it touches from here on is charged to the group.
        assert self._process.stdin is not None
        self._process.stdin.close()
        self.container: Container = replace(container(f"c-{self.id[:6]}", pid=self._process.pid), id=self.id)

    def network(self) -> int:
        """The network namespace that its process is in; right after the start it is still the host's."""
        return os.stat(f"/proc/{self.container.pid}/ns/net").st_ino

    def end(self) -> None:
        """End the process and remove the cgroup, as an engine does."""
        self._process.kill()
        self._process.wait()
        for folder in self.folders:
            if folder.exists():
                wait_until(lambda folder=folder: _removed(folder))  # type: ignore[misc]


@contextlib.contextmanager
def parent() -> Iterator[str]:
    """A name for what is above groups; their folders are gone afterwards."""
    name = f"paramedic-test-{secrets.token_hex(4)}"
    try:
        yield name
    finally:
        for root in hierarchies():
            with contextlib.suppress(FileNotFoundError):
                (root / name).rmdir()


@contextlib.contextmanager
def groups(count: int) -> Iterator[list[Group]]:
    """So many, and none of them left afterwards."""
    made: list[Group] = []
    with parent() as name:
        try:
            for _ in range(count):
                made.append(Group(name))
            ours = os.stat("/proc/self/ns/net").st_ino
            wait_until(lambda: all(group.network() != ours for group in made))
            yield made
        finally:
            for group in made:
                group.end()


def _removed(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        folder.rmdir()
    return not folder.exists()
