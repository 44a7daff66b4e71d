"""The modifiers `anchored` and `smoothed`: ranges whose edges are looked up or interpolated (promql/functions.go, extendedRate)."""

from __future__ import annotations

import numpy as np

from paramedic_metrics.promql.ast import VectorSelector
from paramedic_metrics.promql.errors import EvaluationError
from paramedic_metrics.promql.over_time import Kernel
from paramedic_metrics.promql.values import Bools, Floats, Ints
from paramedic_metrics.promql.windows import Window

_ANCHORED = ("changes", "delta", "increase", "rate", "resets")
_SMOOTHED = ("delta", "increase", "rate")
_STEPS = 16
"""Between two looks at whether the query goes on."""


def reach(selector: VectorSelector, lookback: int) -> tuple[int, int]:
    """How many milliseconds before and after the range are read as well."""
    if selector.smoothed:
        return lookback, lookback
    return (lookback, 0) if selector.anchored else (0, 0)


def kernel(name: str, selector: VectorSelector, lookback: int) -> Kernel:
    """The function with these edges.

    Raises:
        EvaluationError: the modifier does not go with it.
    """
    kind, fitting = ("anchored", _ANCHORED) if selector.anchored else ("smoothed", _SMOOTHED)
    if name not in fitting:
        raise EvaluationError(f"{kind} modifier can only be used with: {', '.join(fitting)} - not with {name}")
    smoothed = selector.smoothed

    def every_step(window: Window, values: Floats) -> tuple[Floats, Bools]:
        out = np.full((len(values), len(window.low)), np.nan)
        valid = np.zeros(len(window.low), dtype=np.bool_)
        times = window.block.times
        for step, (start, end) in enumerate(zip(window.starts.tolist(), window.ends.tolist(), strict=True)):
            if step % _STEPS == 0:
                window.check()
            low = int(np.searchsorted(times, start - lookback, side="right"))
            high = int(np.searchsorted(times, end + (lookback if smoothed else 0), side="right"))
            if low >= high:
                continue
            result = _one(name, times[low:high], values[:, low:high], start, end, smoothed=smoothed)
            if result is not None:
                out[:, step], valid[step] = result, True
        return out, valid

    return every_step


def _one(name: str, times: Ints, values: Floats, start: int, end: int, *, smoothed: bool) -> Floats | None:
    final = len(times) - 1
    first = max(0, min(int(np.searchsorted(times, start, side="right")), final) - 1)
    if name in ("changes", "resets"):
        return _events(name, times, values, first, start)
    last = min(int(np.searchsorted(times, end, side="left")), final) if smoothed else final
    if times[last] <= start or (smoothed and times[first] > end):
        return None
    counter = name != "delta"
    left, right = values[:, first], values[:, last]
    if smoothed and times[first] < start:
        left = _between(times, values, first, start, counter=counter)
    if smoothed and last > 0 and times[last] > end:
        right = _between(times, values, last - 1, end, counter=counter)
    result = right - left
    if counter:
        result = result + _lost(
            values[:, first + (times[first] <= start) : last + 1 - (times[last] >= end)], left, right
        )
    return result / ((end - start) / 1000) if name == "rate" else result


def _events(name: str, times: Ints, values: Floats, first: int, start: int) -> Floats | None:
    if times[-1] <= start:
        return None
    before, after = values[:, first:-1], values[:, first + 1 :]
    happened = after < before if name == "resets" else (before != after) & ~(np.isnan(before) & np.isnan(after))
    return np.asarray(happened.sum(axis=1).astype(np.float64))


def _between(times: Ints, values: Floats, place: int, moment: int, *, counter: bool) -> Floats:
    one, other = values[:, place], values[:, place + 1]
    base = np.where(other < one, 0.0, one) if counter else one
    share = (moment - times[place]) / (times[place + 1] - times[place])
    return np.asarray(base + (other - base) * share)


def _lost(inner: Floats, left: Floats, right: Floats) -> Floats:
    """What was counted before each fall."""
    chain = np.column_stack([left, inner, right])
    before, after = chain[:, :-1], chain[:, 1:]
    return np.asarray(np.where(after < before, before, 0.0).sum(axis=1))
