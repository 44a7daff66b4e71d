"""What is mounted on the host, from mountinfo (proc_pid_mountinfo(5))."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from paramedic_collector.source import Paths

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
