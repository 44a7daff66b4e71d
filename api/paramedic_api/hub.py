"""What the routes work with: one object, made once by `role.build`."""

from __future__ import annotations

import functools
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paramedic_api.attempts import Attempts
from paramedic_api.bulletin import Bulletin
from paramedic_api.history.keeper import Keeper
from paramedic_api.measured import Measured, make_measured
from paramedic_api.messages.desk import Messages
from paramedic_api.messages.heartbeat import Heartbeat
from paramedic_api.metrics import HubMetrics
from paramedic_api.mirror import Mirror
from paramedic_api.prometheus.gate import Gate
from paramedic_api.sessions import Sessions
from paramedic_core.clock import Clock
from paramedic_core.errors import PeerAway
from paramedic_core.lifecycle import Component, Readiness
from paramedic_core.paste import data_flag
from paramedic_core.settings import Settings
from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.feed import WorldFeed
from paramedic_core.sys.identity import socket_path
from paramedic_core.sys.supervision import exposition
from paramedic_core.sys.tokens import TokenStore
from paramedic_core.world import World
from paramedic_metrics.harm import told
from paramedic_metrics.service import Metrics
from paramedic_metrics.store import Store
from paramedic_metrics.storing import open_store


@dataclass(slots=True)
class Hub:
    """The hub's parts and its clients of other roles."""

    settings: Settings
    data: Path
    host: str
    clock: Clock
    feed: WorldFeed
    mirror: Mirror
    history: Keeper
    runtime: RoleClient
    healer: RoleClient
    dns: RoleClient
    logs: RoleClient
    tokens: TokenStore
    sessions: Sessions
    attempts: Attempts
    bulletin: Bulletin
    metrics: HubMetrics
    measured: Measured
    messages: Messages
    heartbeat: Heartbeat
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when the hub ends; streams see it."""
    components: list[Component] = field(default_factory=list)
    """Asked by `/-/ready` and `/-/healthy`; the server adds itself."""

    @property
    def world(self) -> World:
        """The World as last known.

        Raises:
            PeerAway: runtime was not heard of yet.
        """
        world = self.feed.world
        if world is None:
            raise PeerAway(f"nothing is known yet: {self.feed.ready().reason}", retry_after=2.0)
        return world

    @property
    def node(self) -> str:
        """This host's name for people."""
        return self.settings.node or socket.gethostname()

    def render(self) -> str:
        """The hub's own metrics, the store's, and what the supervisor knows of the roles, as text exposition."""
        return self.metrics.render() + self.measured.metrics.store.metrics() + exposition(self.data)

    def parts(self, question: str = "ready") -> dict[str, Readiness]:
        """What each part says of itself; `question` is ready or healthy."""
        return {c.name: (c.ready() if question == "ready" else c.healthy()) for c in self.components}

    def verdict(self, question: str) -> tuple[dict[str, Any], int]:
        """The answer to `/-/ready` or `/-/healthy`, and its HTTP status; `question` as of `parts`."""
        parts = self.parts(question)
        good = all(part.ready for part in parts.values())
        shown = {name: {"ready": part.ready, "reason": part.reason} for name, part in parts.items()}
        return {"role": "hub", "ready": good, "parts": shown}, 200 if good else 503

    def damage(self) -> str:
        """What of the stored metrics is damaged, what is lost and what to do, in words; empty when nothing is known to be."""
        return told(self.measured.metrics.store.harm(), data_flag(self.data))

    def warnings(self) -> list[str]:
        """What is away, in words, so that what is shown may be old."""
        return [p.reason for c in (self.feed, self.mirror, self.history) if not (p := c.ready()).ready]


def make_hub(settings: Settings, data: Path, host: str, clock: Clock, store: Store | None = None) -> Hub:
    """Put the parts together; nothing is started yet.

    Args:
        settings: all of them.
        data: the data directory.
        host: this host's id.
        clock: the time.
        store: where samples are; the one of the data directory unless given.
    """
    bulletin, node, own = Bulletin(), settings.node or socket.gethostname(), HubMetrics()
    peers = {
        role: RoleClient(socket_path(data, role), role) for role in ("runtime", "healer", "collector", "dns", "logs")
    }
    runtime, healer, collector = peers["runtime"], peers["healer"], peers["collector"]
    messages = Messages(settings, data, host, node, healer, clock, lambda: bulletin.bump("healing"))

    def news() -> None:
        messages.poke()
        bulletin.bump("healing")

    mirror = Mirror(healer, clock, news)

    def changed(_world: World) -> None:
        mirror.doubt()
        bulletin.bump("world")

    feed = WorldFeed(runtime, clock, changed)
    history = Keeper(collector, settings.hub.scrape_interval, clock, lambda: bulletin.bump("vitals"))
    gate = Gate(settings.metrics.query_concurrency, settings.metrics.query_waiting)
    store = store or open_store(settings.metrics, data, clock, gate.weigh)
    metrics = Metrics(settings, data, node, store, lambda: feed.world, clock, weigh=gate.weigh)
    heartbeat = Heartbeat(settings.heartbeat, (runtime, healer), lambda: _blind(feed), clock)
    hub = Hub(
        settings=settings,
        data=data,
        host=host,
        clock=clock,
        feed=feed,
        mirror=mirror,
        history=history,
        runtime=runtime,
        healer=healer,
        dns=peers["dns"],
        logs=peers["logs"],
        tokens=TokenStore(data / "tokens.json"),
        sessions=Sessions(clock),
        attempts=Attempts(clock),
        bulletin=bulletin,
        metrics=own,
        measured=make_measured(metrics, gate, own),
        messages=messages,
        heartbeat=heartbeat,
        components=[feed, mirror, *metrics.components, history, messages, heartbeat],
    )
    _watch(hub)
    return hub


def _blind(feed: WorldFeed) -> str:
    """Why the engine is not seen now; empty when it is."""
    state, world = feed.ready(), feed.world
    if not state.ready or world is None:
        return state.reason
    return "" if world.engine.connected else f"the engine is away: {world.engine.reason}"


def _watch(hub: Hub) -> None:
    watch, history = hub.metrics.watch, hub.history
    watch("paramedic_hub_scrapes_total", "Scrapes of the collector that succeeded.", lambda: history.scrapes)
    watch("paramedic_hub_scrape_failures_total", "Scrapes of the collector that failed.", lambda: history.failures)
    watch("paramedic_hub_series_dropped_total", "Series for which there was no room.", lambda: history.dropped)
    watch("paramedic_hub_wrong_tokens_total", "Wrong tokens that were tried.", lambda: hub.attempts.failures)
    watch("paramedic_hub_sessions", "Logins that are open.", lambda: len(hub.sessions))
    watch_each, messages, heartbeat = hub.metrics.watch_each, hub.messages, hub.heartbeat
    for name, text, field_name in (
        ("paramedic_notify_sent_total", "Messages that a channel took.", "sent"),
        ("paramedic_notify_dropped_total", "Messages that are never sent.", "dropped"),
        ("paramedic_notify_waiting", "Messages that wait to be sent.", "waiting"),
    ):
        watch_each(name, text, "channel", functools.partial(messages.figure, field_name))
    watch_each("paramedic_notify_failures_total", "Tries that did not get through.", "channel", messages.failures)
    watch("paramedic_heartbeat_sent_total", "Heartbeats that got through.", lambda: heartbeat.sent)
    watch("paramedic_heartbeat_failures_total", "Heartbeats that did not get through.", lambda: heartbeat.failures)
    watch("paramedic_heartbeat_withheld_total", "Heartbeats withheld: not all was well.", lambda: heartbeat.withheld)
