"""Turns what an engine says into World: events, inspects and lists in, the next World out. No thread of its own.

`Watch` drives it in production, `Stepped` in tests.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol, cast

from paramedic_core.clock import Clock
from paramedic_core.errors import NotAnEngine, NotFound, Temporary
from paramedic_core.model import Container
from paramedic_core.world import Engine, EngineStatus, World
from paramedic_runtime import book
from paramedic_runtime.base import Backend, Event
from paramedic_runtime.endings import Known
from paramedic_runtime.publish import Publisher
from paramedic_runtime.store import BookStore

log = logging.getLogger("paramedic.keeper")

_OVERLAP = 60.0
"""How far before the time of last hearing from it the engine is asked for events, in seconds."""
_IN_FLIGHT = 2.0
"""An event may reach us this much later than an inspect or list that shows what it tells."""
_HEARD = 2048
NETWORK = frozenset({"connect", "disconnect"})
"""Of these a start and an end make one for each network."""
NEWS = NETWORK | {"start", "die", "health_status", "create", "oom", "rename", "pause", "unpause", "update"}
"""Actions after which a container is inspected. The others change nothing that an inspect would show."""


class Stream(Protocol):
    """What `Backend.events` returns, with what the keeper needs besides."""

    backlog: int
    """How many of the first events are replay and can be had at once."""
    whole_since: float
    """The engine's history is whole since then (Unix seconds): before, events may be missing."""

    def __next__(self) -> Event: ...

    def close(self) -> None: ...


