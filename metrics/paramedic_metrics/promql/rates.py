"""rate, increase, delta, irate and idelta (prometheus/promql/functions.go, extrapolatedRate and instantValue)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from paramedic_metrics.promql.values import Bools, Floats, Ints, Rows
from paramedic_metrics.promql.windows import Window, columns

_FEW_RESETS = 4_096
_PLACES = 16
"""Samples of each window between two looks at whether the query goes on."""
_NONE: Rows = np.empty(0, dtype=np.intp)
_MARGIN = 1.000001
"""Above what rounding does to a bound."""


@dataclass(slots=True)
class Edges:
    """What each step's window has at its ends: made once for all rows. Times in seconds."""

    sampled: Floats
    """From the first sample to the last."""
    to_start: Floats
    """From the range's start to the first sample, or as far as that one's past is believed in."""
    to_end: Floats
    safe: Floats
    """`sampled`, 1 where that is nought."""
    valid: Bools = field(default_factory=lambda: np.empty(0, np.bool_))
    """Which windows have two samples; here and below only where they are those of one block."""
    first: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    """The column of the first sample."""
    last: Ints = field(default_factory=lambda: np.empty(0, np.int64))

    @classmethod
    def of(cls, window: Window) -> Edges:
        """Of the windows of one block, one a step."""
        counts = window.counts
        valid = counts >= 2
        first = np.where(valid, window.low, 0)
        last = np.where(valid, window.high - 1, 0)
        edges = cls.between(counts, window.block.times[first], window.block.times[last], window.starts, window.ends)
        edges.valid, edges.first, edges.last = valid, first, last
        return edges

    @classmethod
    def between(cls, counts: Ints, first_time: Ints, last_time: Ints, starts: Ints, ends: Ints) -> Edges:
        """Of any windows.

        Args:
            counts: their samples.
            first_time: of the first sample, Unix milliseconds.
            last_time: of the last.
            starts: of the range.
            ends: of the range.
        """
        sampled = (last_time - first_time) / 1000
        to_start = (first_time - starts) / 1000
        to_end = (ends - last_time) / 1000
        average = sampled / np.maximum(counts - 1, 1)
        threshold = average * 1.1
        to_start = np.where(to_start >= threshold, average / 2, to_start)
        to_end = np.where(to_end >= threshold, average / 2, to_end)
        return cls(sampled, to_start, to_end, np.where(sampled == 0, 1.0, sampled))

    def factor(self, scale: Floats | float) -> Floats:
        """By what each step's increase between samples is to be multiplied, however its counter began; `scale` divides it."""
        return np.where(self.sampled == 0, 1.0, (self.sampled + self.to_start + self.to_end) / self.safe) / scale

    def at(self, places: Rows) -> Edges:
        """Of some of the windows, in any order, one perhaps more than once."""
        return Edges(self.sampled[places], self.to_start[places], self.to_end[places], self.safe[places])


def _scale(window: Window, *, per_second: bool) -> Floats | float:
    return (window.ends - window.starts) / 1000 if per_second else 1.0


def extrapolated(window: Window, values: Floats, *, counter: bool, per_second: bool) -> tuple[Floats, Bools]:
    """The increase of each row over each step's range, extended to its ends where the samples come near them.

    Args:
        window: bounds and times.
        values: the rows to work on, shape (rows, columns of the block).
        counter: falls are resets, and nothing was ever below zero.
        per_second: divide by the range.

    Returns:
        The values, and at which steps there are any.
    """
    edges = window.once("edges", lambda: Edges.of(window))
    factor = window.once("factor", lambda: edges.factor(_scale(window, per_second=per_second)))
    begin = columns(values, edges.first)
    result = columns(values, edges.last) - begin
    if not counter:
        result *= factor
        return result, edges.valid
    _add_resets(result, window, values)
    near = _near(edges, begin, result)
    if len(near):
        clamped, longer = from_zero(edges.at(near), begin[:, near], result[:, near])
        scale = np.broadcast_to(_scale(window, per_second=per_second), factor.shape)[near]
        mended = result[:, near] * np.where(clamped, longer / edges.safe[near] / scale, factor[near])
    result *= factor
    if len(near):
        result[:, near] = mended
    return result, edges.valid


def _near(edges: Edges, begin: Floats, result: Floats) -> Rows:
    """The steps at which a counter may be so near to nought that it began within the range: few as a rule."""
    bound = edges.to_start.max() * result.max(axis=1) / edges.sampled.min() * _MARGIN
    bound[~np.isfinite(bound)] = np.inf
    if (begin.min(axis=1) >= bound).all():
        return _NONE
    return np.flatnonzero((begin < bound[:, None]).any(axis=0))


def from_zero(edges: Edges, begin: Floats, result: Floats) -> tuple[Bools, Floats]:
    """Where a counter would have been at nought within a range, had it always grown so; and for how long it then grew."""
    clamped = (result > 0) & (begin >= 0) & (edges.sampled * begin < edges.to_start * result)
    zero = edges.sampled * (begin / np.where(clamped, result, 1.0))
    clamped &= zero < edges.to_start
    return clamped, edges.sampled + zero + edges.to_end


def _add_resets(result: Floats, window: Window, values: Floats) -> None:
    """Add to each window what its counter had reached before each of its falls, in order."""
    fell = values[:, 1:] < values[:, :-1]
    if not fell.any():
        return
    rows, places = np.nonzero(fell)
    if len(rows) > _FEW_RESETS:
        _add_many_resets(result, window, values)
        return
    # A fall between columns p and p + 1 counts where low <= p and p + 1 < high; both bounds only grow with the steps.
    begins = np.searchsorted(window.high, places + 2, side="left")
    ends = np.searchsorted(window.low, places, side="right")
    before = values[rows, places]
    for row, begin, end, lost in zip(rows.tolist(), begins.tolist(), ends.tolist(), before.tolist(), strict=True):
        if begin < end:
            result[row, begin:end] += lost


def _add_many_resets(result: Floats, window: Window, values: Floats) -> None:
    lost = np.where(values[:, 1:] < values[:, :-1], values[:, :-1], 0.0)
    last = lost.shape[1] - 1
    for place in range(window.longest - 1):
        if place % _PLACES == 0:
            window.check()
        live = window.low + place + 1 < window.high
        result += np.where(live, lost[:, np.minimum(window.low + place, last)], 0.0)


def instantaneous(window: Window, values: Floats, *, counter: bool) -> tuple[Floats, Bools]:
    """The difference of the last two samples of each range; a second's worth of it for counters."""
    valid = window.counts >= 2
    last = np.where(valid, window.high - 1, 1 if values.shape[1] > 1 else 0)
    before = np.maximum(last - 1, 0)
    newest, older = columns(values, last), columns(values, before)
    result = newest - older
    if counter:
        np.copyto(result, newest, where=newest < older)
        result /= (window.block.times[last] - window.block.times[before]) / 1000
    return result, valid
