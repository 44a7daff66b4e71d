"""Sums that lose nothing: as exact as Neumaier's summation, at the cost of two plain ones.

Values are split into a part on a coarse common grid, whose sums are exact in float64, and a small rest (error-free vector
transformation: Rump, Ogita, Oishi, "Accurate floating-point summation", 2008). Rows whose values lie too far apart for that
are summed by Neumaier's way, value by value (prometheus/util/kahansum).
"""

from __future__ import annotations

import numpy as np

from paramedic_metrics.promql.values import Bools, Floats, Ints
from paramedic_metrics.promql.windows import columns

_SPREAD = 2.0**40
_LARGEST = 1e290


def tame(values: Floats, axis: int | None) -> Bools:
    """Where (row, column or all) the values are finite and near enough to one another for the grid."""
    size = np.abs(values)
    largest = size.max(axis=axis, initial=0.0)
    smallest = np.where(size > 0, size, np.inf).min(axis=axis, initial=np.inf)
    with np.errstate(over="ignore"):
        good: Bools = (largest < _LARGEST) & (largest <= smallest * _SPREAD)
    return good


def split(values: Floats, largest: Floats, terms: int) -> tuple[Floats, Floats]:
    """The values on a grid so coarse that `terms` of them add up exactly, and what is left over.

    Args:
        values: finite.
        largest: at least the largest magnitude, broadcastable to `values`.
        terms: how many are added at most.
    """
    _, power = np.frexp(largest)
    anchor = np.ldexp(1.5, power + int(terms).bit_length() + 1)
    coarse = (values + anchor) - anchor
    return coarse, values - coarse


def window_sums(values: Floats, low: Ints, high: Ints) -> Floats:
    """The sum of each row's columns low <= c < high, for every pair of bounds."""
    good = tame(values, axis=1)
    if good.all():
        return _by_prefix(values, low, high)
    out = np.empty((len(values), len(low)))
    if good.any():
        out[good] = _by_prefix(values[good], low, high)
    total, rest = neumaier(values[~good], low, high)
    with np.errstate(invalid="ignore"):
        out[~good] = np.where(np.isinf(total), total, total + rest)
    return out


def _by_prefix(values: Floats, low: Ints, high: Ints) -> Floats:
    largest = np.abs(values).max(axis=1, initial=0.0)[:, None]
    coarse, fine = split(values, largest, values.shape[1])
    result = _prefix_difference(coarse, low, high)
    if fine.any():
        result = result + _prefix_difference(fine, low, high)
    return result


def _prefix_difference(values: Floats, low: Ints, high: Ints) -> Floats:
    sums = np.zeros((values.shape[0], values.shape[1] + 1))
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return columns(sums, high) - columns(sums, low)


def neumaier(values: Floats, low: Ints, high: Ints) -> tuple[Floats, Floats]:
    """Sums and compensations of each row's columns low <= c < high, added in order."""
    total = np.zeros((len(values), len(low)))
    rest = np.zeros_like(total)
    for place in range(int((high - low).max(initial=0))):
        live = low + place < high
        add(total, rest, np.where(live, values[:, np.minimum(low + place, values.shape[1] - 1)], 0.0))
    return total, rest


def add(total: Floats, rest: Floats, term: Floats) -> None:
    """One step of Neumaier's summation, in place."""
    with np.errstate(invalid="ignore", over="ignore"):
        after = total + term
        shadow = after - total
        error = (total - (after - shadow)) + (term - shadow)
    np.copyto(error, 0.0, where=np.isinf(after))
    rest += error
    np.copyto(rest, 0.0, where=np.isinf(after))
    total[...] = after


def group_sums(values: Floats, starts: Ints) -> Floats:
    """Sums over rows, in groups that begin at `starts`: shape (groups, columns).

    Infinities and NaN go the way that adding them would.
    """
    if bool(tame(values, axis=None)):
        largest = np.abs(values).max(initial=0.0)
        coarse, fine = split(values, np.asarray(largest), len(values))
        result = np.add.reduceat(coarse, starts, axis=0)
        if fine.any():
            result += np.add.reduceat(fine, starts, axis=0)
        return result
    ends = np.append(starts[1:], len(values))
    out = np.empty((len(starts), values.shape[1]))
    for group, (first, last) in enumerate(zip(starts, ends, strict=True)):
        total, rest = np.zeros(values.shape[1]), np.zeros(values.shape[1])
        for row in range(int(first), int(last)):
            add(total, rest, values[row])
        with np.errstate(invalid="ignore"):
            out[group] = np.where(np.isinf(total), total, total + rest)
    return out
