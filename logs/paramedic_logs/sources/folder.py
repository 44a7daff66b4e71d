"""The engine's folder `containers`: one log a container, whoever made it and however short it lives."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from paramedic_core.counters import Counters
from paramedic_logs import stats
from paramedic_logs.line import Line
from paramedic_logs.sources.inotify import Inotify
from paramedic_logs.sources.json_file import ContainerLog
from paramedic_logs.sources.rotation import Place

log = logging.getLogger("paramedic.logs.folder")

_ID = re.compile(r"[0-9a-f]{64}")
_MOST = 4000
_LOOK_EVERY = 10.0
_ALL = ""
_WANTED = re.compile(rb"-json\.log|^[0-9a-f]{64}$")
Take = Callable[[str, list[Line]], None]


class Folder:
    """All json-file logs of an engine.

    Args:
        path: `ROOT_DIR/containers`.
        places: how far each log was read, by container.
        counters: see `stats`.
        take: gets a container's id and lines.
    """

    def __init__(self, path: Path, places: Mapping[str, Place], counters: Counters, take: Take) -> None:
        self._path, self._places, self._counters, self._take = path, dict(places), counters, take
        self._logs: dict[str, ContainerLog] = {}
        self._look: set[str] = set()
        self._ending: set[str] = set()
        self._gone: set[str] = set()
        self._unwatched: set[str] = set()
        self._look_again = float("-inf")
        self.problem = ""
        """Why it cannot be read; empty when it can."""
        try:
            self._inotify: Inotify | None = Inotify()
        except OSError as error:
            log.warning("no inotify (%s): rotation is looked for every few seconds, and fast ones may be missed", error)
            self._inotify = None

    @property
    def fd(self) -> int:
        """Readable when a file came or went, see `heard`; −1 without inotify."""
        return self._inotify.fd if self._inotify is not None else -1

    @property
    def lag(self) -> int:
        """Bytes written and not read yet."""
        return sum(one.lag for one in self._logs.values())

    @property
    def behind(self) -> bool:
        """Whether some log has whole files that are not read yet."""
        return any(one.behind for one in self._logs.values())

    @property
    def ended(self) -> bool:
        """Whether a container was removed: its last lines are in nobody's file any more."""
        return bool(self._gone)

    def heard(self) -> bool:
        """Take in what inotify says; whether something is to be done."""
        if self._inotify is None:
            return False
        touched, overflow = self._inotify.read(lambda name: _WANTED.search(name) is not None)
        for container, made in touched.items():
            one = self._logs.get(container)
            if one is not None and one.created is not None:
                one.created += made[one.base.name]
        if overflow:
            self._look |= self._logs.keys()
            for one in self._logs.values():
                one.created = None
        if _ALL in touched or overflow:
            self._look_again = float("-inf")
        self._look |= touched.keys() - {_ALL}
        return bool(touched) or overflow

    def read(self, now: float, room: Callable[[], bool]) -> int:
        """Read what is new of every log, a bounded piece each; return how many bytes.

        Args:
            now: monotonic seconds.
            room: whether more may be read.
        """
        self.heard()
        if now >= self._look_again:
            self._look_again = now + _LOOK_EVERY
            self._list(now)
        total = 0
        for container, one in list(self._logs.items()):
            if not room():
                break
            if (container in self._unwatched and one.rotated()) or (one.stale and not one.behind):
                self._look.add(container)
            if container in self._look:
                self._refresh(container, one)
            done = one.read(now)
            total += done
            if not done and container in self._ending:
                self._end(container, one, now)
        return total

    def places(self) -> dict[str, Place | None]:
        """What has changed since `committed`: places to keep; None for logs that have ended."""
        changed: dict[str, Place | None] = {k: one.place() for k, one in self._logs.items() if one.dirty}
        return changed | dict.fromkeys(self._gone)

    def committed(self, places: Mapping[str, Place | None]) -> None:
        """These are durable now."""
        for container, place in places.items():
            if place is None:
                self._gone.discard(container)
            elif container in self._logs:
                self._logs[container].dirty = False

    def close(self) -> None:
        """Let go of all files."""
        for one in self._logs.values():
            one.close()
        self._logs.clear()
        if self._inotify is not None:
            self._inotify.close()
            self._inotify = None

    def _list(self, now: float) -> None:
        """Find new containers, and those that went without a word."""
        if self._inotify is not None:
            self._inotify.watch(self._path, _ALL)
        try:
            here = {path.name for path in self._path.iterdir() if _ID.fullmatch(path.name)}
        except OSError as error:
            self.problem = _why(self._path, error)
            return
        self.problem = ""
        self._ending |= self._logs.keys() - here
        for container in sorted(here - self._logs.keys())[: _MOST - len(self._logs)]:
            one = self._logs[container] = self._open(container)
            self._watch(container)
            self._refresh(container, one)
        for container in [c for c in self._places if c not in here]:
            # It was removed while nobody looked.
            one = self._logs[container] = self._open(container)
            one.lose("removed", "the container was removed while logs was away; its last lines may be missing")
            self._end(container, one, now)
        self._counters.set(stats.SOURCES, len(self._logs))

    def _open(self, container: str) -> ContainerLog:
        base = self._path / container / f"{container}-json.log"
        place = self._places.pop(container, None)
        return ContainerLog(base, lambda lines: self._take(container, lines), self._counters, place)

    def _watch(self, container: str) -> None:
        """Before the first look at its files, so that nothing can come in between."""
        if self._inotify is None or not self._inotify.watch(self._path / container, container):
            self._unwatched.add(container)
            self._logs[container].created = None

    def _refresh(self, container: str, one: ContainerLog) -> None:
        try:
            one.refresh(self.heard)
        except FileNotFoundError:
            self._ending.add(container)
        except OSError as error:
            self.problem = _why(one.base, error)
            return
        self._look.discard(container)
        if one.created is None and container not in self._unwatched:
            one.created = 0

    def _end(self, container: str, one: ContainerLog, now: float) -> None:
        one.finish(now)
        del self._logs[container]
        self._gone.add(container)
        for names in (self._ending, self._look, self._unwatched):
            names.discard(container)
        if self._inotify is not None:
            self._inotify.forget(container)
        self._counters.set(stats.SOURCES, len(self._logs))


def _why(path: Path, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"{path} cannot be read: start paramedic as root, or give this role CAP_DAC_READ_SEARCH"
    if isinstance(error, FileNotFoundError):
        return f"there is no {path}: in a container, mount the engine's folder and set logs.path_rootfs"
    return f"{path} cannot be read: {error}"
