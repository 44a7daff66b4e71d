"""deriv, predict_linear, double_exponential_smoothing and integral (prometheus/promql/functions.go)."""

from __future__ import annotations

import numpy as np

from paramedic_metrics.promql import exact
from paramedic_metrics.promql.errors import EvaluationError
from paramedic_metrics.promql.over_time import terms
from paramedic_metrics.promql.values import Bools, Floats, Ints
from paramedic_metrics.promql.windows import Window, columns


def _line(window: Window, values: Floats, origin: Ints) -> tuple[Floats, Floats]:
    """Slope (per second) and height at `origin` (milliseconds, one a step) of the least-squares line."""
    shape = (len(values), len(window.low))
    sum_y, rest_y, sum_xy, rest_xy = (np.zeros(shape) for _ in range(4))
    sum_x, rest_x, sum_xx, rest_xx = (np.zeros(len(window.low)) for _ in range(4))
    start = columns(values, np.clip(window.low, 0, values.shape[1] - 1))
    constant = np.ones(shape, dtype=np.bool_)
    for value, live, index in terms(window, values):
        x = np.where(live, (window.block.times[index] - origin) / 1000, 0.0)
        y = np.where(live, value, 0.0)
        constant &= ~live | (value == start)
        exact.add(sum_x, rest_x, x)
        exact.add(sum_xx, rest_xx, x * x)
        exact.add(sum_y, rest_y, y)
        exact.add(sum_xy, rest_xy, np.where(live, x * y, 0.0))
    count = np.maximum(window.counts, 1)
    x, y = sum_x + rest_x, sum_y + rest_y
    slope = (sum_xy + rest_xy - x * y / count) / (sum_xx + rest_xx - x * x / count)
    height = y / count - slope * x / count
    flat = np.where(np.isinf(start), np.nan, 0.0)
    slope = np.where(constant, flat, slope)
    height = np.where(constant, np.where(np.isinf(start), np.nan, start), height)
    return slope, height


def derivative(window: Window, values: Floats) -> tuple[Floats, Bools]:
    first = window.block.times[np.clip(window.low, 0, len(window.block.times) - 1)]
    slope, _ = _line(window, values, first)
    return slope, window.counts >= 2


def prediction(window: Window, values: Floats, moments: Ints, seconds: Floats) -> tuple[Floats, Bools]:
    """The line's height `seconds` after each step."""
    slope, height = _line(window, values, moments)
    return slope * seconds + height, window.counts >= 2


def smoothed(window: Window, values: Floats, smoothing: Floats, trend: Floats) -> tuple[Floats, Bools]:
    """Holt's double exponential smoothing.

    Raises:
        EvaluationError: a factor is not between 0 and 1.
    """
    for name, factor in (("smoothing", smoothing), ("trend", trend)):
        wrong = factor[~((factor > 0) & (factor < 1))]
        if len(wrong):
            short = "sf" if name == "smoothing" else "tf"
            raise EvaluationError(f"invalid {name} factor. Expected: 0 < {short} < 1, got: {wrong[0]:f}")
    level = before = slope = np.zeros((len(values), len(window.low)))
    for place, (value, live, _) in enumerate(terms(window, values)):
        if place == 0:
            level = np.array(value)
            continue
        if place == 1:  # noqa: SIM108  two lines are easier to read
            slope = value - level
        else:
            slope = np.where(live, trend * (level - before) + (1 - trend) * slope, slope)
        following = smoothing * value + (1 - smoothing) * (level + slope)
        before = np.where(live, level, before)
        level = np.where(live, following, level)
    return level, window.counts >= 2


def integral(window: Window, values: Floats, strategy: Ints) -> tuple[Floats, Bools]:
    """The area below the samples: by the left samples (0), the right ones (1) or trapezoids (2)."""
    total, rest = np.zeros((2, len(values), len(window.low)))
    times = window.block.times
    before, before_time = None, None
    for value, live, index in terms(window, values):
        now = np.where(np.isnan(value), 0.0, value)
        if before is not None and before_time is not None:
            middle, lost = before / 2, np.zeros_like(total)
            exact.add(middle, lost, now / 2)
            height = np.where(strategy == 0, before, np.where(strategy == 1, now, middle))
            width = (times[index] - before_time) / 1000
            exact.add(total, rest, np.where(live, height * width, 0.0))
            rest += np.where(live & (strategy == 2), lost * width, 0.0)
        before, before_time = now, times[index]
    return np.where(np.isinf(total), total, total + rest), window.counts > 0
