"""What is mounted on the host, from mountinfo (proc_pid_mountinfo(5))."""

from __future__ import annotations

import os
import re
import select
from dataclasses import dataclass

from paramedic_collector.files import Held
from paramedic_collector.source import Paths

_TRUST = 60.0
"""Seconds after which it is read whatever the kernel says: sandboxes that are no Linux may not say."""
_ESCAPE = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount, as the host names it."""

    device: str
    point: str
    kind: str
    major: str
    minor: str
    read_only: bool


class MountTable:
    """mountinfo, held open; read again only when the kernel says that it has changed.

    Reading it costs more than statvfs(2) of all mounts on a host with many containers. A change is told by poll(2)
    (proc_pid_mountinfo(5)); only that a file system has become read-only by itself is not, and statvfs tells that.
    """

    def __init__(self, path: str) -> None:
        self._held = Held(path)
        self._poll: select.poll | None = None
        self._data = b""
        self._at = float("-inf")

    def read(self, now: float) -> bytes:
        """The present content.

        Args:
            now: seconds, of any clock.

        Raises:
            OSError: it cannot be read.
        """
        if self._poll is not None and 0 <= now - self._at < _TRUST and not self._poll.poll(0):
            return self._data
        self._data, self._at = self._held.read(), now
        if self._poll is None and os.fstat(self._held.fd).st_size == 0:  # else no file of the kernel's
            self._poll = select.poll()
            self._poll.register(self._held.fd, select.POLLERR | select.POLLPRI)
        return self._data

    def close(self) -> None:
        """Let go of the descriptor."""
        self._poll = None
        self._held.close()


def mountinfo(paths: Paths) -> str:
    """The file to read: process 1's is the host's also when we live in a container; without it (hidepid) our own."""
    first = paths.proc("1/mountinfo")
    return first if os.access(first, os.R_OK) else paths.proc("self/mountinfo")


def parse(data: bytes, rootfs: str = "/") -> list[Mount]:
    """The mounts; of several on one point the last, which hides the others.

    Args:
        data: the file.
        rootfs: where the host's root is seen from here; what is mounted below it is named as on the host.

    Raises:
        ValueError: a line has another form.
    """
    found: dict[str, Mount] = {}
    for line in data.splitlines():
        left, dash, right = line.partition(b" - ")
        fields, facts = left.split(b" "), right.split(b" ")
        if not dash or len(fields) < 6 or len(facts) < 2:
            raise ValueError(f"mountinfo has a line of another form: {line[:80]!r}")
        major, _, minor = fields[2].decode("ascii", "replace").partition(":")
        point = _on_host(_plain(fields[4]), rootfs)
        options = set(fields[5].split(b",")) | set(facts[2].split(b",") if len(facts) > 2 else ())
        found.pop(point, None)
        found[point] = Mount(_plain(facts[1]), point, _plain(facts[0]), major, minor, b"ro" in options)
    return list(found.values())


def _plain(field: bytes) -> str:
    return _ESCAPE.sub(lambda match: bytes([int(match[1], 8) & 255]), field).decode("utf-8", "surrogateescape")


def _on_host(point: str, rootfs: str) -> str:
    root = rootfs.rstrip("/")
    if root and (point == root or point.startswith(f"{root}/")):
        return point[len(root) :] or "/"
    return point
