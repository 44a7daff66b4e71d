"""Which container, if any, this process runs in: paramedic never acts on itself."""

from __future__ import annotations

import re
import socket
from pathlib import Path

_ID = re.compile(r"(?<![0-9a-f])([0-9a-f]{64})(?![0-9a-f])")
_SHORT = re.compile(r"[0-9a-f]{12}")
_OURS = frozenset({"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"})
"""What the engine mounts into a container from that container's own folder. Other mounts of containers' folders are seen
on the host too, so they say nothing."""


def own_ids(proc: Path = Path("/proc/self"), hostname: str | None = None) -> frozenset[str]:
    """Ids, or their first 12 digits, by which this process' own container would be known; empty outside one.

    Read from cgroup (cgroup v1), from mountinfo (cgroup v2 with a namespace of its own), and from the host name, which is
    the short id unless it was set.
    """
    found: set[str] = set()
    for line in _lines(proc / "cgroup"):
        found.update(_ID.findall(line.rpartition(":")[2]))
    for line in _lines(proc / "mountinfo"):
        fields = line.split(" ")
        # proc_pid_mountinfo(5): the fourth field is the root within the file system, the fifth the mount point.
        if len(fields) > 4 and fields[4] in _OURS:
            found.update(_ID.findall(fields[3]))
    host = socket.gethostname() if hostname is None else hostname
    if _SHORT.fullmatch(host):
        found.add(host)
    return frozenset(found)


def _lines(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(1 << 20).splitlines()
    except OSError:
        return []
