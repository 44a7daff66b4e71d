"""The verbs: everything that paramedic can do to a container, each behind the same checks in the same order.

Runtime believes nobody: it re-reads the target from the engine, judges leave by its own configuration, grants and labels,
counts the ceiling from its own record, and writes down what it is about to do before it does it.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from paramedic_core.clock import Clock
from paramedic_core.counters import Counters
from paramedic_core.errors import BadInput, Conflict, EngineAway, ParamedicError, Refused, StoreUnavailable, Temporary
from paramedic_core.fault import fault
from paramedic_core.leave import leave
from paramedic_core.model import Container, State
from paramedic_core.problems import problem_of
from paramedic_core.settings import Settings
from paramedic_core.world import Acting, World
from paramedic_runtime import ceiling
from paramedic_runtime.acts import Act, Acts, Status
from paramedic_runtime.base import Backend
from paramedic_runtime.freeze import Freeze
from paramedic_runtime.grants import Grants
from paramedic_runtime.wish import VERBS, Wish

log = logging.getLogger("paramedic.verbs")

MOST_AT_ONCE = 8
LONGEST_STOP = 3600.0
"""Seconds: a container that asks for more time to stop, or for any time at all, gets this."""
MARGIN = 15.0
"""Seconds that an engine may take beyond the stop timeout."""


class Worlds(Protocol):
    """Where the World is published."""

    @property
    def world(self) -> World:
        """The latest."""

    def update(self, change: Callable[[World], World]) -> object:
        """Publish what `change` makes of the latest."""


@dataclass(slots=True)
class _Claim:
    """One target in one pair of hands."""

    key: str
    over: threading.Event = field(default_factory=threading.Event)


def stop_time(container: Container) -> float:
    """Seconds that the engine gives it between SIGTERM and SIGKILL; the engine's −1 means without end."""
    return LONGEST_STOP if container.stop_timeout < 0 else min(container.stop_timeout, LONGEST_STOP)


