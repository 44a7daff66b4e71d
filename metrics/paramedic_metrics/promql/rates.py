"""rate, increase, delta, irate and idelta (prometheus/promql/functions.go, extrapolatedRate and instantValue)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from paramedic_metrics.promql.values import Bools, Floats
from paramedic_metrics.promql.windows import Window, columns

_FEW_RESETS = 4_096


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
    counts = window.counts
    valid = counts >= 2
    first = np.where(valid, window.low, 0)
    last = np.where(valid, window.high - 1, 0)
    begin = columns(values, first)
    result = columns(values, last) - begin
    if counter:
        _add_resets(result, window, values)
    times = window.block.times
    first_time, last_time = times[first], times[last]
    sampled = (last_time - first_time) / 1000
    to_start = (first_time - window.starts) / 1000
    to_end = (window.ends - last_time) / 1000
    average = sampled / np.maximum(counts - 1, 1)
    threshold = average * 1.1
    to_start = np.where(to_start >= threshold, average / 2, to_start)
    to_end = np.where(to_end >= threshold, average / 2, to_end)
    scale = (window.ends - window.starts) / 1000 if per_second else 1.0
    safe = np.where(sampled == 0, 1.0, sampled)
    factor = np.where(sampled == 0, 1.0, (sampled + to_start + to_end) / safe) / scale
    if counter:
        # Most counters are far from nought at all steps, which their least and largest values tell.
        far = begin.min(axis=1) * sampled.min() >= to_start.max() * result.max(axis=1)
        near = np.flatnonzero(~far)
        if len(near):
            factors = np.broadcast_to(factor, result.shape).copy()
            clamped, lowered = _from_zero(_Edges(sampled, to_start, to_end), begin[near], result[near])
            factors[near] = np.where(clamped, lowered / safe / scale, factor)
            result *= factors
            return result, valid
    result *= factor
    return result, valid


@dataclass(frozen=True, slots=True)
class _Edges:
    """Of each step's window, in seconds: from the first to the last sample, and from these to the range's ends."""

    sampled: Floats
    to_start: Floats
    to_end: Floats


def _from_zero(edges: _Edges, begin: Floats, result: Floats) -> tuple[Bools, Floats]:
    """Where a counter would have been at nought within a range, had it always grown so, and how long it then grew."""
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
