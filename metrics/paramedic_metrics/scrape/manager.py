"""All targets: found anew every few seconds, each asked at its interval by a bounded number of threads."""

from __future__ import annotations

import hashlib
import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from paramedic_core.clock import Clock
from paramedic_core.errors import BadInput, ParamedicError
from paramedic_core.lifecycle import Readiness
from paramedic_core.world import World
from paramedic_metrics.scrape.config import Job
from paramedic_metrics.scrape.http_sd import LOOK, HttpTargets
from paramedic_metrics.scrape.loop import Loop
from paramedic_metrics.scrape.targets import Target, before, make_target
from paramedic_metrics.sink import Sink

log = logging.getLogger("paramedic.scrape")
_WORKERS = 32
_MOST_TARGETS = 5000
_KEPT_DROPPED = 100


@dataclass(slots=True)
class Pool:
    """One job with its targets."""

    job: Job
    loops: dict[Target, Loop] = field(default_factory=dict)
    dropped: list[dict[str, str]] = field(default_factory=list)
    """Discovered labels of targets that relabelling dropped, as many as are kept for show."""
    dropped_count: int = 0
    trouble: str = ""
    unusable: str = ""
    """What of its targets cannot be used, a part of `trouble`."""
    found: list[Sequence[Mapping[str, str]]] = field(default_factory=list)


@dataclass(order=True, slots=True)
class _Due:
    at: float
    number: int
    loop: Loop = field(compare=False)
    closing: bool = field(default=False, compare=False)


