"""What every orchestrator backend offers: reads, and the few things that a hand can do.

`docker.py` and `memory.py` implement `Backend`; one contract suite (`tests/contract`) runs against all of them. Only
`verbs.py` calls the writing half, and only after its own checks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from paramedic_core.model import Container
from paramedic_core.usage import Usage
from paramedic_core.world import Engine


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that the engine said happened to a container. `exec_*` events are never asked for."""

    at: float
    """Unix seconds, with the engine's nanoseconds."""
    action: str
    """create start restart die kill stop oom destroy rename pause unpause health_status update; without the part behind
    a colon. And connect, disconnect: it came to a network, or left one."""
    id: str
    name: str = ""
    detail: str = ""
    """health_status: the new health. kill: the signal, as `SIGTERM`. die: the exit code. connect, disconnect: the network."""


class Backend(Protocol):
    """An orchestrator on one host."""

    address: str

    def engine(self) -> Engine:
        """Who answers there; its status is `connected`.

        Raises:
            EngineAway: nobody answers in time.
            NotAnEngine: something else does.
        """

    def containers(self) -> list[Container]:
        """Every container, running or not, as list and inspect tell; `ending` and `starts` are the watch's business.

        Raises:
            EngineAway: as above.
        """

    def inspect(self, target: str) -> Container:
        """One container, read now.

        Raises:
            NotFound: it is gone.
            EngineAway: as above.
        """

    def events(self, since: float | None = None) -> Iterator[Event]:
        """Container events from `since` on (the engine replays what it still has), then as they happen.

        Ends or raises EngineAway when the stream is cut; `close()` on the iterator, from any thread, ends it.
        """

    def usage(self, target: str) -> Usage:
        """What one running container uses, read now.

        Raises:
            NotFound: it is gone, or does not run.
            EngineAway: as above.
        """

    def restart(self, target: str, timeout: float) -> None:
        """Stop (SIGTERM, SIGKILL after `timeout` seconds) and start. Returns when the engine says it is done.

        Raises:
            NotFound: it is gone.
            EngineAway: no answer within `timeout` plus a margin: whether it was done is not known.
            Permanent: the engine refused; its own words are in the text.
        """

    def stop(self, target: str, timeout: float) -> None:
        """Stop; raises as `restart`. A container that is already stopped is no error."""

    def start(self, target: str) -> None:
        """Start; raises as `restart`. A container that already runs is no error."""

    def kill(self, target: str, signal: str) -> None:
        """Send a signal, as `SIGKILL`; raises as `restart`."""

    def close(self) -> None:
        """Let go of every connection."""
