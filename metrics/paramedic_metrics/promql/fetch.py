"""Instant selectors: each series' latest sample at every step, unless it is stale or too old."""

from __future__ import annotations

import numpy as np

from paramedic_metrics.promql.ast import Shift, VectorSelector
from paramedic_metrics.promql.run import Run, Steps
from paramedic_metrics.promql.values import Bools, Floats, Ints, Vector, stacked, without_empty
from paramedic_metrics.promql.windows import columns
from paramedic_metrics.series import ABSENT_BITS, STALE_BITS, Frame, bits


def moments(shift: Shift, steps: Steps) -> Ints:
    """The times that a shifted selector looks at, one a step."""
    if shift.at is not None:
        return np.full(steps.count, shift.at - shift.offset, dtype=np.int64)
    return steps.times - shift.offset


def instant(run: Run, selector: VectorSelector, steps: Steps, *, stamps: bool = False) -> Vector:
    """The selector's samples; with `stamps`, their times in seconds instead of their values."""
    times = moments(selector.shift, steps)
    lookback = run.limits.lookback
    frames = run.select(selector.matchers, int(times[0]) - lookback, int(times[-1]))
    run.grow(sum(frames.rows) * steps.count, frames.cells)
    parts: list[Vector] = []
    for frame in frames:
        run.check()
        values, mask = (
            _whole(frame, times, lookback, stamps=stamps)
            if frame.whole
            else _gaps(frame, times, lookback, stamps=stamps)
        )
        if mask is None or mask.any():
            parts.append(without_empty(Vector(run.cache.own_all(frame.labels), values, mask)))
    return stacked(parts, steps.count)


def _whole(frame: Frame, times: Ints, lookback: int, *, stamps: bool) -> tuple[Floats, Bools | None]:
    place = np.searchsorted(frame.times, times, side="right").astype(np.int64) - 1
    inside = place >= 0
    np.maximum(place, 0, out=place)
    inside &= frame.times[place] > times - lookback
    if stamps:
        values = np.broadcast_to(frame.times[place] / 1000, (len(frame.labels), len(times)))
    else:
        values = columns(frame.values, place)
    if inside.all():
        return values, None
    return values, np.broadcast_to(inside, (len(frame.labels), len(times)))


def _gaps(frame: Frame, times: Ints, lookback: int, *, stamps: bool) -> tuple[Floats, Bools | None]:
    raw = bits(frame.values)
    width = len(frame.times)
    latest = np.where(raw != ABSENT_BITS, np.arange(width, dtype=np.int32), np.int32(-1))
    np.maximum.accumulate(latest, axis=1, out=latest)
    place = np.searchsorted(frame.times, times, side="right") - 1
    index = np.where(place >= 0, latest[:, np.maximum(place, 0)], -1)
    inside = index >= 0
    np.maximum(index, 0, out=index)
    stamped = frame.times[index]
    inside &= stamped > times - lookback
    values = np.take_along_axis(frame.values, index, axis=1)
    inside &= bits(values) != STALE_BITS
    return (stamped / 1000 if stamps else values), inside
