"""Which supervisor has which role of a data directory: never two have the same one.

Two containers may share one data directory's `run`, runtime in the one and the other roles in the other. One file, a byte
for each role, locked by open file description (fcntl(2)): children inherit it, so it lasts until all of them have ended,
and it holds across containers, where process ids mean nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import struct
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from paramedic.roles import SPECS
from paramedic_core.errors import BadInput, ConfigError
from paramedic_core.sys.files import read_bounded

_ORDER = tuple(spec.name for spec in SPECS)
_FLOCK = "hhqqi4x"
"""struct flock: type, whence, start, length, pid."""
_NOTE = 16
"""Bytes in which the holder of each role leaves its process id, for people."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Roles that are ours."""

    fd: int
    report: Path
    """Where this supervisor says how its roles are."""

    def close(self) -> None:
        """Give them up, as soon as the children have ended too."""
        os.close(self.fd)


def claim(data: Path, names: Sequence[str], within: float = 1.0) -> Claim:
    """Be the only supervisor of these roles.

    Waits a moment for one that was killed: its children hold the lock too, until the kernel has ended them.

    Args:
        data: the data directory; its `run` is there.
        names: the roles, at least one.
        within: seconds.

    Raises:
        ConfigError: another has one of them.
    """
    run = data / "run"
    fd = os.open(run / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    end = time.monotonic() + within
    try:
        for name in names:
            while not _lock(fd, _ORDER.index(name)):
                if time.monotonic() >= end:
                    raise ConfigError(_taken(fd, data, name))
                time.sleep(0.05)
        for name in names:
            os.pwrite(fd, f"{os.getpid()}\n".encode().ljust(_NOTE), _ORDER.index(name) * _NOTE)
    except BaseException:
        os.close(fd)
        raise
    _forget_reports(run, names)
    alone = not _others(fd)
    return Claim(fd, run / ("supervisor.json" if alone else f"supervisor-{names[0]}.json"))


def _lock(fd: int, byte: int) -> bool:
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0))
    except (BlockingIOError, PermissionError):
        return False
    return True


def _others(fd: int) -> bool:
    """Whether another supervisor has any role here."""
    asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, len(_ORDER), 0)
    kind = struct.unpack(_FLOCK, fcntl.fcntl(fd, fcntl.F_OFD_GETLK, asked))[0]
    return bool(kind != fcntl.F_UNLCK)


def _taken(fd: int, data: Path, name: str) -> str:
    holder = os.pread(fd, _NOTE, _ORDER.index(name) * _NOTE).decode("ascii", "replace").strip("\0 \n") or "unknown"
    return (
        f"another paramedic (process {holder}) runs on {data}, and has the role {name}: stop it,"
        " or name another folder with --data"
    )


def _forget_reports(run: Path, names: Collection[str]) -> None:
    """Remove what a killed supervisor of these roles left behind."""
    for path in run.glob("supervisor*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, BadInput):
            if set(json.loads(read_bounded(path))["roles"]) & set(names):
                path.unlink()
