"""One-shot statistics of a container, for a collector that cannot see its cgroup: translated, bounded, and not too often."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from paramedic_core.clock import Clock
from paramedic_core.codec import to_plain
from paramedic_core.errors import Conflict, NotFound
from paramedic_core.sys.server import Request, Response, Routes, json_response
from paramedic_core.usage import Usage
from paramedic_runtime.base import Backend
from paramedic_runtime.labels import text
from paramedic_runtime.publish import Publisher
from paramedic_runtime.translate import part, when, whole

_FRESH = 10.0
"""Seconds for which a reading serves all who ask: each costs the engine a walk through all the container's cgroup files."""
_MOST_AT_ONCE = 4
_MOST = 64
"""Entries of each table of an answer."""
_COLUMNS = ("bytes", "packets", "errors", "dropped")
_WAIT = 5.0


def usage(raw: Mapping[str, Any]) -> Usage:
    """What `GET /containers/{id}/stats?one-shot=1` gave.

    Raises:
        NotFound: it does not run, and uses nothing.
    """
    at = when(raw.get("read"))
    if at <= 0:
        raise NotFound("it does not run")
    cpu, throttling = part(part(raw, "cpu_stats"), "cpu_usage"), part(part(raw, "cpu_stats"), "throttling_data")
    memory, blkio = part(raw, "memory_stats"), part(raw, "blkio_stats")
    networks = [(text(name, 64), n) for name, n in part(raw, "networks").items() if isinstance(n, Mapping)]
    return Usage(
        at=at,
        cpu_seconds=whole(cpu.get("total_usage")) / 1e9,
        cpu_user_seconds=whole(cpu.get("usage_in_usermode")) / 1e9,
        cpu_system_seconds=whole(cpu.get("usage_in_kernelmode")) / 1e9,
        periods=whole(throttling.get("periods")),
        throttled_periods=whole(throttling.get("throttled_periods")),
        throttled_seconds=whole(throttling.get("throttled_time")) / 1e9,
        memory=whole(memory.get("usage")),
        memory_max=whole(memory.get("max_usage")),
        failcnt=whole(memory.get("failcnt")),
        stat={text(key, 64): whole(value) for key, value in list(part(memory, "stats").items())[:_MOST]},
        threads=whole(part(raw, "pids_stats").get("current")),
        io_bytes=_io(blkio.get("io_service_bytes_recursive")),
        io_counts=_io(blkio.get("io_serviced_recursive")),
        network={
            name: tuple(whole(n.get(f"{way}_{column}")) for way in ("rx", "tx") for column in _COLUMNS)
            for name, n in networks[:_MOST]
        },
    )


def _io(raw: Any) -> dict[str, int]:
    rows = [row for row in raw[: _MOST * 8] if isinstance(row, Mapping)] if isinstance(raw, list) else []
    return {
        f"{whole(row.get('major'))}:{whole(row.get('minor'))} {text(row.get('op'), 16).capitalize()}": whole(
            row.get("value")
        )
        for row in rows
    }


class Usages:
    """Asks the engine, at most once in ten seconds a container, four at a time.

    Args:
        backend: the engine.
        worlds: which containers there are.
        clock: the time.
    """

    def __init__(self, backend: Backend, worlds: Publisher, clock: Clock) -> None:
        self._backend, self._worlds, self._clock = backend, worlds, clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, bytes]] = {}
        self._free = threading.BoundedSemaphore(_MOST_AT_ONCE)

    def routes(self) -> Routes:
        """Its path."""
        return {"GET /usage/{id}": self._answer}

    def _answer(self, request: Request) -> Response:
        target = request.params["id"]
        container = self._worlds.world.containers.get(target)
        if container is None or not container.pid:
            raise NotFound(f"no container {target[:12]!r} runs here")
        fresh = self._fresh(target)
        if fresh is not None:
            return Response(fresh)
        if not self._free.acquire(timeout=_WAIT):
            raise Conflict(f"{_MOST_AT_ONCE} others are being asked about: the engine is slow", retry_after=_WAIT)
        try:
            # Somebody else may have asked for the same while we waited.
            fresh = self._fresh(target)
            if fresh is None:
                response = json_response(to_plain(self._backend.usage(target)))
                assert isinstance(response.body, bytes)
                fresh = response.body
                self._keep(target, fresh)
            return Response(fresh)
        finally:
            self._free.release()

    def _fresh(self, target: str) -> bytes | None:
        with self._lock:
            at, answer = self._known.get(target, (float("-inf"), b""))
        return answer if self._clock.monotonic() - at < _FRESH else None

    def _keep(self, target: str, answer: bytes) -> None:
        now = self._clock.monotonic()
        with self._lock:
            self._known = {key: known for key, known in self._known.items() if now - known[0] < _FRESH}
            self._known[target] = (now, answer)