class Verbs:
    """The hands.

    Args:
        backend: the engine.
        worlds: where targets are marked as acting.
        acts: the record.
        freeze: the FREEZE file.
        grants: runtime's own.
        settings: its own reading of the configuration.
        host: this host's id.
        clock: the time.
        counters: has `paramedic_acts_total` and `paramedic_acts_refused_total`; see `declare`.
        trouble: called when an act was left without a known outcome, or the record could not be written.
    """

    def __init__(
        self,
        backend: Backend,
        worlds: Worlds,
        acts: Acts,
        freeze: Freeze,
        grants: Grants,
        settings: Settings,
        host: str,
        clock: Clock,
        counters: Counters,
        trouble: Callable[[], None] = lambda: None,
    ) -> None:
        self._backend, self._worlds, self._acts, self._freeze = backend, worlds, acts, freeze
        self._grants, self._settings, self._host, self._clock = grants, settings, host, clock
        self._counters, self._trouble = counters, trouble
        self._lock = threading.Lock()
        self._commit = threading.Lock()
        self._claims: dict[str, _Claim] = {}

    @property
    def in_flight(self) -> Mapping[str, str]:
        """Target → key of what these hands hold now."""
        with self._lock:
            return {target: claim.key for target, claim in self._claims.items()}

    def perform(self, wish: Wish) -> Act:
        """Do what is wished, once, or say why not.

        Returns:
            The act, done or failed; of a key that is known, the act as recorded. Still `intent` when the engine went
            away amid the act: ask for the key again, it is being found out.

        Raises:
            Refused: frozen, is_self, swarm_task, auto_remove, shared_network, no_leave, ceiling_target, ceiling_host.
            Conflict: the target is not as expected, or another act on it is not over.
            NotFound: there is no such container.
            EngineAway: the engine did not answer, and nothing was begun.
            StoreUnavailable: there is no record to write it in.
            Temporary: too many acts at once.
        """
        try:
            act = self._known(wish) or self._claimed(wish)
        except ParamedicError as error:
            code = error.code if isinstance(error, Refused) else problem_of(error)["type"].rpartition(":")[2]
            self._counters.add("paramedic_acts_refused_total", code=code)
            if isinstance(error, StoreUnavailable):
                self._trouble()
            log.info("no %s of %s (%s): %s", wish.verb, wish.target[:12], code, error)
            raise
        except Exception:
            self._trouble()
            raise
        if act.status is Status.INTENT:
            # Only now, with the target let go of, is it for `recover` to look.
            self._trouble()
        return act

    def _known(self, wish: Wish) -> Act | None:
        """The act that this key stands for, once it is over."""
        with self._lock:
            twin = next((c for c in self._claims.values() if c.key == wish.key), None)
        if twin is not None:
            self._clock.wait(twin.over, LONGEST_STOP + 2 * MARGIN)
        found = self._acts.find(wish.key)
        if found is not None and (found.target, found.verb) != (wish.target, wish.verb):
            raise BadInput(
                f"the key {wish.key} already stands for a {found.verb} of {found.name}: every act needs its own"
            )
        return found

    def _claimed(self, wish: Wish) -> Act:
        with self._claim(wish):
            # Between the first look and the claim, the same key may have come and gone in another thread.
            known = self._acts.find(wish.key)
            if known is not None:
                return known
            container = self._judge(wish)
            return self._act(self._intend(wish, container), container)

    @contextlib.contextmanager
    def _claim(self, wish: Wish) -> Iterator[None]:
        claim = _Claim(wish.key)
        with self._lock:
            other = self._claims.get(wish.target)
            if other is not None:
                raise Conflict(f"another act on {wish.target[:12]} is under way ({other.key})")
            if len(self._claims) >= MOST_AT_ONCE:
                raise Temporary(f"{MOST_AT_ONCE} acts are under way on this host, the most at once", retry_after=1.0)
            self._claims[wish.target] = claim
        try:
            yield
        finally:
            with self._lock:
                del self._claims[wish.target]
            claim.over.set()

    def _judge(self, wish: Wish) -> Container:
        """The target as it is now, if it may be acted on."""
        self._refuse_frozen()
        state = self._acts.ready()
        if not state.ready:
            raise StoreUnavailable(state.reason, retry_after=5.0)
        open_act = self._acts.unresolved(wish.target)
        if open_act:
            raise Conflict(f"what became of the last act on {wish.target[:12]} is not known yet ({open_act[0].key})")
        container = self._backend.inspect(wish.target)
        self._refuse_untouchable(container)
        self._yield_to_a_stop(container)
        difference = wish.expected.differs(container, self._clock.now() - self._settings.healer.verified_after)
        if difference:
            raise Conflict(f"{container.name} is not as expected: {difference}")
        found = leave(container, self._settings.healer, self._grants.modes())
        if not found.allowed:
            raise Refused("no_leave", f"{container.name}: {found.why}; to allow it: {found.allow}")
        return container

    def _yield_to_a_stop(self, container: Container) -> None:
        known = self._worlds.world.containers.get(container.id)
        if known is not None and known.started_at == container.started_at and known.being_stopped(self._clock.now()):
            raise Conflict(f"somebody is stopping {container.name} just now")

    def _refuse_frozen(self) -> None:
        if self._freeze.on():
            note = self._freeze.note()
            who = f" by {note.by}" if note.by else ""
            why = f": {note.reason}" if note.reason else ""
            raise Refused("frozen", f"nothing is acted on: {self._freeze.path} was put there{who}{why}")

    def _refuse_untouchable(self, container: Container) -> None:
        world = self._worlds.world
        known = world.containers.get(container.id)
        if container.is_self or (known is not None and known.is_self):
            raise Refused("is_self", f"{container.name} is paramedic itself")
        if container.task:
            raise Refused(
                "swarm_task", f"{container.name} is a Swarm task: acting on it would leave a second container behind"
            )
        if container.auto_remove:
            # Also a restart: the engine puts the removal off meanwhile, but its own event loop may be quicker.
            raise Refused(
                "auto_remove",
                f"{container.name} was run with --rm, so the engine may remove it for good once it is stopped: "
                "run it without --rm",
            )
        if not world.engine.connected or known is None:
            # The watch has not seen it yet, so it cannot have seen who shares its network.
            world = replace(world, containers={c.id: c for c in self._backend.containers()})
        sharing = [
            c.name for c in world.dependents(container) if c.state not in (State.EXITED, State.CREATED, State.DEAD)
        ]
        if sharing:
            names = ", ".join(sorted(sharing)[:5])
            raise Refused("shared_network", f"{container.name} lends its network to {names}, which would lose it")

    def _intend(self, wish: Wish, container: Container) -> Act:
        act = Act(
            key=wish.key,
            host=self._host,
            target=container.id,
            name=container.name,
            service=container.service_key,
            verb=wish.verb,
            incident=wish.incident,
            reason=wish.reason,
            by=wish.by,
            expected=wish.expected.to_json(),
        )
        runtime = self._settings.runtime
        # One at a time, so that two acts on two targets cannot both take the host's last place.
        with self._commit:
            now = self._clock.now()
            recent = self._acts.since(now - ceiling.horizon(runtime))
            ceiling.check(recent, act.target, act.service, now, runtime)
            fault("verbs.before_intent")
            return self._acts.intend(act)

    def _act(self, act: Act, container: Container) -> Act:
        fault("verbs.after_intent")
        if self._freeze.on():
            return self._over(act, Status.REFUSED, "FREEZE was put down between intent and act")
        self.mark(act)
        try:
            self._call(act, stop_time(container))
        except EngineAway as error:
            # Nobody knows whether it was done: the intent stays open, and `recover` finds out.
            log.warning("what became of the %s of %s is not known yet: %s", act.verb, act.name, error)
            return act
        except ParamedicError as error:
            status, detail = Status.FAILED, str(error)
        else:
            status, detail = Status.DONE, ""
        fault("verbs.after_act")
        ended = self._over(act, status, detail)
        fault("verbs.after_outcome")
        self._unmark(act)
        return ended

    def settle(self, act: Act, status: Status, detail: str) -> None:
        """Write down what became of an act whose end these hands did not see."""
        self._over(act, status, detail)
        self._unmark(act)

    def _call(self, act: Act, timeout: float) -> None:
        log.info("%s %s (%s), incident %s: %s", act.verb, act.name, act.target[:12], act.incident, act.reason)
        match act.verb:
            case "restart":
                self._backend.restart(act.target, timeout)
            case "stop":
                self._backend.stop(act.target, timeout)
            case "start":
                self._backend.start(act.target)
            case _:
                self._backend.kill(act.target, "SIGKILL")

    def _over(self, act: Act, status: Status, detail: str) -> Act:
        ended = self._acts.finish(act, status, detail)
        self._counters.add("paramedic_acts_total", verb=act.verb, status=status.value)
        return ended

    def mark(self, act: Act) -> None:
        """An act on its target is under way."""
        mark = Acting(act.verb, act.key, act.intent_at)
        self._worlds.update(lambda world: replace(world, acting={**world.acting, act.target: mark}))

    def _unmark(self, act: Act) -> None:
        self._worlds.update(
            lambda world: replace(world, acting={k: a for k, a in world.acting.items() if a.key != act.key})
        )


def declare(counters: Counters) -> None:
    """Declare what the verbs count."""
    counters.counter("paramedic_acts_total", "Acts on containers, by verb and outcome.")
    # From 0 on, as `increase` does not see the step to a first value.
    for verb, status in itertools.product(VERBS, (Status.DONE, Status.FAILED)):
        counters.add("paramedic_acts_total", 0, verb=verb, status=status.value)
    counters.counter("paramedic_acts_refused_total", "Acts that were asked for and not begun, by reason.")
