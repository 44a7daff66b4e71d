"""Grants: which services may be acted on, given by local root or with an admin token, without touching a container.

`DATA/runtime/grants.json`: {"grants": {"project/service": {"mode", "by", "at"}}}. Runtime alone writes it; it is read again
when it changes. While it cannot be read, nobody knows what was taken back, so nothing is acted on.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from paramedic_core.clock import Clock
from paramedic_core.errors import BadInput, NotFound, StoreUnavailable
from paramedic_core.leave import read_mode
from paramedic_core.settings import Mode
from paramedic_core.sys.files import read_bounded, write_atomic
from paramedic_core.world import World

MOST = 2000
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Grant:
    """One service's grant."""

    mode: Mode
    by: str
    at: float
    """Unix seconds."""


class Grants:
    """The grants of one data directory. Thread-safe.

    Args:
        path: `DATA/runtime/grants.json`.
        clock: the time.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path, self._clock = path, clock
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] | None = None
        self._grants: dict[str, Grant] = {}

    def all(self) -> Mapping[str, Grant]:
        """Every grant, by service key.

        Raises:
            StoreUnavailable: the file is damaged or cannot be read.
        """
        with self._lock:
            return dict(self._read())

    def modes(self) -> dict[str, str]:
        """Service key → mode, as `World.grants` has it; raises as `all`."""
        return {key: grant.mode.value for key, grant in sorted(self.all().items())}

    def give(self, service: str, mode: Mode, by: str) -> None:
        """Grant `mode` to a service, in place of what it had.

        Args:
            service: the service key, as `resolve` gives it.
            mode: what healing may do to it.
            by: who gives it, for the record.

        Raises:
            StoreUnavailable: the file cannot be read or written; nothing has changed.
        """
        with self._lock:
            grants = dict(self._read())
            grants[service] = Grant(mode, by[:200], self._clock.now())
            if len(grants) > MOST:
                raise BadInput(f"there are {MOST} grants, the most there may be: take some back first")
            self._write(grants)

    def take_back(self, service: str) -> None:
        """Remove a service's grant.

        Raises:
            NotFound: it has none.
            StoreUnavailable: as in `give`.
        """
        with self._lock:
            grants = dict(self._read())
            if grants.pop(service, None) is None:
                raise NotFound(f"{service} has no grant{_hint(service, grants)}")
            self._write(grants)

    def _read(self) -> dict[str, Grant]:
        try:
            stat = self._path.stat()
            seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            if seen != self._seen:
                self._grants = _parse(read_bounded(self._path, _MOST_BYTES))
                self._seen = seen
        except FileNotFoundError:
            self._grants, self._seen = {}, None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, BadInput, RecursionError) as error:
            self._seen = None
            raise StoreUnavailable(
                f"the grants cannot be read, so nothing is acted on: {self._path} is damaged ({error}); "
                "restore it, or remove it and grant anew with `paramedic heal enable`",
                retry_after=30.0,
            ) from error
        return self._grants

    def _write(self, grants: Mapping[str, Grant]) -> None:
        content = {"grants": {key: asdict(grant) for key, grant in sorted(grants.items())}}
        try:
            write_atomic(self._path, json.dumps(content, indent=1).encode() + b"\n")
        except OSError as error:
            raise StoreUnavailable(f"nothing was changed: {self._path} cannot be written ({error.strerror})") from error


def parse_mode(text: str) -> Mode | None:
    """The mode that a request asks for; None takes the grant back (an empty word, or `default`).

    Raises:
        BadInput: it is no mode.
    """
    if text.strip().lower() in ("", "default"):
        return None
    mode = read_mode(text)
    if mode is None:
        raise BadInput(f"{text[:40]!r} is no mode: off, observe, approve, enforce, or default to take the grant back")
    return mode


def resolve(name: str, world: World) -> str:
    """The service key that a person means by `name`: a key, a service's own name, a container's name or id.

    Raises:
        NotFound: nothing here is called that; a grant for a mistyped name would lie in wait for a stranger.
        BadInput: several services are called that.
    """
    services = world.services()
    if name in services:
        return name
    container = world.find(name)
    if container is not None:
        return container.service_key
    found = sorted({c.service_key for c in world.containers.values() if c.service == name})
    if len(found) == 1:
        return found[0]
    if found:
        raise BadInput(f"several services are called {name}: say which, {' or '.join(found[:5])}")
    away = "" if world.engine.connected else f" (the engine is away: {world.engine.reason})"
    raise NotFound(f"there is no service or container {name[:100]!r} on this host{_hint(name, services)}{away}")


def _hint(name: str, known: Mapping[str, object]) -> str:
    near = get_close_matches(name[:100], list(known)[:MOST], n=1)
    return f": did you mean {near[0]}?" if near else ""


def _parse(data: bytes) -> dict[str, Grant]:
    entries = json.loads(data)["grants"]
    return {str(key): _grant(entry) for key, entry in entries.items()}


def _grant(entry: Mapping[str, Any]) -> Grant:
    return Grant(Mode(entry["mode"]), str(entry["by"]), float(entry["at"]))