class Scraper:
    """A Component.

    Args:
        jobs: what to scrape.
        sink: where samples go.
        world: what is known of containers now.
        clock: the time.
        on_scrape: called in a worker's thread after each scrape, with the job's pool name.
    """

    name = "scrape"

    def __init__(
        self,
        jobs: Sequence[Job],
        sink: Sink,
        world: Callable[[], World | None],
        clock: Clock,
        on_scrape: Callable[[str], None] = lambda _pool: None,
    ) -> None:
        self._sink, self._world, self._clock, self._on_scrape = sink, world, clock, on_scrape
        self._lock = threading.Lock()
        self._pools = {job.pool: Pool(job) for job in jobs}
        self._due: list[_Due] = []
        self._number = itertools.count()
        self._flying: set[Loop] = set()
        self._asking: dict[int, HttpTargets] = {}
        self._looked = float("-inf")
        self._wake = threading.Event()
        self._stopping = False
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="scrape")
        self._thread = threading.Thread(target=self._run, daemon=True, name="scrape")
        self._why = ""
        self.missed = 0
        """Scrapes that were left out because the one before had not ended."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._lock:
            self._stopping = True
            loops, under_way = list(self._flying), self._under_way()
        self._wake.set()
        for exchange in under_way:
            exchange.expire()
        self._workers.shutdown(wait=False, cancel_futures=True)
        if self._thread.ident:
            self._thread.join(1.0)
        # Those whose targets are gone too, which have only their end before them. Who is under way closes his own.
        with self._lock:
            retired = [due.loop for due in self._due if due.closing]
        for loop in [*self.loops(), *retired]:
            if loop not in loops:
                loop.close()

    def ready(self) -> Readiness:
        return Readiness(ready=not self._why, reason=self._why)

    def healthy(self) -> Readiness:
        alive = self._thread.is_alive() or not self._thread.ident
        return Readiness(ready=alive, reason="" if alive else "the thread that scrapes has ended")

    def pools(self) -> list[Pool]:
        """The jobs with their targets, by name."""
        with self._lock:
            return [self._pools[name] for name in sorted(self._pools)]

    def loops(self) -> list[Loop]:
        """All targets."""
        return [loop for pool in self.pools() for loop in list(pool.loops.values())]

    def set_jobs(self, jobs: Sequence[Job]) -> None:
        """Take other jobs; targets of a job that has not changed go on undisturbed."""
        with self._lock:
            wanted = {job.pool: job for job in jobs}
            for name in [n for n, pool in self._pools.items() if wanted.get(n) != pool.job]:
                for loop in self._pools.pop(name).loops.values():
                    self._retire(loop)
            for name, job in wanted.items():
                self._pools.setdefault(name, Pool(job))
            # At once, so that the targets of a job that has changed have been asked when their former series would end.
            self._looked = float("-inf")
        self._wake.set()

    def look(self) -> None:
        """Find targets anew."""
        world = self._world()
        for pool in self.pools():
            self._ask([d for d in pool.job.discoveries if isinstance(d, HttpTargets)])
            found = [d.targets(world) for d in pool.job.discoveries]
            if found != pool.found:
                pool.found = found
                self._sync(pool, [labels for part in found for labels in part])
            troubles = (*(d.trouble for d in pool.job.discoveries), pool.unusable)
            trouble = "; ".join(one for one in troubles if one)
            if trouble != pool.trouble and trouble:
                log.warning("job %s: %s", pool.job.name, trouble)
            pool.trouble = trouble

    def _ask(self, lists: Sequence[HttpTargets]) -> None:
        """Have lists asked for that are due; what they say counts at the look that follows their answer."""
        for asked in lists:
            with self._lock:
                if id(asked) in self._asking or self._stopping or not asked.begin(time.monotonic()):
                    continue
                self._asking[id(asked)] = asked
                self._workers.submit(self._refresh, asked)

    def _refresh(self, asked: HttpTargets) -> None:
        try:
            asked.refresh()
        except Exception as error:
            asked.trouble = f"{asked.options.url}: {error}"
            log.exception("asking %s for targets failed", asked.options.url)
        finally:
            with self._lock:
                del self._asking[id(asked)]
            self._looked = float("-inf")
            self._wake.set()

    def _sync(self, pool: Pool, found: Sequence[Mapping[str, str]]) -> None:
        wanted: dict[Target, dict[str, str]] = {}
        unusable = ""
        dropped: list[dict[str, str]] = []
        for labels in found[:_MOST_TARGETS]:
            full = before(labels, pool.job)
            try:
                target = make_target(labels, pool.job)
            except BadInput as error:
                unusable = f"the target {labels.get('__address__', '')[:100]}: {error}"
                continue
            if target is None:
                dropped.append(full)
            else:
                wanted.setdefault(target, full)
        most, forced = pool.job.limits.targets, ""
        if most and len(wanted) > most:
            # They stay, so that people see them, and are down: `up` tells an alert of it.
            forced = f"target_limit exceeded (number of targets: {len(wanted)}, limit: {most})"
            unusable = f"{forced}: none is scraped"
        pool.unusable = unusable
        with self._lock:
            pool.dropped, pool.dropped_count = dropped[: pool.job.limits.keep_dropped or _KEPT_DROPPED], len(dropped)
            for target in [t for t in pool.loops if t not in wanted]:
                self._retire(pool.loops.pop(target))
            for target, full in wanted.items():
                if target not in pool.loops:
                    loop = pool.loops[target] = Loop(target, full, pool.job, self._sink, self._clock)
                    self._plan(loop, self._clock.now() + _offset(target))
            for loop in pool.loops.values():
                loop.forced = forced

    def _under_way(self) -> list[Loop | HttpTargets]:
        return [*self._flying, *self._asking.values()]

    def _plan(self, loop: Loop, at: float, *, closing: bool = False) -> None:
        heapq.heappush(self._due, _Due(at, next(self._number), loop, closing))

    def _retire(self, loop: Loop) -> None:
        """Its series end when they would have been scraped next but one, unless it comes back (endOfRunStaleness)."""
        self._plan(loop, self._clock.now() + loop.target.interval, closing=True)

    def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            if time.monotonic() - self._looked >= LOOK or not self._due:
                self._looked = time.monotonic()
                try:
                    self.look()
                except Exception:
                    # One broken discovery must not end all scraping; it is said, and looked for again.
                    log.exception("looking for targets failed")
            self._begin()
            self._wake.wait(self._pause(self._looked))

    def _pause(self, looked: float) -> float:
        now = time.monotonic()
        pause = looked + LOOK - now
        with self._lock:
            if self._due:
                pause = min(pause, self._due[0].at - self._clock.now())
            for exchange in self._under_way():
                pause = min(pause, exchange.deadline - now)
        return max(0.0, min(pause, LOOK))

    def _begin(self) -> None:
        now, moment = time.monotonic(), self._clock.now()
        with self._lock:
            for exchange in [e for e in self._under_way() if e.deadline <= now]:
                exchange.expire()
            while self._due and self._due[0].at <= moment and not self._stopping:
                due = heapq.heappop(self._due)
                pool = self._pools.get(due.loop.job.pool)
                here = pool is not None and pool.loops.get(due.loop.target) is due.loop
                if due.closing:
                    self._submit(self._end, due.loop, due.at)
                elif here:
                    self._launch(due, moment)

    def _launch(self, due: _Due, moment: float) -> None:
        loop, step = due.loop, due.loop.target.interval
        after = due.at + step
        if after <= moment:  # the machine slept: what was missed is not made up for
            after = moment + step - (moment - due.at) % step
        self._plan(loop, after)
        if loop in self._flying:
            self.missed += 1
            return
        self._flying.add(loop)
        self._submit(self._scrape, loop, due.at)

    def _submit(self, what: Callable[[Loop, float], None], loop: Loop, at: float) -> None:
        # One that still waits for a worker when all ends is cancelled there, and would close nothing.
        self._workers.submit(what, loop, at).add_done_callback(lambda f: loop.close() if f.cancelled() else None)

    def _scrape(self, loop: Loop, due: float) -> None:
        try:
            loop.scrape(due)
            self._why = ""
        except ParamedicError as error:
            self._why = f"samples cannot be stored: {error}"
            log.warning("%s: %s", loop.target.url, error)
        except Exception as error:
            self._why = f"scraping {loop.target.url} failed: {error}"
            log.exception("scraping %s failed", loop.target.url)
        finally:
            with self._lock:
                self._flying.discard(loop)
            if self._stopping:
                loop.close()
        self._on_scrape(loop.job.pool)

    def _end(self, loop: Loop, at: float) -> None:
        try:
            with self._lock:
                # The same target under a changed job: what it has written by now goes on.
                heir = next((o for p in self._pools.values() if (o := p.loops.get(loop.target)) is not None), None)
                asked = heir is None or heir.state.scrapes
                if not asked and not self._stopping:
                    self._plan(loop, at + loop.target.interval, closing=True)
                    return
            if asked:
                loop.end(at, heir)
            else:
                loop.close()
        except Exception:
            log.exception("ending the series of %s failed", loop.target.url)


def _offset(target: Target) -> float:
    """Seconds into the interval at which a target is asked first: spread evenly, and the same after a restart."""
    if not target.spread:
        return 0.0
    digest = hashlib.blake2b(f"{target.url}{target.labels}".encode(), digest_size=8).digest()
    return min(10.0, target.interval) * int.from_bytes(digest, "big") / 2**64
