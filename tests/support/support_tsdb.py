"""A store under test, and a dictionary that says what must be in it."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from paramedic_core.clock import FakeClock
from paramedic_core.settings import MetricsSettings
from paramedic_metrics.series import ABSENT_BITS, STALE_BITS, Frame, Labels, Matcher, bits
from paramedic_metrics.tsdb.part import Part
from paramedic_metrics.tsdb.store import Store

START = 1_700_000_000
EVER = (0, 2**60)
ALL = [Matcher("__name__", "=~", ".+")]
Samples = dict[tuple[Labels, int], int]
"""(series, moment) → the value's bits."""


def labels(**pairs: str) -> Labels:
    """`name` stands for `__name__`."""
    return tuple(sorted(("__name__" if k == "name" else k, v) for k, v in pairs.items()))


def bits_of(value: float) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


def samples(frames: Iterable[Frame]) -> Samples:
    """What frames say; checks what a frame promises on the way."""
    found: Samples = {}
    seen: set[Labels] = set()
    for frame in frames:
        assert frame.values.shape == (len(frame.labels), len(frame.times))
        assert frame.values.flags.c_contiguous
        assert not frame.values.flags.writeable
        assert (np.diff(frame.times) > 0).all()
        raw = bits(frame.values)
        holes = (raw == ABSENT_BITS) | (raw == STALE_BITS)
        assert not (frame.whole and holes.any()), "a whole frame has holes"
        for row, one in enumerate(frame.labels):
            assert one not in seen, "a series is in two frames"
            seen.add(one)
            assert (raw[row] != ABSENT_BITS).any(), "a row without a sample"
            for column in np.flatnonzero(raw[row] != ABSENT_BITS).tolist():
                found[one, int(frame.times[column])] = int(raw[row, column])
    return found


class Rig:
    """A store that a test ends and begins again; the upkeep has no thread, `turn` does what is due."""

    def __init__(self, folder: Path, **settings: float) -> None:
        self.folder, self.settings = folder, MetricsSettings(**settings)
        self.clock = FakeClock(float(START))
        self.store = Store(folder, self.settings, self.clock)

    @property
    def now(self) -> int:
        return int(self.clock.now() * 1000)

    def crash(self) -> None:
        """As after kill -9: nothing is closed properly, and another life begins."""
        self.store.abandon()
        self.store = Store(self.folder, self.settings, self.clock)

    def samples(self, matchers: list[Matcher] = ALL, start: int = 0, end: int = EVER[1]) -> Samples:
        return samples(self.store.select(matchers, start, end))


def fill(rig: Rig, count: int, rows: int = 20, step: float = 15.0) -> Samples:
    """Scrapes of one target, some series of each kind; what must be found."""
    names = [labels(name=f"m{i % 5}", job="node", i=str(i)) for i in range(rows)]
    plan = rig.store.plan("scrape/node", rig.store.ids(names))
    luck = np.random.default_rng(rows)
    expected: Samples = {}
    for number in range(count):
        rig.clock.advance(step)
        values = np.array(
            [(1.0, number * i, luck.uniform(), round(luck.uniform() * 50) / 10)[i % 4] for i in range(rows)]
        )
        assert rig.store.append(plan, rig.now, values).stored == rows
        expected |= {(one, rig.now): bits_of(v) for one, v in zip(names, values.tolist(), strict=True)}
        rig.store.upkeep.turn()
    return expected


def spoilt(folder: Path, count: int = 500) -> Path:
    """Make a store of the last hours, which is closed, and change one bit of its only block; returns the block's file."""
    clock = FakeClock(time.time() - 15.0 * count)
    store = Store(folder, MetricsSettings(), clock)
    plan = store.plan("scrape/node", store.ids([labels(name="spoilt", i=str(i)) for i in range(20)]))
    luck = np.random.default_rng(1)
    for _ in range(count):
        clock.advance(15)
        store.append(plan, int(clock.now() * 1000), luck.uniform(size=20))
    store.upkeep.seal_all()
    store.stop()
    (path,) = (folder / "parts").glob("*.part")
    entry = Part(path).entries[0]
    flip(path, entry.offset + entry.length - 5)
    return path


def flip(path: Path, at: int, mask: int = 0x40) -> None:
    """Change one bit of a file where it lies."""
    with path.open("r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ mask]))
