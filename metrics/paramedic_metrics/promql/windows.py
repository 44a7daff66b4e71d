"""Range selectors as blocks of gapless rows, and each step's bounds in them.

A frame with gaps is split by which moments its rows have: rows that miss the same ones share a block, so that bounds are found
once a block and everything after works on whole columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from paramedic_metrics.promql.labels import LabelCache
from paramedic_metrics.promql.values import Bools, Floats, Ints, Rows
from paramedic_metrics.series import Frame, Labels, present

T = TypeVar("T")


@dataclass(slots=True)
class Block:
    """Rows without gaps over one column of times."""

    labels: list[Labels]
    times: Ints
    values: Floats
    drop: Bools | None = None


def _goes_on() -> None:
    """Nothing ends what is not asked for by a query."""


@dataclass(slots=True)
class Window:
    """A block and, for each step, which of its columns lie in the range: `low` <= column < `high`."""

    block: Block
    starts: Ints
    """Unix milliseconds, exclusive."""
    ends: Ints
    """Unix milliseconds, inclusive."""
    low: Ints
    high: Ints
    check: Callable[[], None] = _goes_on
    """Called between pieces of work on one series; may raise what the query then ends with."""
    made: dict[str, Any] = field(default_factory=dict)
    """What functions have worked out for all rows."""

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What `make` gives, made for the first rows only."""
        if name not in self.made:
            self.made[name] = make()
        return cast("T", self.made[name])

    @property
    def counts(self) -> Ints:
        return self.high - self.low

    @property
    def longest(self) -> int:
        return int(self.counts.max(initial=0))


def window(block: Block, starts: Ints, ends: Ints, check: Callable[[], None] = _goes_on) -> Window:
    """The block's bounds for ranges that are open at `starts` and closed at `ends`."""
    low = np.searchsorted(block.times, starts, side="right").astype(np.int64)
    high = np.searchsorted(block.times, ends, side="right").astype(np.int64)
    return Window(block, starts, ends, low, np.maximum(low, high), check)


def columns(values: Floats, index: Ints) -> Floats:
    """These columns of every row; a view where they lie evenly apart."""
    count = len(index)
    if count > 1:
        stride = int(index[1] - index[0])
        if stride > 0 and int(index[-1] - index[0]) == stride * (count - 1) and (np.diff(index) == stride).all():
            return values[:, int(index[0]) : int(index[-1]) + 1 : stride]
    elif count == 1:
        place = int(index[0])
        return values[:, place : place + 1]
    taken: Floats = values.take(index, axis=1)
    return taken


def together(steps: Rows) -> slice | Rows:
    """Ascending steps, as a slice where they are neighbours: NumPy reads and writes that faster."""
    if len(steps) and int(steps[-1]) - int(steps[0]) == len(steps) - 1:
        return slice(int(steps[0]), int(steps[-1]) + 1)
    return steps


def blocks(frames: Iterable[Frame], cache: LabelCache) -> Iterator[Block]:
    """The frames without their gaps and stale markers."""
    for frame in frames:
        labels = cache.own_all(frame.labels)
        if frame.whole:
            yield Block(labels, frame.times, frame.values)
        else:
            yield from gapless(labels, frame.times, frame.values, present(frame.values), None)


def gapless(labels: list[Labels], times: Ints, values: Floats, here: Bools, drop: Bools | None) -> Iterator[Block]:
    """Rows with gaps as blocks without; `here` says where the samples are."""
    full = here.all(axis=1)
    if full.all():
        yield Block(labels, times, values, drop)
        return
    patterns: dict[bytes, list[int]] = {}
    packed = np.packbits(here, axis=1)
    for row in range(len(labels)):
        patterns.setdefault(packed[row].tobytes(), []).append(row)
    for chosen in patterns.values():
        kept: NDArray[np.intp] = np.flatnonzero(here[chosen[0]])
        if not len(kept):
            continue
        part = values[chosen] if len(kept) == len(times) else values[np.array(chosen)[:, None], kept]
        yield Block(
            [labels[row] for row in chosen],
            times[kept],
            np.ascontiguousarray(part),
            None if drop is None else drop[chosen],
        )
