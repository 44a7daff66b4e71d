"""rate, increase and delta at one moment: the ends of all blocks' windows are gathered, and worked on together.

An instant query has one window a block, so that for a block of some hundred rows calling NumPy takes longer than what it does.
Results are bit for bit those of `rates.extrapolated`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from paramedic_metrics.promql import rates
from paramedic_metrics.promql.values import Bools, Floats, Ints, Rows, Vector
from paramedic_metrics.promql.windows import Block
from paramedic_metrics.series import Labels


@dataclass(slots=True)
class Ends:
    """What some blocks have at the ends of their windows: only of those with two samples there."""

    labels: list[Labels] = field(default_factory=list)
    begin: list[Floats] = field(default_factory=list)
    """Each row's first sample in the window, block by block."""
    last: list[Floats] = field(default_factory=list)
    windows: list[tuple[int, int, int, int]] = field(default_factory=list)
    """Of each block: its rows, its samples, the first one's time and the last one's (Unix milliseconds)."""
    falls: list[tuple[int, Rows, Floats]] = field(default_factory=list)
    """Where counters fell: the first row of the block, and which of its rows had reached what, each row's in order."""
    drop: list[Bools] = field(default_factory=list)
    rows: int = 0

    @classmethod
    def of(cls, blocks: Iterable[Block], start: int, end: int, check: Callable[[], None], *, counter: bool) -> Ends:
        """Gather them.

        Args:
            blocks: gapless rows.
            start: Unix milliseconds, exclusive.
            end: inclusive.
            check: called now and then; may raise what the query then ends with.
            counter: look for falls.
        """
        found, bounds = cls(), np.array([start, end], np.int64)
        for block in blocks:
            check()
            low, high = block.times.searchsorted(bounds, side="right").tolist()
            if high - low >= 2:
                found._add(block, low, high, counter=counter)
        return found

    def _add(self, block: Block, low: int, high: int, *, counter: bool) -> None:
        inside, count = block.values[:, low:high], len(block.labels)
        if counter:
            fell = inside[:, 1:] < inside[:, :-1]
            if fell.any():
                rows, places = np.nonzero(fell)
                self.falls.append((self.rows, rows, inside[rows, places]))
        # Copies: a view would hold all of the block.
        self.begin.append(inside[:, 0].copy())
        self.last.append(inside[:, -1].copy())
        self.windows.append((count, high - low, int(block.times[low]), int(block.times[high - 1])))
        self.labels.extend(block.labels)
        self.drop.append(np.zeros(count, dtype=np.bool_) if block.drop is None else block.drop)
        self.rows += count


def extrapolated(parts: Sequence[Ends], start: int, end: int, *, counter: bool, per_second: bool) -> Vector:
    """The function of every row; see `rates.extrapolated`.

    Args:
        parts: what was gathered.
        start: Unix milliseconds, exclusive.
        end: inclusive.
        counter: falls are resets, and nothing was ever below zero.
        per_second: divide by the range.
    """
    facts: Ints = np.array([each for part in parts for each in part.windows], dtype=np.int64).reshape(-1, 4)
    if not len(facts):
        return Vector([], np.empty((0, 1)))
    sizes, counts, first, last = facts.T
    block = np.repeat(np.arange(len(facts)), sizes)
    edges = rates.Edges.between(counts, first, last, np.full(1, start), np.full(1, end)).at(block)
    scale = (end - start) / 1000 if per_second else 1.0
    factor = edges.factor(scale)
    begin = np.concatenate([each for part in parts for each in part.begin])
    result = np.concatenate([each for part in parts for each in part.last]) - begin
    if counter:
        at = 0
        for part in parts:
            for row, rows, lost in part.falls:
                np.add.at(result, at + row + rows, lost)
            at += part.rows
        clamped, longer = rates.from_zero(edges, begin, result)
        factor = np.where(clamped, longer / edges.safe / scale, factor)
    result *= factor
    labels = [owned for part in parts for owned in part.labels]
    return Vector(labels, result[:, None], None, np.concatenate([each for part in parts for each in part.drop]))
