"""Real scrapes in a file: node_exporter's and the collector's of busy cgroups, and what is made of them for a store.

"PMR1", then for each scrape: target (uint8), Unix milliseconds (int64), bytes (uint32), and the exposition, zstd
"""

from __future__ import annotations

import os
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import cramjam
import numpy as np
from numpy.typing import NDArray

from paramedic_collector.exposition import Exposition, render
from paramedic_collector.source import Context
from paramedic_collector.sources.container import Containers
from paramedic_collector.sources.container_state import ContainerState
from paramedic_metrics.scrape.exposition import Reader
from paramedic_metrics.scrape.line import Pairs
from paramedic_metrics.series import ABSENT, Labels
from support_bench_collector import peer
from support_cgroups import Group, parent
from support_collector import ALONE, world

TARGETS = ("node", "containers")
_MAGIC = b"PMR1"
_SCRAPE = struct.Struct("<BqI")
_TOLERANCE = 2
"""Milliseconds by which a scrape may be late and still count as punctual, for Prometheus and for us."""
_BUSY = """
while [ -e {go} ] && kill -0 {owner}; do
    n=$(od -An -N2 -tu2 /dev/urandom)
    head -c $((n * {much})) /dev/urandom > {file}
    [ $((n % 5)) = 0 ] && cat {file} {file} > /dev/null
    sleep {pause}
done
"""
"""A container's work: memory, page cache, forks and CPU, each time another amount; it ends with whoever asked for it."""
_IDLE = "exec setpriv --pdeathsig KILL sleep infinity"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One target's samples."""

    name: str
    labels: list[Labels]
    times: NDArray[np.int64]
    """Unix milliseconds, as a scraper would have stamped them."""
    values: NDArray[np.float64]
    """Shape (labels, times); ABSENT where a scrape did not have the series."""

    @property
    def samples(self) -> int:
        """How many there are."""
        return int(self.there.sum())

    @property
    def there(self) -> NDArray[np.bool_]:
        """Which cells are samples."""
        return self.values.view(np.uint64) != np.float64(ABSENT).view(np.uint64)


def record(path: Path, node_exporter: str, every: float, scrapes: int, containers: int = 24) -> None:
    """Scrape node_exporter, and the collector's containers, at fixed moments.

    Args:
        path: the file to write.
        node_exporter: the program.
        every: seconds between scrapes.
        scrapes: how many of each target.
        containers: how many cgroups; a third of them idle. Root only.
    """
    with ExitStack() as stack:
        file = stack.enter_context(path.open("wb"))
        file.write(_MAGIC)
        node = stack.enter_context(peer("node_exporter", node_exporter))
        asked: list[Callable[[], bytes]] = [node.scrape, _collector(stack.enter_context(_busy(containers)))]
        begin = time.time() // every * every + every
        for number in range(scrapes):
            due = begin + number * every
            if time.time() > due + every:
                continue  # the one before took so long
            time.sleep(max(0.0, due - time.time()))
            for target, ask in enumerate(asked):
                late = round((time.time() - due) * 1000) if target == 0 else 0
                try:
                    packed = bytes(cramjam.zstd.compress(ask(), level=3))
                except RuntimeError as failed:
                    print(f"scrape {number} of {TARGETS[target]} is left out: {failed}", file=sys.stderr)
                    continue
                file.write(_SCRAPE.pack(target, round(due * 1000) + late, len(packed)) + packed)
            file.flush()


def recorded(path: Path, spacing: int = 0, stride: int = 1) -> list[Recorded]:
    """The samples of a recording.

    Args:
        path: the file.
        spacing: milliseconds between scrapes, whatever they were: each keeps what it was late by; 0: as they were.
        stride: read each so-many-th scrape only.
    """
    found: list[Recorded] = []
    scrapes = list(_scrapes(path))
    for target, name in enumerate(TARGETS):
        mine = [(at, body) for which, at, body in scrapes if which == target][::stride]
        rows: dict[Labels, int] = {}
        columns: list[tuple[list[int], list[float]]] = []

        def resolve(pairs: Pairs, rows: dict[Labels, int] = rows, name: str = name) -> int:
            whole = (*pairs, ("instance", f"{name}:9100"), ("job", name))
            return rows.setdefault(tuple(sorted((key, value) for key, value in whole if value)), len(rows))

        reader = Reader(resolve)
        for _, body in mine:
            read = reader.read(bytes(cramjam.zstd.decompress(body)))
            columns.append((read.rows, read.values))
        values = np.full((len(rows), len(columns)), ABSENT)
        for number, (at_rows, at_values) in enumerate(columns):
            values[at_rows, number] = at_values
        times = np.array([at for at, _ in mine], np.int64)
        every = int(np.median(np.diff(times)))
        late = times - np.round((times - times[0]) / every).astype(np.int64) * every - times[0]
        late[np.abs(late) <= _TOLERANCE] = 0
        grid = (spacing or every) * np.arange(1 - len(times), 1, dtype=np.int64) + int(times[-1]) // 60_000 * 60_000
        found.append(Recorded(name, list(rows), grid + late, values))
    return found


def _scrapes(path: Path) -> Iterator[tuple[int, int, bytes]]:
    data = path.read_bytes()
    if data[: len(_MAGIC)] != _MAGIC:
        raise SystemExit(f"{path} is no recording")
    at = len(_MAGIC)
    while at + _SCRAPE.size <= len(data):
        target, moment, size = _SCRAPE.unpack_from(data, at)
        at += _SCRAPE.size + size
        if at <= len(data):
            yield target, moment, data[at - size : at]


@contextmanager
def _busy(count: int) -> Iterator[list[Group]]:
    """Cgroups of which two thirds do something, each in its own rhythm."""
    made: list[Group] = []
    with tempfile.TemporaryDirectory() as folder, parent() as above:
        go = Path(folder, "go")
        go.touch()
        try:
            for number in range(count):
                script = _BUSY.format(
                    owner=os.getpid(), go=go, much=1 + number % 8, file=Path(folder, str(number)), pause=1 + number % 5
                )
                made.append(Group(above, script if number % 3 else _IDLE))
            yield made
        finally:
            go.unlink()
            for group in made:
                group.end()


def _collector(made: list[Group]) -> Callable[[], bytes]:
    sources = (Containers(), ContainerState())
    known = world([group.container for group in made])

    def ask() -> bytes:
        out = Exposition()
        for source in sources:
            source.collect(Context(now=time.time(), world=known, settings=ALONE), out)
        return render([out]).encode()

    return ask
