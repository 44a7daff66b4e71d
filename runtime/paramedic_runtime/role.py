"""The runtime role, put together: the watch that sees, the hands that act, the record of what they did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from paramedic_core.clock import Clock
from paramedic_core.counters import Counters
from paramedic_core.settings import RuntimeSettings, Settings
from paramedic_core.sys.identity import separated
from paramedic_core.sys.role import Role
from paramedic_core.sys.tokens import TokenStore
from paramedic_runtime import verbs, watch
from paramedic_runtime.acts import Acts, Status
from paramedic_runtime.base import Backend
from paramedic_runtime.docker import DockerBackend
from paramedic_runtime.freeze import Freeze
from paramedic_runtime.grants import Grants
from paramedic_runtime.hands import HandsWatch
from paramedic_runtime.keeper import WorldKeeper
from paramedic_runtime.memory import MemoryBackend
from paramedic_runtime.publish import Publisher
from paramedic_runtime.recover import Recover
from paramedic_runtime.routes import Desk
from paramedic_runtime.store import BookStore
from paramedic_runtime.usage import Usages
from paramedic_runtime.verbs import Verbs
from paramedic_runtime.watch import Watch

_PAST = 86400.0


def build(settings: Settings, data: Path, host: str, clock: Clock) -> Role:
    """Build the role; nothing is opened or started yet but the folder.

    Args:
        settings: the whole configuration: verbs judge leave by runtime's own reading of it.
        data: the data directory.
        host: this host's id.
        clock: the time.

    Raises:
        OSError: `DATA/runtime` cannot be made.
    """
    folder = data / "runtime"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    counters = watch.declare(Counters())
    verbs.declare(counters)
    backend = backend_of(settings.runtime, clock)
    publisher = Publisher(host, clock)
    acts = Acts(folder / "acts.db", clock)
    freeze, grants = Freeze(data, clock), Grants(folder / "grants.json", clock)

    def trouble() -> None:
        recover.wake()
        hands.wake()

    def opened() -> None:
        _own_past(acts, hands_of_verbs, publisher, clock)
        recover.wake()

    hands_of_verbs = Verbs(backend, publisher, acts, freeze, grants, settings, host, clock, counters, trouble)
    recover = Recover(backend, acts, hands_of_verbs, clock)
    hands = HandsWatch(publisher, acts, freeze, grants, separated=separated(), clock=clock, opened=opened)
    keeper = WorldKeeper(backend, publisher, clock, BookStore(folder / "endings.json", clock))
    follow = Watch(keeper, clock, resync=settings.runtime.resync, counters=counters)
    desk = Desk(publisher, hands_of_verbs, acts, grants, freeze, TokenStore(data / "tokens.json"), hands.look)
    return Role(
        name="runtime",
        # The record first: what our own earlier life ended must be known before the watch judges who ended what.
        components=(hands, follow, recover),
        routes={**publisher.routes(), **desk.routes(), **Usages(backend, publisher, clock).routes()},
        metrics=_metrics(counters, publisher, hands_of_verbs),
    )


def backend_of(settings: RuntimeSettings, clock: Clock) -> Backend:
    """The engine that `runtime.engine` names; `memory:` is an empty one inside this process, for trying things out."""
    if settings.engine == "memory:":
        return MemoryBackend(clock)
    return DockerBackend(settings.engine, clock, timeout=settings.connect_timeout, stop_timeout=settings.stop_timeout)


def _own_past(acts: Acts, hands: Verbs, publisher: Publisher, clock: Clock) -> None:
    """Tell the watch which ends were our own doing in an earlier life."""
    for act in acts.since(clock.now() - _PAST):
        if act.status is Status.INTENT:
            hands.mark(act)
        elif act.status is not Status.LOST:
            publisher.own(act.target, act.intent_at, act.done_at)


def _metrics(counters: Counters, publisher: Publisher, hands: Verbs) -> Callable[[], str]:
    for name, text, read in (
        ("paramedic_engine_connected", "Whether the engine answers.", lambda: publisher.world.engine.connected),
        ("paramedic_world_version", "The World's version in this life of the role.", lambda: publisher.world.version),
        ("paramedic_world_containers", "Containers in the World.", lambda: len(publisher.world.containers)),
        ("paramedic_world_subscribers", "Roles that follow the World now.", lambda: publisher.subscribers),
        ("paramedic_hands_ready", "Whether verbs can act at all.", lambda: publisher.world.hands.ready),
        ("paramedic_frozen", "Whether the FREEZE file is there.", lambda: publisher.world.hands.frozen),
        ("paramedic_acts_in_flight", "Acts under way.", lambda: len(hands.in_flight)),
    ):
        counters.gauge(name, text, read)
    counters.counter("paramedic_world_changes_total", "Changes of the World that were published.")
    counters.counter("paramedic_world_dropped_total", "Subscribers that were cut because they did not keep up.")

    def render() -> str:
        for name, total in (
            ("paramedic_world_changes_total", publisher.changes),
            ("paramedic_world_dropped_total", publisher.dropped),
        ):
            counters.add(name, total - counters.get(name))
        return counters.render()

    return render
