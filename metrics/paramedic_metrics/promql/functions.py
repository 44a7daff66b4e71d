"""Functions of single samples: mathematics, clamping, rounding, parts of dates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from paramedic_metrics.promql.operators import go_max, go_min
from paramedic_metrics.promql.run import Run
from paramedic_metrics.promql.values import Floats, Ints, Vector, empty, without_empty

_DAY = 86_400
_BEYOND = 2.0**62


def _log2(values: Floats) -> Floats:
    """Exact for powers of two, as Go's."""
    fraction, power = np.frexp(values)
    plain = np.log2(values)
    return np.where(fraction == 0.5, power - 1.0, plain)


MATHS: dict[str, Callable[[Floats], Floats]] = {
    "abs": np.abs,
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atanh": np.arctanh,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "deg": lambda values: values * (180 / np.pi),
    "exp": np.exp,
    "floor": np.floor,
    "ln": np.log,
    "log10": np.log10,
    "log2": _log2,
    "rad": lambda values: values * (np.pi / 180),
    "sgn": lambda values: np.where(values < 0, -1.0, np.where(values > 0, 1.0, values)),
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
}


def apply(run: Run, vector: Vector, function: Callable[[Floats], Floats]) -> Vector:
    """The function of every sample, without the metric's name."""
    values = np.asarray(function(vector.values), dtype=np.float64)
    return run.named(Vector(list(vector.labels), values, vector.mask, vector.drop))


def clamp(run: Run, vector: Vector, low: Floats, high: Floats) -> Vector:
    """Samples kept between two bounds; nothing at the steps at which the bounds are the wrong way round."""
    possible = ~(high < low)
    if not possible.any():
        return empty(vector.values.shape[1])
    result = apply(run, vector, lambda values: go_max(low, go_min(high, values)))
    if possible.all():
        return result
    here = np.broadcast_to(possible, result.values.shape)
    result.mask = here if result.mask is None else result.mask & here
    return without_empty(result)


def rounded(run: Run, vector: Vector, nearest: Floats) -> Vector:
    """Samples rounded to multiples, halves upwards."""
    inverse = 1.0 / nearest
    return apply(run, vector, lambda values: np.floor(values * inverse + 0.5) / inverse)


def _days(values: Floats) -> Ints:
    return np.floor_divide(_seconds(values), _DAY)


def _seconds(values: Floats) -> Ints:
    bounded = np.where(np.abs(values) < _BEYOND, values, 0.0)
    return np.trunc(bounded).astype(np.int64)


def _part(part: Callable[[Floats], Ints]) -> Callable[[Floats], Floats]:
    def of(values: Floats) -> Floats:
        known = np.abs(values) < _BEYOND
        return np.where(known, part(np.where(known, values, 0.0)).astype(np.float64), np.nan)

    return of


def _months(values: Floats) -> Any:
    return _days(values).astype("datetime64[D]").astype("datetime64[M]")


def _day_of(unit: str) -> Callable[[Floats], Ints]:
    def of(values: Floats) -> Ints:
        days = _days(values).astype("datetime64[D]")
        return np.asarray((days - days.astype(f"datetime64[{unit}]").astype("datetime64[D]")).astype(np.int64) + 1)

    return of


def _month_days(values: Floats) -> Ints:
    months = _months(values)
    return np.asarray(((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64))


DATES: dict[str, Callable[[Floats], Floats]] = {
    "day_of_month": _part(_day_of("M")),
    "day_of_week": _part(lambda values: (_days(values) + 4) % 7),
    "day_of_year": _part(_day_of("Y")),
    "days_in_month": _part(_month_days),
    "hour": _part(lambda values: _seconds(values) % _DAY // 3600),
    "minute": _part(lambda values: _seconds(values) % 3600 // 60),
    "month": _part(lambda values: _months(values).astype(np.int64) % 12 + 1),
    "year": _part(lambda values: _days(values).astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970),
}
"""Parts of Unix times in UTC."""
