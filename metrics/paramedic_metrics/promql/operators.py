"""Binary operators on numbers, NaN and infinities as Go's math has them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from paramedic_metrics.promql.ast import COMPARISONS
from paramedic_metrics.promql.values import Bools, Floats

_ARITHMETIC: dict[str, Callable[[Floats, Floats], Floats]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
    "atan2": np.arctan2,
}
_COMPARING: dict[str, Callable[[Floats, Floats], Bools]] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    ">": np.greater,
    "<=": np.less_equal,
    ">=": np.greater_equal,
}
ARITHMETIC = frozenset(_ARITHMETIC)
"""Operators whose result is another quantity, so that the name goes."""


def arithmetic(op: str, left: Floats, right: Floats) -> Floats:
    """The operator's result."""
    return np.asarray(_ARITHMETIC[op](left, right))


def compare(op: str, left: Floats, right: Floats) -> Bools:
    """Whether the comparison holds."""
    return np.asarray(_COMPARING[op](left, right))


def scalars(op: str, left: Floats, right: Floats) -> Floats:
    """The operator between scalars: comparisons give 0 and 1."""
    if op in COMPARISONS:
        return compare(op, left, right).astype(np.float64)
    return arithmetic(op, left, right)


def go_max(left: Floats, right: Floats) -> Floats:
    """Go's math.Max: NaN unless the other is +Inf."""
    result = np.maximum(left, right)
    return np.where(np.isposinf(left) | np.isposinf(right), np.inf, result)


def go_min(left: Floats, right: Floats) -> Floats:
    """Go's math.Min: NaN unless the other is -Inf."""
    result = np.minimum(left, right)
    return np.where(np.isneginf(left) | np.isneginf(right), -np.inf, result)
