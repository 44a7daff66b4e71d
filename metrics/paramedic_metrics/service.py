"""All of metrics as one object: the store, who fills it, and who answers from it."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from paramedic_core.clock import Clock
from paramedic_core.errors import ConfigError
from paramedic_core.lifecycle import Component, Readiness
from paramedic_core.settings import Settings
from paramedic_core.world import World
from paramedic_metrics.own import own_jobs
from paramedic_metrics.promql.cursor import Options
from paramedic_metrics.promql.run import Limits
from paramedic_metrics.remote.receive import Receiver
from paramedic_metrics.scrape.config import Job, load
from paramedic_metrics.scrape.manager import Scraper
from paramedic_metrics.store import Store

if TYPE_CHECKING:
    from paramedic_metrics.promql.engine import Engine

log = logging.getLogger("paramedic.metrics")
_LOOK = 5.0
_MOST_DESCRIBED = 50
Described = tuple[str, str, str]
"""Type, help and unit of a family."""


class Metrics:
    """A Component, of several.

    Args:
        settings: what is scraped, kept and allowed.
        data: the data directory.
        node: this host's name.
        store: where samples are.
        world: what is known of containers now.
        clock: the time.
        on_scrape: called after each scrape, with its pool's name.
        weigh: told how many samples a query makes beyond those that it reads; see `Engine`.
    """

    name = "metrics"

    def __init__(
        self,
        settings: Settings,
        data: Path,
        node: str,
        store: Store,
        world: Callable[[], World | None],
        clock: Clock,
        on_scrape: Callable[[str], None] = lambda _pool: None,
        weigh: Callable[[int], None] = lambda _samples: None,
    ) -> None:
        own = settings.metrics
        self.settings, self.store, self.clock = own, store, clock
        self.limits = Limits(timeout=own.query_timeout, max_samples=own.query_samples)
        self.options, self._weigh = Options(experimental_functions=own.promql_experimental_functions), weigh
        self.receiver = Receiver(store)
        self._own = own_jobs(settings, data, node)
        self.file = _File(own.scrape_file, own.scrape_interval)
        self.scraper = Scraper([*self._own, *self.file.jobs], store, world, clock, on_scrape)
        self.started = clock.now()
        self.components: Sequence[Component] = (store, self.scraper, self)
        """In the order of starting."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="scrape-file")

    def start(self) -> None:
        if self.file.path:
            self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def ready(self) -> Readiness:
        return Readiness(ready=not self.file.wrong, reason=self.file.wrong)

    def healthy(self) -> Readiness:
        alive = self._thread.is_alive() or not self._thread.ident
        return Readiness(ready=alive, reason="" if alive else "the thread that follows metrics.scrape_file has ended")

    def described(self) -> dict[str, list[Described]]:
        """What targets and senders say of their families, by name; what several say differently is in it several times."""
        found: dict[str, dict[Described, None]] = {}
        for loop in self.scraper.loops():
            for name, said in list(loop.families.items()):
                found.setdefault(name, {})[(said.type, said.help, said.unit)] = None
        for name, told in list(self.receiver.families.items()):
            found.setdefault(name, {})[told] = None
        return {name: list(said)[:_MOST_DESCRIBED] for name, said in found.items()}

    @functools.cached_property
    def engine(self) -> Engine:
        """Answers queries."""
        return self._made_engine(self.limits)

    def engine_looking_back(self, milliseconds: int) -> Engine:
        """The engine with another lookback, for one query."""
        return self._made_engine(replace(self.limits, lookback=milliseconds))

    def follow(self) -> None:
        """Read the scrape file again, if it has changed."""
        if self.file.changed():
            self.scraper.set_jobs([*self._own, *self.file.jobs])

    def _made_engine(self, limits: Limits) -> Engine:
        from paramedic_metrics.promql.engine import Engine  # noqa: PLC0415  1 MB that only queries need

        return Engine(self.store, limits, clock=self.clock, options=self.options, weigh=self._weigh)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.follow()
            except Exception:
                log.exception("following metrics.scrape_file failed")
            self.clock.wait(self._stop, _LOOK)


class _File:
    """The scrape file: a wrong one changes nothing, and is said."""

    def __init__(self, path: str, interval: float) -> None:
        self.path, self._interval = path, interval
        self._stamp: tuple[int, int, int] | None = None
        self.jobs: tuple[Job, ...] = ()
        self.text = ""
        self.wrong = ""
        """What is wrong with it; empty for nothing."""
        self.loaded_at = 0.0
        self.changed()

    def changed(self) -> bool:
        """Whether there are other jobs now."""
        if not self.path:
            return False
        try:
            stat = Path(self.path).stat()
        except OSError as error:
            self.wrong, self._stamp = f"metrics.scrape_file: {self.path}: {error.strerror}", None
            return False
        stamp = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            found = load(self.path, self._interval)
        except ConfigError as error:
            self.wrong = f"metrics.scrape_file is wrong, so the jobs of before go on: {error}"
            log.error("%s", self.wrong)  # noqa: TRY400  the text is for the person who wrote the file
            return False
        for finding in found.findings:
            log.warning("%s", finding)
        self.jobs, self.wrong, self.loaded_at = found.jobs, "", stat.st_mtime
        return True
