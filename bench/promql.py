"""Queries over HTTP, JSON included, beside Prometheus and VictoriaMetrics on the same data.

Usage: promql.py [--peers DIRECTORY] [--victoria PROGRAM] [--series N...] [--repeat N] [--only QUERY...]

DIRECTORY holds `prometheus` (3.x) and `promtool`, PROGRAM is VictoriaMetrics. Without them only we are measured: over HTTP,
and the evaluation alone, in this process, on samples in memory. Data: N counters in targets of 100, 6 h at 15 s; range
queries of 481 steps over those 6 h. Arms take turns; no result cache; each repetition moves the range by a step; medians.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/support"))

from paramedic_core.settings import MetricsSettings
from paramedic_core.sys import processes
from paramedic_metrics.promql.engine import Engine
from paramedic_metrics.promql.run import Limits
from paramedic_metrics.series import Frame, Labels
from paramedic_metrics.storing import Stored
from paramedic_metrics.tsdb.merge import merge
from paramedic_metrics.tsdb.seal import SEAL_MOMENTS, pack_closed, seal
from support_hub import stand
from support_ports import free_port
from support_series import MemorySeries, labels

INTERVAL, STEP, STEPS, TARGET = 15_000, 45_000, 481, 100
SAMPLES = 1440 + 24
QUERIES = {
    "instant sum(rate)": "sum(rate(bench_total[5m]))",
    "rate": "rate(bench_total[5m])",
    "sum by (rate)": "sum by (instance) (rate(bench_total[5m]))",
    "max_over_time": "max_over_time(bench_total[5m])",
    "quantile_over_time": "quantile_over_time(0.9, bench_total[5m])",
    "topk": "topk(5, rate(bench_total[5m]))",
    "join": "rate(bench_total[5m]) * on (instance) group_left (version) bench_info",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--victoria", type=Path)
    parser.add_argument("--series", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=list(QUERIES), default=list(QUERIES), help="these queries")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        return serve(chosen.serve)
    for count in chosen.series:
        measure(count, chosen)
    return 0


def newest() -> int:
    """The time of the last sample: fixed for a run, so that every arm has the same."""
    return int(os.environ.setdefault("BENCH_NEWEST", str(int(time.time()) // 60 * 60_000)))


def data(count: int) -> list[Frame]:
    """The targets: 100 counters and one info series each, scraped at moments of their own."""
    rng = np.random.default_rng(1)
    frames = []
    for target in range(max(1, count // TARGET)):
        instance = f"host{target}:9100"
        rows: list[Labels] = [labels("bench_info", instance=instance, version=f"1.{target}")]
        rows += [
            labels("bench_total", instance=instance, cpu=str(place // 10), mode=f"mode{place % 10}")
            for place in range(min(count, TARGET))
        ]
        times = newest() - INTERVAL * np.arange(SAMPLES, dtype=np.int64)[::-1] - target * 37 % 15_000
        values = np.round(np.cumsum(rng.exponential(1.0, (len(rows), SAMPLES)), axis=1), 2)
        values[0] = 1.0
        frames.append(Frame(rows, times, values, whole=True))
    return frames


@dataclass
class Arm:
    """One program to ask."""

    name: str
    url: str
    pid: int

    def ask(self, query: str, moment: int, *, instant: bool) -> bytes:
        times = {"time": moment / 1000}
        if not instant:
            times = {"start": (moment - (STEPS - 1) * STEP) / 1000, "end": moment / 1000, "step": STEP / 1000}
        body = urllib.parse.urlencode({"query": query, "nocache": "1", **times}).encode()
        path = "query" if instant else "query_range"
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}", body, timeout=300) as answer:
            return answer.read()

    def peak(self) -> float:
        """The most memory since the last call, in MB."""
        with open(f"/proc/{self.pid}/status") as file:
            most = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
        with open(f"/proc/{self.pid}/clear_refs", "w") as file:
            file.write("5")
        return most / 1024


def measure(count: int, chosen: argparse.Namespace) -> None:
    frames = data(count)
    engine = Engine(MemorySeries(frames), Limits(max_samples=200_000_000))
    with ExitStack() as stack:
        arms = [stack.enter_context(ours(count))]
        if chosen.peers:
            arms.append(stack.enter_context(prometheus(chosen.peers, frames)))
        if chosen.victoria:
            arms.append(stack.enter_context(victoria(chosen.victoria, frames)))
        print(f"\n{count} series, {STEPS} steps, median of {chosen.repeat}, milliseconds (peak memory in MB)")
        print(f"{'query':20}{'evaluation':>12}" + "".join(f"{arm.name:>22}" for arm in arms))
        ratios: dict[str, list[float]] = {arm.name: [] for arm in arms[1:]}
        for title in chosen.only:
            spent, sizes = turns(arms, engine, title, QUERIES[title], chosen.repeat)
            line = f"{title:20}{spent['evaluation']:12.1f}"
            for arm in arms:
                line += f"{spent[arm.name]:12.1f} ({sizes[arm.name]:6.0f})"
                if arm.name in ratios:
                    ratios[arm.name].append(spent[arm.name] / spent[arms[0].name])
            print(line, flush=True)
        for name, values in ratios.items():
            mean = math.exp(statistics.mean(map(math.log, values)))
            print(f"we are {mean:.2f} times as fast as {name} (geometric mean), at worst {min(values):.2f} times")


def turns(
    arms: list[Arm], engine: Engine, title: str, query: str, repeat: int
) -> tuple[dict[str, float], dict[str, float]]:
    instant = title.startswith("instant")
    spent: dict[str, list[float]] = {"evaluation": [], **{arm.name: [] for arm in arms}}
    counts: dict[str, int] = {}
    for arm in arms:
        arm.peak()
    for turn in range(repeat + 1):
        moment = newest() - 60_000 - turn * INTERVAL
        asks: list[tuple[str, Callable[[], object]]] = [
            (arm.name, partial(arm.ask, query, moment, instant=instant)) for arm in arms
        ]
        asks.append(("evaluation", partial(evaluated, engine, query, moment, instant=instant)))
        for name, ask in asks:
            begun = time.perf_counter()
            answer = ask()
            took = (time.perf_counter() - begun) * 1_000
            if turn:
                spent[name].append(took)
            elif isinstance(answer, bytes):
                counts[name] = len(json.loads(answer)["data"]["result"])
    if len(set(counts.values())) > 1 and title != "topk":
        print(f"    (answers differ in their number of series: {counts})")
    return {name: statistics.median(each) for name, each in spent.items()}, {arm.name: arm.peak() for arm in arms}


def evaluated(engine: Engine, query: str, moment: int, *, instant: bool) -> object:
    if instant:
        return engine.instant(query, moment)
    return engine.range(query, moment - (STEPS - 1) * STEP, moment, STEP)


@contextmanager
def running(command: list[str], ready: str, **more: object) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(ready, timeout=5).read()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"promql: {command[0]} does not answer") from None
                time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def prometheus(directory: Path, frames: list[Frame]) -> Iterator[Arm]:
    with tempfile.TemporaryDirectory() as folder:
        text, store, config = Path(folder, "samples"), Path(folder, "data"), Path(folder, "prometheus.yml")
        with text.open("w") as file:
            for frame in frames:
                stamps = [f"{at / 1000:.3f}\n" for at in frame.times.tolist()]
                for row, each in enumerate(frame.labels):
                    head = series_text(each) + " "
                    file.writelines(
                        f"{head}{value!r} {at}" for value, at in zip(frame.values[row].tolist(), stamps, strict=True)
                    )
            file.write("# EOF\n")
        promtool = [str(directory / "promtool"), "tsdb", "create-blocks-from", "openmetrics", str(text), str(store)]
        subprocess.run(promtool, check=True, capture_output=True)
        text.unlink()
        config.write_text("global: {scrape_interval: 1h}\n")
        port = free_port()
        command = [
            str(directory / "prometheus"), f"--config.file={config}", f"--storage.tsdb.path={store}",
            f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=10y", "--log.level=error",
        ]  # fmt: skip
        with running(command, f"http://127.0.0.1:{port}/-/ready") as process:
            yield Arm("Prometheus", f"http://127.0.0.1:{port}", process.pid)


def series_text(each: Labels) -> str:
    pairs = dict(each)
    name = pairs.pop("__name__")
    return name + "{" + ",".join(f'{key}="{value}"' for key, value in pairs.items()) + "}"


@contextmanager
def victoria(program: Path, frames: list[Frame]) -> Iterator[Arm]:
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        command = [
            str(program), f"-storageDataPath={folder}", f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=100y",
            "-search.disableCache", "-search.latencyOffset=0s", "-search.maxQueryLen=64KB",
        ]  # fmt: skip
        url = f"http://127.0.0.1:{port}"
        with running(command, f"{url}/health") as process:
            for frame in frames:
                lines = [
                    json.dumps(
                        {"metric": dict(each), "values": frame.values[row].tolist(), "timestamps": frame.times.tolist()}
                    )
                    for row, each in enumerate(frame.labels)
                ]
                urllib.request.urlopen(f"{url}/api/v1/import", "\n".join(lines).encode(), timeout=300).read()
            urllib.request.urlopen(f"{url}/internal/force_flush", timeout=60).read()
            yield Arm("VictoriaMetrics", url, process.pid)


@contextmanager
def ours(count: int) -> Iterator[Arm]:
    """A hub in a process of its own, its store filled as scrapes would have."""
    command = [sys.executable, __file__, "--serve", str(count)]
    newest()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.startswith("http"):
            raise SystemExit("promql: our own hub did not start")
        yield Arm("paramedic", line.strip() + "prometheus", process.pid)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(60)


def fill(store: Stored, frames: list[Frame]) -> None:
    """Six hours of scrapes, sealed and merged meanwhile as the store's upkeep does."""
    tsdb = store.store
    tsdb.upkeep.stop()
    columns = [store.column(f"bench{target}") for target in range(len(frames))]
    rows = [[column.row(each) for each in frame.labels] for column, frame in zip(columns, frames, strict=True)]
    for place in range(SAMPLES):
        for column, mine, frame in zip(columns, rows, frames, strict=True):
            column.append(int(frame.times[place]), mine, frame.values[:, place].tolist())
        if place % SEAL_MOMENTS == 1:
            pack_closed(tsdb)
            seal(tsdb, everything=False)
            merge(tsdb, threading.Event())


def serve(count: int) -> int:
    """The child: fill, serve, and end when the parent closes our input."""
    # As every role's process does; by the first engine there are threads that each would have a pool of their own.
    processes.one_pool()
    metrics = MetricsSettings(retention=30 * 86_400.0, query_samples=200_000_000, scrape_interval=3_600.0)
    with stand("none", serve=True, furnished=False, metrics=metrics) as house:
        fill(house.hub.measured.metrics.store, data(count))
        print(house.url, flush=True)
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
