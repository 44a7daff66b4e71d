"""logs as a role: reads containers' logs, keeps and searches them, and keeps what belongs to incidents."""

from __future__ import annotations

import contextlib
import resource
from pathlib import Path

from paramedic_core.clock import Clock
from paramedic_core.lifecycle import Component, Readiness
from paramedic_core.settings import Settings
from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.feed import WorldFeed
from paramedic_core.sys.identity import socket_path
from paramedic_core.sys.role import Role
from paramedic_logs import stats
from paramedic_logs.events import Events
from paramedic_logs.follow import Follower
from paramedic_logs.pipeline import Pipeline
from paramedic_logs.routes import routes
from paramedic_logs.store.store import Store
from paramedic_logs.tail import Tails

_MOST_FILES = 65536


def build(settings: Settings, data: Path, host: str, clock: Clock) -> Role:
    """The role, not yet started.

    Raises:
        StoreUnavailable: its folder cannot be used.
    """
    wanted = settings.logs
    counters = stats.counters()
    tails = Tails(counters)
    store = Store(data / "logs", host, clock, counters, wanted.retention_bytes, wanted.retention)
    pipeline = Pipeline(store, clock, counters, tails, Path(wanted.path_rootfs), wanted.seal_after)
    tails.began = pipeline.wake
    feed = WorldFeed(RoleClient(socket_path(data, "runtime"), "runtime"), clock, pipeline.take)
    more: list[Component] = []
    follower = Follower(RoleClient(socket_path(data, "healer"), "healer"), store, clock, counters)
    if wanted.events.fluentd:
        events = Events(wanted.events.fluentd, wanted.events.tag, counters)
        follower.heard = events.hand
        more.append(events)
    if wanted.forward.listen:
        # Imported only where it is used: MessagePack takes a megabyte.
        from paramedic_logs.sources.forward import Forward  # noqa: PLC0415

        more.append(Forward(wanted.forward.listen, pipeline, clock, counters))
    return Role(
        "logs",
        [_Files(), pipeline, _World(feed), *more, follower, _Tails(tails)],
        routes(store, tails, counters),
        metrics=counters.render,
    )


class _World:
    """The feed, as a part without which logs still works: names may be missing."""

    name = "world"

    def __init__(self, feed: WorldFeed) -> None:
        self._feed = feed
        self.start, self.stop, self.healthy = feed.start, feed.stop, feed.healthy

    def ready(self) -> Readiness:
        return Readiness(ready=True, reason=self._feed.ready().reason)


class _Files:
    """Room for descriptors: each log has one open, and some more while it is rotated."""

    name = "files"
    stop = staticmethod(lambda: None)

    def start(self) -> None:
        """Take as many as are allowed."""
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
        with contextlib.suppress(ValueError, OSError):  # a sandbox may forbid it; then fewer descriptors are held
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))

    def ready(self) -> Readiness:
        return Readiness(ready=True)

    def healthy(self) -> Readiness:
        return Readiness(ready=True)


class _Tails:
    """Those who look at lines as they come."""

    name = "tails"

    def __init__(self, tails: Tails) -> None:
        self.stop = tails.stop

    def start(self) -> None:
        """Nothing to do."""

    def ready(self) -> Readiness:
        return Readiness(ready=True)

    def healthy(self) -> Readiness:
        return Readiness(ready=True)
