"""What heavy queries do to everything else: the healer's speed, the page's first view, the scrapes. See heal_latency.py.

One paramedic with a store of N counters over six hours. Quiet first, then with four clients that repeat a dashboard's range
queries over all of them, without a pause; faults are healed and the page is asked for in both.
"""

from __future__ import annotations

import http.client
import json
import math
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from paramedic_core.clock import SystemClock
from paramedic_core.settings import MetricsSettings
from paramedic_core.sys.identity import GID, separated, uid_of
from paramedic_metrics.tsdb.store import Store

CLIENTS = 4
GOAL_HEAL, GOAL_PAGE = 2.0, 3.0
STEPS, STEP, INTERVAL, TARGET = 481, 45, 15, 100
QUERIES = (
    "rate(bench_total[5m])",
    "sum by (instance) (rate(bench_total[5m]))",
    "max_over_time(bench_total[5m])",
    "topk(5, rate(bench_total[5m]))",
)


def fill(folder: Path, series: int) -> None:
    """Six hours of so many counters at 15 s, in targets of a hundred, as if they had been scraped."""
    store = Store(folder, MetricsSettings(), SystemClock())
    store.start()
    luck = np.random.default_rng(7)
    begin = int(time.time()) - 6 * 3600
    plans, values = [], []
    for place in range(series // TARGET):
        labels = [
            (("__name__", "bench_total"), ("instance", f"host-{place}"), ("series", str(n))) for n in range(TARGET)
        ]
        plans.append(store.plan(f"bench/{place}", store.ids(labels)))
        values.append(luck.uniform(1e3, 1e6, TARGET))
    for moment in range(6 * 3600 // INTERVAL):
        for place, plan in enumerate(plans):
            values[place] = values[place] + luck.uniform(0, 50, TARGET)
            store.append(plan, (begin + moment * INTERVAL) * 1000, values[place])
    store.stop()
    if os.geteuid() == 0 and separated():
        for path in (folder, *folder.rglob("*")):
            os.chown(path, uid_of("hub"), GID)


class Load:
    """Clients that ask without a pause."""

    def __init__(self, port: int) -> None:
        self._port, self._stop = port, threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(CLIENTS)]
        self.seconds: list[float] = []
        self.errors: list[str] = []

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(120)

    def _run(self, number: int) -> None:
        turn = number
        while not self._stop.is_set():
            end = int(time.time()) // STEP * STEP - turn % 7 * STEP
            asked = {"query": QUERIES[turn % len(QUERIES)], "start": end - (STEPS - 1) * STEP, "end": end, "step": STEP}
            began = time.perf_counter()
            try:
                status, _ = _get(self._port, "/prometheus/api/v1/query_range?" + urllib.parse.urlencode(asked))
                if status != 200:
                    self.errors.append(f"HTTP {status}")
            except OSError as error:
                self.errors.append(str(error))
            self.seconds.append(time.perf_counter() - began)
            turn += 1


class Page:
    """Asks for the first view twice a second, as a new visitor each time."""

    def __init__(self, port: int) -> None:
        self._port, self._stop = port, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.milliseconds: list[float] = []

    def __enter__(self) -> Page:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._stop.wait(0.5):
            began = time.perf_counter()
            status, _ = _get(self._port, "/")
            if status == 200:
                self.milliseconds.append(1000 * (time.perf_counter() - began))


def _get(port: int, path: str) -> tuple[int, int]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        size = 0
        while part := answer.read(1 << 20):
            size += len(part)
        return answer.status, size
    finally:
        connection.close()


def _asked(port: int, query: str) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", "/prometheus/api/v1/query?" + urllib.parse.urlencode({"query": query}))
        found = json.loads(connection.getresponse().read())["data"]["result"]
        return float(found[0]["value"][1]) if found else 0.0
    finally:
        connection.close()


def measure(port: int, fault: Callable[[str], float], faults: int, name: str) -> dict[str, Any]:
    """So many faults, with the page watched meanwhile."""
    began = time.time()
    with Page(port) as page:
        times = [fault(f"{name}-{n}") for n in range(faults)]
    return {
        "heal": times,
        "page": page.milliseconds,
        "seconds": time.time() - began,
    }


def run(
    engine: Any, fault: Callable[[Any, str, str], float], start: Callable[..., Any], faults: int, series: int
) -> dict[str, Any]:
    """Quiet and loaded.

    Args:
        engine: the private one.
        fault: breaks one container and says after how many milliseconds it was healed.
        start: starts paramedic over a data directory; gives the hub's port.
        faults: in each of the two.
        series: in the store.
    """
    with ExitStack() as later:
        base = Path(later.enter_context(tempfile.TemporaryDirectory(prefix="pmq-", dir="/tmp")))
        base.chmod(0o755)
        print(f"filling the store: {series} series over 6 h …", flush=True)
        (base / "data").mkdir(mode=0o755)
        # In a process of its own: the store stays locked for the hub until who packs its last windows has ended.
        subprocess.run([sys.executable, __file__, str(base / "data/metrics"), str(series)], check=True)
        port = later.enter_context(start(engine, base))
        _get(port, "/")
        time.sleep(12)  # past the healer's start-up grace
        # The engine's events of an earlier run are still there: no name comes twice.
        mark = secrets.token_hex(3)
        fault(engine, "paramedic", f"warm-{mark}")
        quiet = measure(port, lambda n: fault(engine, "paramedic", n), faults, f"quiet-{mark}")
        with Load(port) as load:
            time.sleep(3)
            loaded = measure(port, lambda n: fault(engine, "paramedic", n), faults, f"loaded-{mark}")
        span = int(loaded["seconds"])
        scraped = _asked(port, f'count_over_time(up{{job="node"}}[{span}s])')
        return {
            "quiet": quiet,
            "loaded": loaded,
            "queries": load.seconds,
            "errors": load.errors,
            "scrapes": [(scraped, span)],
            "up": _asked(port, f'min_over_time(up{{job="node"}}[{span}s])'),
        }


def together(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Several runs as one; a scrape that one of them missed is missed."""
    phases = {
        phase: {part: [ms for run in runs for ms in run[phase][part]] for part in ("heal", "page")}
        for phase in ("quiet", "loaded")
    }
    return {
        **phases,
        "queries": [seconds for run in runs for seconds in run["queries"]],
        "errors": [error for run in runs for error in run["errors"]],
        "scrapes": [scrapes for run in runs for scrapes in run["scrapes"]],
        "up": min(run["up"] for run in runs),
    }


def show(found: dict[str, Any], interval: float) -> bool:
    """Print it; whether the goals are met."""
    heal = {phase: (p50(found[phase]["heal"]), p95(found[phase]["heal"])) for phase in ("quiet", "loaded")}
    page = {phase: (p50(found[phase]["page"]), p95(found[phase]["page"])) for phase in ("quiet", "loaded")}
    for phase in ("quiet", "loaded"):
        print(
            f"  {phase:<7} fault to act p50 {heal[phase][0]:7.1f}  p95 {heal[phase][1]:7.1f} ms"
            f"   first view p50 {page[phase][0]:7.1f}  p95 {page[phase][1]:7.1f} ms   ({len(found[phase]['page'])} views)"
        )
    scraped, span = (sum(column) for column in zip(*found["scrapes"], strict=True))
    queries = found["queries"]
    print(
        f"  {len(queries)} queries, {len(found['errors'])} failed, p50 {statistics.median(queries):.2f} s;"
        f" scrapes {scraped:.0f} in {span} s (one each {interval:g} s), lowest up {found['up']:g}"
    )
    healing, viewing = heal["loaded"][1] / heal["quiet"][1], page["loaded"][0] / page["quiet"][0]
    whole = all(had >= math.floor(long / interval) for had, long in found["scrapes"]) and found["up"] == 1
    print(
        f"  p95 of the heal {healing:.2f} × quiet (goal: below {GOAL_HEAL:g}); first view's median {viewing:.2f} × quiet"
        f" (goal: below {GOAL_PAGE:g}); scrapes missed: {'none' if whole else 'some'}"
    )
    return healing < GOAL_HEAL and viewing < GOAL_PAGE and whole


def p50(values: list[float]) -> float:
    """The median."""
    return statistics.median(values)


def p95(values: list[float]) -> float:
    """The nearest-rank quantile."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


@contextmanager
def listening(port: int, begin: Callable[[], AbstractContextManager[None]]) -> Iterator[int]:
    """A paramedic that is ready to be asked."""
    with begin():
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                if _asked(port, "count(up)") > 0:
                    break
            except (OSError, ValueError, KeyError):
                time.sleep(0.2)
        else:
            sys.exit("the hub does not answer")
        yield port


if __name__ == "__main__":
    fill(Path(sys.argv[1]), int(sys.argv[2]))
