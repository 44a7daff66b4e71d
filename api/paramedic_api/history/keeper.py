"""Scrapes the collector at its interval and keeps the last hour for the page."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence

from paramedic_api.history.exposition import parse
from paramedic_api.history.figures import WANTED, Scrape, digest, rates
from paramedic_api.history.rings import Rings
from paramedic_core.clock import Clock
from paramedic_core.errors import ParamedicError
from paramedic_core.lifecycle import Readiness
from paramedic_core.sys.client import RoleClient

log = logging.getLogger("paramedic.history")
HOUR = 3600.0
_FEWEST, _MOST = 60, 720


class Keeper:
    """A Component.

    Args:
        client: the collector's client.
        interval: seconds between two scrapes.
        clock: the time.
        on_new: called in the keeper's own thread after each scrape.
    """

    name = "history"

    def __init__(
        self, client: RoleClient, interval: float, clock: Clock, on_new: Callable[[], None] = lambda: None
    ) -> None:
        self._client, self._clock, self._on_new = client, clock, on_new
        self.interval = max(1.0, interval)
        self._lock = threading.Lock()
        self._rings = Rings(max(_FEWEST, min(_MOST, int(HOUR / self.interval))))
        self._drawn: dict[str, str] = {}
        self._before: Scrape | None = None
        self._at = 0.0
        self.since = clock.now()
        """When it began, in Unix seconds."""
        self._why = "the collector has not been asked yet"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="history")
        self.scrapes = 0
        self.failures = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def ready(self) -> Readiness:
        if self._before is None:
            return Readiness(ready=False, reason=f"no figures yet: {self._why}")
        return Readiness(ready=not self._why, reason=self._why)

    def healthy(self) -> Readiness:
        alive = self._thread.is_alive() or not self._thread.ident
        return Readiness(ready=alive, reason="" if alive else "the thread that scrapes the collector has ended")

    @property
    def at(self) -> float:
        """When the last figures came, in Unix seconds; 0 for never."""
        return self._at

    @property
    def dropped(self) -> int:
        """Series for which there was no room."""
        return self._rings.dropped

    def fact(self, name: str) -> float | None:
        """`cpu_cores` or `boot_time`."""
        return self._before.facts.get(name) if self._before else None

    def last(self, name: str) -> float | None:
        """The newest figure of a series (`paramedic_api.history.figures.digest` names them)."""
        with self._lock:
            return self._rings.last(name)

    def read(self, name: str, most: int = 0) -> list[float | None]:
        """A series, oldest first."""
        with self._lock:
            return self._rings.read(name, most)

    @property
    def room(self) -> int:
        """How many moments before `since` there is room for."""
        with self._lock:
            return self._rings.room

    def remember(self, before: Mapping[str, Sequence[float]], count: int) -> None:
        """Put what was before `since` in front: see `Rings.remember`."""
        with self._lock:
            self._rings.remember(before, count)
        self._drawn = {}

    def drawn(self, key: str, draw: Callable[[], str]) -> str:
        """What `draw` made of the figures since the last scrape: charts change no oftener than that."""
        found = self._drawn.get(key)
        if found is None:
            found = self._drawn[key] = draw()
        return found

    def scrape(self) -> None:
        """Ask the collector once, and remember."""
        try:
            text = self._client.text("/metrics", timeout=min(10.0, self.interval))
        except ParamedicError as error:
            self._why = str(error)
            self.failures += 1
            with self._lock:
                self._rings.push({})
            self._drawn = {}
            return
        now = digest(parse(text, WANTED), self._clock.monotonic())
        with self._lock:
            self._rings.push(rates(self._before, now))
        self._drawn = {}
        self._before, self._at, self._why = now, self._clock.now(), ""
        self.scrapes += 1

    def _run(self) -> None:
        # The second look comes early, so that the page has rates a few seconds after the start.
        pauses = iter((min(2.0, self.interval),))
        while not self._stop.is_set():
            self.scrape()
            self._on_new()
            # While the collector is away it is asked more often, so that it is back on the page at once.
            pause = next(pauses, self.interval) if not self._why else min(2.0, self.interval)
            self._clock.wait(self._stop, pause)
