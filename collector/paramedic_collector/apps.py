"""Relays what containers expose: `/targets` says which there are, as http_sd; `/apps/ID/metrics` asks one and passes it on.

Each container is a target of its own, so that it has its own `up`, its own interval, and its series are stale when it ends.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from paramedic_collector.fetch import fetch
from paramedic_collector.foreign import Bounds, check
from paramedic_collector.negotiate import OPENMETRICS, TEXT
from paramedic_collector.targets import Target, discovered, wanted
from paramedic_core.clock import Clock
from paramedic_core.errors import BadInput, NotFound, ParamedicError, PeerAway
from paramedic_core.settings import CollectorSettings
from paramedic_core.sys.server import Request, Response, Routes, json_response
from paramedic_core.world import World

log = logging.getLogger("paramedic.collector")
_MOST_AT_ONCE = 16
"""Applications asked at once: those that hang must leave connections for /metrics."""
_FRESH = 1.0
"""Seconds for which an answer serves all who ask: two scrapers are no more work than one."""
_MOST_KEPT = 32 << 20
"""Bytes of such answers kept, all together."""


@dataclass(slots=True)
class _Seat:
    """One container's last answer, and the turn to ask it."""

    turn: threading.Lock = field(default_factory=threading.Lock)
    at: float = float("-inf")
    response: Response | None = None


class Apps:
    """The relay.

    Args:
        settings: limits, and where the collector listens.
        world: the last World; None before the first.
        clock: the time.
    """

    def __init__(self, settings: CollectorSettings, world: Callable[[], World | None], clock: Clock) -> None:
        self._settings, self._limits = settings, settings.scrape
        limits = self._limits
        self._bounds = Bounds(
            limits.sample_limit, limits.label_limit, limits.label_name_length_limit, limits.label_value_length_limit
        )
        self._world, self._clock = world, clock
        self._seats: dict[str, _Seat] = {}
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(_MOST_AT_ONCE)
        self._known: tuple[World | None, dict[str, Target]] = (None, {})
        self._refused: dict[str, str] = {}
        self._ill: set[str] = set()
        """Ids of those whose failure the log has told of, until they are well again or gone."""
        self.outcomes: Counter[str] = Counter()
        """`ok` and `failed`, so far."""

    def routes(self) -> Routes:
        """Its paths."""
        return {"GET /targets": self._list, "GET /apps/{id}/metrics": self._relay}

    def targets(self) -> dict[str, Target]:
        """The containers to be scraped now, by id."""
        world = self._world()
        with self._lock:
            if world is not self._known[0]:
                found, refused = wanted(world, self._limits.targets) if world is not None else ({}, {})
                for name, why in refused.items():
                    if self._refused.get(name) != why:
                        log.warning("the container %s asks to be scraped and is not: %s", name, why)
                self._refused = dict(refused)
                self._known = (world, found)
                self._seats = {key: seat for key, seat in self._seats.items() if key in found}
                self._ill &= found.keys()
            return self._known[1]

    def _list(self, request: Request) -> Response:
        # Whoever reached us over TCP can reach us there again; over our own socket the setting is the best word.
        host = request.headers.get("host", "") if request.peer is None else ""
        address = host or self._settings.listen or "localhost"
        tls = bool(self._settings.tls_cert)
        found = self.targets().values()
        return json_response([discovered(t, address, f"/apps/{t.container.id}/metrics", tls=tls) for t in found])

    def _relay(self, request: Request) -> Response:
        target = self.targets().get(request.params["id"])
        if target is None:
            raise NotFound(f"no running container {request.params['id'][:12]!r} asks to be scraped: see /targets")
        with self._lock:
            seat = self._seats.setdefault(target.container.id, _Seat())
        asked = self._clock.monotonic()
        with seat.turn:
            # Whoever waited for another's answer has one that is new enough.
            if seat.response is None or seat.at < asked - _FRESH:
                seat.response = None
                seat.response = self._ask(target, self._seconds(request, target))
                seat.at = self._clock.monotonic()
            response = seat.response
            if len(response.body if isinstance(response.body, bytes) else b"") > _MOST_KEPT // max(1, len(self._seats)):
                seat.response = None
            return response

    def _seconds(self, request: Request, target: Target) -> float:
        """How long it may take: a little less than the scraper waits, so that it hears why."""
        most = min(self._limits.timeout, target.interval or self._limits.timeout)
        with contextlib.suppress(ValueError):
            theirs = float(request.headers.get("x-prometheus-scrape-timeout-seconds", ""))
            if 0 < theirs < float("inf"):
                most = min(most, max(0.05, theirs * 0.9))
        return most

    def _ask(self, target: Target, seconds: float) -> Response:
        try:
            with self._place(seconds):
                body, openmetrics = fetch(target, seconds, self._limits.body_size_limit)
            check(body, self._bounds, openmetrics=openmetrics)
        except BadInput as error:
            self._failed(target, error)
            raise PeerAway(f"{target.container.name} is scraped, and nothing of it taken: {error}") from error
        except ParamedicError as error:
            self._failed(target, error)
            raise
        self.outcomes["ok"] += 1
        with self._lock:
            well_again = target.container.id in self._ill
            self._ill.discard(target.container.id)
        if well_again:
            log.info("the application of container %s is scraped again", target.container.name)
        return Response(body, content_type=OPENMETRICS if openmetrics else TEXT)

    def _failed(self, target: Target, error: ParamedicError) -> None:
        """Count it, and say why, once until it is well again."""
        self.outcomes["failed"] += 1
        with self._lock:
            told = target.container.id in self._ill
            self._ill.add(target.container.id)
        if not told:
            log.warning("the application of container %s is not scraped: %s", target.container.name, error)

    @contextlib.contextmanager
    def _place(self, seconds: float) -> Iterator[None]:
        if not self._free.acquire(timeout=seconds):
            raise PeerAway(f"{_MOST_AT_ONCE} other applications are being asked, and do not answer")
        try:
            yield
        finally:
            self._free.release()
