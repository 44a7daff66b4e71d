"""Whether the hands can act at all: looked at once a second, and told in every World.

The FREEZE file, the record of acts, the grants. Each act looks for itself again; this is what people and other roles see.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from paramedic_core.clock import Clock
from paramedic_core.errors import StoreUnavailable
from paramedic_core.lifecycle import Readiness
from paramedic_core.world import Hands
from paramedic_runtime.acts import Acts
from paramedic_runtime.freeze import Freeze
from paramedic_runtime.grants import Grants
from paramedic_runtime.verbs import Worlds

log = logging.getLogger("paramedic.hands")

EVERY = 1.0


class HandsWatch:
    """A Component that keeps `World.hands` and `World.grants` true, and the record of acts open.

    Args:
        worlds: where they are published.
        acts: the record.
        freeze: the FREEZE file.
        grants: runtime's own.
        separated: whether each role has a uid of its own.
        clock: the time.
        opened: called in this component's thread when the record can be read for the first time.
    """

    name = "hands"

    def __init__(
        self,
        worlds: Worlds,
        acts: Acts,
        freeze: Freeze,
        grants: Grants,
        *,
        separated: bool,
        clock: Clock,
        opened: Callable[[], None] = lambda: None,
    ) -> None:
        self._worlds, self._acts, self._freeze, self._grants = worlds, acts, freeze, grants
        self._separated, self._clock, self._opened = separated, clock, opened
        self._hands = Hands()
        self._was_open = False
        self._wake, self._stop = threading.Event(), threading.Event()
        self._look_lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True, name="hands")

    def start(self) -> None:
        self.look()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(1.5)
        self._acts.close()

    def wake(self) -> None:
        """Something has changed: look now."""
        self._wake.set()

    def ready(self) -> Readiness:
        """Frozen is ready: it does what it was told to do."""
        if self._hands.ready and self._hands.frozen:
            return Readiness(ready=True, reason=f"frozen: {self._freeze.path} is there")
        return Readiness(ready=self._hands.ready, reason=self._hands.reason)

    def healthy(self) -> Readiness:
        alive = self._thread.is_alive() or self._thread.ident is None
        return Readiness(ready=alive, reason="" if alive else "the thread that looks after the hands has ended")

    def look(self) -> Hands:
        """Look at everything once, and publish what has changed."""
        with self._look_lock:
            self._acts.tick()
            if not self._was_open and self._acts.readable():
                self._was_open = True
                self._opened()
            state = self._acts.ready()
            modes: dict[str, str] = {}
            try:
                modes = self._grants.modes()
            except StoreUnavailable as error:
                if state.ready:
                    state = Readiness(ready=False, reason=str(error))
            hands = Hands(state.ready, state.reason, self._freeze.on(), self._separated)
            world = self._worlds.world
            if world.hands != hands or dict(world.grants) != modes:
                self._worlds.update(lambda world: replace(world, hands=hands, grants=modes))
            if hands != self._hands:
                self._tell(hands)
            self._hands = hands
            return hands

    def _tell(self, hands: Hands) -> None:
        if hands.frozen != self._hands.frozen:
            note = self._freeze.note()
            log.warning("%s %s %s", "frozen" if hands.frozen else "no longer frozen", note.by, note.reason)
        if hands.ready != self._hands.ready:
            log.log(logging.INFO if hands.ready else logging.ERROR, "%s", hands.reason or "the hands are ready to act")

    def _run(self) -> None:
        while not self._stop.is_set():
            self._clock.wait(self._wake, EVERY)
            self._wake.clear()
            if self._stop.is_set():
                return
            self.look()