class WorldKeeper:
    """Keeps one World true to one engine.

    Args:
        backend: the engine.
        publisher: owns the World.
        clock: the time.
        store: what of the record outlives the process; None: nothing.
    """

    def __init__(
        self,
        backend: Backend,
        publisher: Publisher,
        clock: Clock,
        store: BookStore | None = None,
    ) -> None:
        self._backend, self._publisher, self._clock, self._store = backend, publisher, clock, store
        self._records: dict[str, book.Record] = store.records if store else {}
        self._seen: OrderedDict[Event, None] = OrderedDict()
        self._heard = store.heard if store else 0.0
        self._last = self._skip = store.last_event if store else 0.0
        self._whole: float | None = None
        self._dirty = False

    @property
    def world(self) -> World:
        """The latest."""
        return self._publisher.world

    def connect(self) -> Stream:
        """Ask who is there, take what its history tells of the time since it was last heard, and list everything.

        Returns:
            The event stream, its replay already taken.

        Raises:
            EngineAway, NotAnEngine: and World says so; see `away`.
        """
        engine = self._backend.engine()
        now = self._clock.now()
        since = (min(self._heard, now) if self._heard else now) - _OVERLAP
        stream = cast(Stream, self._backend.events(since))
        try:
            if self._whole is None or stream.whole_since > self._heard:
                self._whole = max(stream.whole_since, since)
            self._note([next(stream) for _ in range(stream.backlog)])
            self.resync(engine)
        except BaseException:
            stream.close()
            raise
        return stream

    def resync(self, engine: Engine | None = None) -> None:
        """List everything; World equals the engine's state afterwards.

        Raises:
            EngineAway: and World is as it was.
        """
        before = self._clock.now()
        found = self._backend.containers()
        now = self._clock.now()
        containers = {c.id: self._see(c, now) for c in found}
        for gone in [k for k in self._records if k not in containers]:
            del self._records[gone]
            self._dirty = True
        self._publisher.update(lambda w: _listed(w, containers, engine, before))
        self._keep(before - _IN_FLIGHT)

    def take(self, events: Iterable[Event] | Event) -> None:
        """Take events as they come: note them, inspect the containers that they changed, publish.

        Raises:
            EngineAway: the engine went away between event and inspect; the events are noted all the same.
        """
        fresh = self._note([events] if isinstance(events, Event) else events)
        if not fresh:
            return
        gone = {e.id for e in fresh if e.action == "destroy"}
        changed: dict[str, Container] = {}
        for target in dict.fromkeys(e.id for e in fresh if e.action in NEWS and e.id not in gone):
            try:
                seen = self._backend.inspect(target)
            except NotFound:
                gone.add(target)
            else:
                changed[seen.id] = self._see(seen, self._clock.now())
        known = self.world.containers
        for target in ({e.id for e in fresh} - gone - changed.keys()) & known.keys():
            changed[target] = book.dress(self._records[target], known[target])
        for target in gone:
            self._dirty = self._records.pop(target, None) is not None or self._dirty
        at = self._clock.now()
        self._publisher.update(lambda w: _changed(w, changed, gone, at))
        self._keep(fresh[-1].at)

    def gap(self) -> None:
        """Events were lost here: what ended meanwhile was witnessed by nobody."""
        self._whole = self._clock.now()

    def away(self, error: Temporary | NotAnEngine) -> None:
        """The engine does not answer: say so in World, and keep what was known."""
        now = self._clock.now()

        def change(world: World) -> World:
            old = world.engine
            since = old.since if old.status is EngineStatus.AWAY else now
            return replace(world, engine=replace(old, status=EngineStatus.AWAY, since=since, reason=str(error)))

        self._publisher.update(change)

    def flush(self) -> None:
        """Write down what must outlive the process, now."""
        if self._store is not None:
            self._store.save(self._records, self._last, self._heard, force=True)

    def _see(self, container: Container, now: float) -> Container:
        old = self._records.get(container.id, _BLANK)
        record, dressed = book.see(old, container, now)
        known = self.world.containers.get(container.id)
        if known is not None and book.unwitnessed(old, record) and 0 <= now - container.finished_at < _IN_FLIGHT:
            # The engine was quicker to show this death than to tell of it: its event is on its way, and says who did it.
            return known
        if record is not old:
            self._dirty = self._dirty or book.to_json(record) != book.to_json(old)
            self._records[container.id] = record
        return dressed

    def _note(self, events: Iterable[Event]) -> list[Event]:
        """Put new events into the records; return those that had not been heard before, in order."""
        fresh = []
        for event in events:
            if event in self._seen:
                continue
            self._seen[event] = None
            if len(self._seen) > _HEARD:
                self._seen.popitem(last=False)
            old = self._records.get(event.id, _BLANK)
            new = book.hear(old, event, self._known(event))
            if event.at <= self._skip:
                # An earlier process drew its conclusions from this one; only the course of the run is read again.
                self._records[event.id] = replace(old, run=new.run)
                continue
            fresh.append(event)
            self._records[event.id] = new
            self._last = max(self._last, event.at)
            self._dirty = self._dirty or book.to_json(new) != book.to_json(old)
        return fresh

    def _known(self, event: Event) -> Known:
        whole = self._clock.now() if self._whole is None else self._whole
        ours = self._publisher.ours(event.id, event.at)
        container = self.world.containers.get(event.id)
        if container is None:
            return Known(ours=ours, whole_since=whole)
        return Known(
            ours=ours,
            whole_since=whole,
            started_at=container.started_at if container.started_at <= event.at else 0.0,
            stop_timeout=container.stop_timeout,
            stop_signal=container.stop_signal,
        )

    def _keep(self, heard: float) -> None:
        """Events up to `heard` have been taken; write down what must outlive the process, when it changed."""
        self._heard = max(self._heard, heard)
        if self._store is None:
            return
        if self._dirty:
            self._dirty = not self._store.save(self._records, self._last, self._heard)
        else:
            self._store.touch(self._heard)


_BLANK = book.Record()


def _listed(world: World, containers: dict[str, Container], engine: Engine | None, at: float) -> World:
    if engine is not None and world.engine.connected:
        engine = replace(engine, since=world.engine.since)
    return replace(world, containers=containers, engine=engine or world.engine, at=at)


def _changed(world: World, changed: dict[str, Container], gone: set[str], at: float) -> World:
    containers = {k: c for k, c in world.containers.items() if k not in gone} | changed
    return replace(world, containers=containers, at=at)
