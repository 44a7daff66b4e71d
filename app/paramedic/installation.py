"""Keeps the installation readable for roles that have given up root, when it lies below a closed folder.

Root's own home is closed to other uids, and so is a clone made below `mktemp -d`; yet roles read modules, templates and
pictures from there as long as they live. Nothing of the machine is changed: each such folder of `sys.path` is held open,
and is from then on reached through its descriptor (`/proc/self/fd/N`, proc(5)), which needs no way through its parents.
"""

from __future__ import annotations

import os
import stat
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

from paramedic_core.errors import ConfigError

_held: dict[str, int] = {}


def descriptors() -> tuple[int, ...]:
    """Those that a child must keep."""
    return tuple(_held.values())


def hold_open() -> None:
    """Hold every closed folder of `sys.path` open, and have imports go through the descriptors.

    Raises:
        ConfigError: the folders themselves are closed, as after `umask 077`; the text says what would mend it.
    """
    for entry in sys.path:
        folder = Path(entry)
        if folder.is_dir() and entry not in _held and not _passable(folder):
            _check_readable(folder)
            _held[entry] = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    if not _held:
        return
    sys.path[:] = [_moved(entry) for entry in sys.path]
    for module in list(sys.modules.values()):
        _move(module)


def _move(module: ModuleType) -> None:
    """What is imported already would look for its other modules and its files at the old place."""
    places = getattr(module, "__path__", None)
    if isinstance(places, list):
        places[:] = [_moved(place) for place in places]
    loader = getattr(getattr(module, "__spec__", None), "loader", None)
    if isinstance(loader, SourceFileLoader):
        loader.path = _moved(loader.path)
        module.__file__ = loader.path


def _moved(path: str) -> str:
    for entry in sorted(_held, key=len, reverse=True):
        if path == entry or path.startswith(entry + "/"):
            return f"/proc/self/fd/{_held[entry]}{path[len(entry) :]}"
    return path


def _passable(folder: Path) -> bool:
    """Whether everybody may pass through all of its parents."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in folder.resolve().parents)


def _check_readable(folder: Path) -> None:
    closed = stat.S_IROTH | stat.S_IXOTH
    if folder.stat().st_mode & closed != closed:
        raise ConfigError(
            f"{folder} cannot be read by the uids that the roles get: `chmod -R o+rX {folder}`,"
            " or start paramedic as a plain user (then there is no boundary between its parts)"
        )
