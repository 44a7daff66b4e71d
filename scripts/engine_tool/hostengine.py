"""ENGINE=host: the machine's own engine, of which only what carries our names is touched."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import daemon
import image
import need
from place import MARK


def up(folder: Path, checkout: Path) -> str:
    """The machine's engine's address, with our image in it.

    Raises:
        CannotHave: it does not answer.
    """
    address = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    kind, _, path = address.partition("://")
    if kind != "unix" or not daemon.answers(Path(path)):
        raise need.CannotHave(f"ENGINE=host, and no engine answers at {address} (set DOCKER_HOST to a unix:// address)")
    folder.mkdir(parents=True, exist_ok=True)
    imported = image.ensure(Path(path), folder)
    kept = {"host": True, "address": address, "imported": imported, "checkout": str(checkout)}
    if not (folder / MARK).exists():
        (folder / MARK).write_text(json.dumps(kept))
    return address


def is_host(folder: Path) -> bool:
    """Whether `up` was said with ENGINE=host for this folder."""
    try:
        return bool(json.loads((folder / MARK).read_text()).get("host"))
    except (OSError, ValueError):
        return False


def down(folder: Path) -> None:
    """Remove the image, if it was us who brought it; nothing else is ours by this way."""
    kept = json.loads((folder / MARK).read_text())
    if kept["imported"]:
        with contextlib.suppress(daemon.EngineFailed, OSError):
            daemon.ask(Path(kept["address"].partition("://")[2]), "DELETE", f"/images/{image.NAME}:{image.TAG}")
    (folder / MARK).unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()
