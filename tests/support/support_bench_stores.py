"""The stores that bench/tsdb.py compares: ours in this process, Prometheus' and VictoriaMetrics', and their bytes."""

from __future__ import annotations

import math
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from paramedic_core.clock import FakeClock
from paramedic_core.settings import MetricsSettings
from paramedic_metrics.series import Labels
from paramedic_metrics.tsdb.merge import merge
from paramedic_metrics.tsdb.store import Store
from paramedic_metrics.tsdb.twin import COPY, NAME
from support_programs import YEARS, post, until_ready, victoria_of
from support_recording import Recorded


@dataclass(frozen=True, slots=True)
class Bytes:
    """What a store takes on the disk."""

    data: int
    index: int
    """What it needs to find series, apart."""


def own_bytes(folder: Path, given: Sequence[Recorded], *, whole: bool = False) -> Bytes:
    """Append as scrapes do, with the upkeep at its own pace, then seal the rest and merge what is due.

    Args:
        folder: of the store.
        given: the targets.
        whole: compare all that is read back with what was given.

    Raises:
        AssertionError: it is not the same.
    """
    moments = sorted({int(t) for each in given for t in each.times})
    clock = FakeClock(moments[0] / 1000)
    store = Store(folder, MetricsSettings(retention=YEARS, cache_bytes=64 << 20), clock)
    plans = [store.plan(f"scrape/{each.name}", store.ids(each.labels)) for each in given]
    columns = {(place, int(t)): n for place, each in enumerate(given) for n, t in enumerate(each.times)}
    for moment in moments:
        clock.advance(max(0.0, moment / 1000 - clock.now()))
        for place, each in enumerate(given):
            column = columns.get((place, moment))
            if column is not None:
                store.append(plans[place], moment, each.values[:, column])
        store.upkeep.turn()
    store.upkeep.seal_all()
    while merge(store, threading.Event()):
        pass
    if whole:
        _compare(store, given)
    found = Bytes(store.parts.bytes, sum((folder / name).stat().st_size for name in (NAME, COPY)))
    store.stop()
    return found


def _compare(store: Store, given: Sequence[Recorded]) -> None:
    for each in given:
        wanted = {labels: row for row, labels in enumerate(each.labels)}
        count = 0
        for frame in store.select([], 0, 2**62):
            for row, labels in enumerate(frame.labels):
                if labels in wanted:
                    at = np.searchsorted(each.times, frame.times)
                    cells = each.values[wanted[labels], at].view(np.uint64)
                    assert (frame.values[row].view(np.uint64) == cells).all(), labels
                    count += 1
        assert count == len(each.labels), (count, len(each.labels))


def prometheus_bytes(promtool: Path, folder: Path, given: Sequence[Recorded]) -> Bytes:
    """Blocks as Prometheus' compaction makes them, as long as they can be: one, mostly."""
    text, store = folder / "samples", folder / "data"
    with text.open("w") as file:
        for each in given:
            for line, times, values in _rows(each):
                file.writelines(f"{line} {_number(v)} {t / 1000:.3f}\n" for t, v in zip(times, values, strict=True))
        file.write("# EOF\n")
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=32d", text, store]
    subprocess.run(command, check=True, capture_output=True)
    return Bytes(_sum(store.glob("*/chunks/*")), _sum(store.glob("*/index")))


def victoria_bytes(program: Path, folder: Path, given: Sequence[Recorded]) -> Bytes:
    """Imported, flushed, merged, and closed."""
    with victoria_of(program)(folder) as running:
        until_ready(running)
        for each in given:
            _import(running.url, each)
        post(f"{running.url}/internal/force_flush")
        post(f"{running.url}/internal/force_merge")
        time.sleep(2)  # it merges in the background, and says nothing when it has ended
    return Bytes(_sum((folder / "data").rglob("*")), _sum((folder / "indexdb").rglob("*")))


def series_text(labels: Labels) -> str:
    """`name{labels}`, as expositions have it."""
    pairs = dict(labels)
    name = pairs.pop("__name__")
    texts = (v.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for v in pairs.values())
    return name + "{" + ",".join(f'{key}="{text}"' for key, text in zip(pairs, texts, strict=True)) + "}"


def _import(url: str, each: Recorded) -> None:
    lines = [
        f"{line} {_number(v)} {t}\n" for line, times, values in _rows(each) for t, v in zip(times, values, strict=True)
    ]
    for at in range(0, len(lines), 100_000):
        post(f"{url}/api/v1/import/prometheus", "".join(lines[at : at + 100_000]).encode())


def _rows(each: Recorded) -> Iterator[tuple[str, list[int], list[float]]]:
    there = each.there
    for row, labels in enumerate(each.labels):
        yield series_text(labels), each.times[there[row]].tolist(), each.values[row, there[row]].tolist()


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return repr(value) if math.isfinite(value) else f"{value:+}".replace("inf", "Inf")


def _sum(paths: Iterator[Path]) -> int:
    return sum(path.stat().st_size for path in paths if path.is_file())
