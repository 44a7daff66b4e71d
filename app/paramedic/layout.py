"""The data directory: which folders there are, whose they are, and who may pass through them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from paramedic.roles import Spec
from paramedic_core.errors import ConfigError
from paramedic_core.sys.identity import GID, separated, uid_of

_OURS = frozenset(
    {"runtime", "dns", "healer", "logs", "metrics", "hub", "run", "FREEZE", "host-id", "tokens.json", "admin-token"}
)


def prepare(data: Path, specs: Iterable[Spec]) -> None:
    """Make the folders that are missing and give each its rights. A folder that is not paramedic's is never changed.

    Raises:
        ConfigError: it cannot be made, or the roles could not reach it; the text says what would mend it.
    """
    try:
        _prepare(data, specs)
    except OSError as error:
        raise ConfigError(f"the data directory {data} cannot be used ({error}): name another with --data") from error


def _prepare(data: Path, specs: Iterable[Spec]) -> None:
    root = os.geteuid() == 0
    data.mkdir(parents=True, exist_ok=True)
    inside = {entry.name for entry in os.scandir(data)}
    if root and (not inside or inside & _OURS):
        _rights(data, 0o750, 0, GID)
    if root:
        _reachable(data)
    (data / "run").mkdir(exist_ok=True)
    _rights(data / "run", 0o750, 0, GID)
    for spec in specs:
        for name in ((spec.name,) if spec.folder else ()) + spec.stores:
            folder = data / name
            folder.mkdir(exist_ok=True)
            _rights(folder, 0o700, uid_of(spec.name), GID)


def _rights(folder: Path, mode: int, uid: int, gid: int) -> None:
    # Opened first and without following a link, so that nobody can have another folder's rights changed.
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(fd)
        # The mode first, while it is still root's; and nothing where nothing differs: a container may see it read-only.
        if stat.S_IMODE(found.st_mode) != mode:
            os.fchmod(fd, mode)
        if separated() and os.geteuid() == 0 and (found.st_uid, found.st_gid) != (uid, gid):
            os.fchown(fd, uid, gid)
    finally:
        os.close(fd)


def _reachable(data: Path) -> None:
    """Every folder on the way lets the roles' group through."""
    for folder in (data, *data.resolve().parents):
        found = folder.stat()
        mine = found.st_mode & stat.S_IXGRP if found.st_gid == GID else found.st_mode & stat.S_IXOTH
        if not mine:
            raise ConfigError(
                f"{folder} (mode {stat.S_IMODE(found.st_mode):04o}) keeps the roles out of the data directory {data}:"
                f" `chmod o+x {folder}`, or name another with --data"
            )
