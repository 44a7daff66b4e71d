"""Sums that lose nothing: as exact as Neumaier's summation, at the cost of two plain ones.

Values are split into a part on a coarse common grid, whose sums are exact in float64, and a small rest (error-free vector
transformation: Rump, Ogita, Oishi, "Accurate floating-point summation", 2008). Rows whose values lie too far apart for that
are summed by Neumaier's way, value by value (prometheus/util/kahansum).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from paramedic_metrics.promql.values import Bools, Floats, Ints
from paramedic_metrics.promql.windows import columns

_ORDINARY = 2.0**60
"""Below this, what is lost between values however far apart is less than 1e-9 of one."""
_SPREAD = 2.0**40
_LARGEST = 1e290
_CHUNK = 1 << 15
"""Cells that are worked on at a time: what fits the processor's cache."""


_PLACES = 16
"""Terms of each sum between two looks at whether the query goes on."""


def goes_on() -> None:
    """Nothing ends what is not asked for by a query."""


def tame(values: Floats, axis: int | None) -> Bools:
    """Where (row, column or all) the values are finite and near enough to one another for the grid."""
    largest = np.asarray(np.maximum(values.max(axis=axis, initial=0.0), -values.min(axis=axis, initial=0.0)))
    good = np.asarray(largest < _ORDINARY)
    if good.all() or not (np.isfinite(largest).any()):
        return good
    size = np.abs(values)
    smallest = np.where(size > 0, size, np.inf).min(axis=axis, initial=np.inf)
    return np.asarray(good | ((largest < _LARGEST) & (largest <= smallest * _SPREAD)))


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


def window_sums(values: Floats, low: Ints, high: Ints, check: Callable[[], None] = goes_on) -> Floats:
    """The sum of each row's columns low <= c < high, for every pair of bounds; `check` may end it early."""
    good = tame(values, axis=1)
    if good.all():
        return _by_prefix(values, low, high)
    out = np.empty((len(values), len(low)))
    if good.any():
        out[good] = _by_prefix(values[good], low, high)
    total, rest = neumaier(values[~good], low, high, check)
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


def neumaier(values: Floats, low: Ints, high: Ints, check: Callable[[], None] = goes_on) -> tuple[Floats, Floats]:
    """Sums and compensations of each row's columns low <= c < high, added in order."""
    total = np.zeros((len(values), len(low)))
    rest = np.zeros_like(total)
    for place in range(int((high - low).max(initial=0))):
        if place % _PLACES == 0:
            check()
        live = low + place < high
        add(total, rest, np.where(live, values[:, np.minimum(low + place, values.shape[1] - 1)], 0.0))
    return total, rest


def add(total: Floats, rest: Floats, term: Floats) -> None:
    """One step of Neumaier's summation, in place."""
    after = total + term
    shadow = after - total
    error = (total - (after - shadow)) + (term - shadow)
    np.copyto(error, 0.0, where=np.isinf(after))
    rest += error
    np.copyto(rest, 0.0, where=np.isinf(after))
    total[...] = after


def group_sums(values: Floats, mask: Bools | None, starts: Ints, check: Callable[[], None] = goes_on) -> Floats:
    """Sums over rows, in groups that begin at `starts`: shape (groups, columns).

    Infinities and NaN go the way that adding them would.

    Args:
        values: shape (rows, columns).
        mask: which of them count; None: all.
        starts: ascending, from 0.
        check: may end it early.
    """
    counted = values if mask is None else np.where(mask, values, 0.0)
    largest = np.asarray(max(counted.max(initial=0.0), -counted.min(initial=0.0)))
    if not (largest < _ORDINARY or bool(tame(counted, axis=None))):
        return _one_by_one(counted, starts, check)
    out, rest = np.zeros((len(starts), values.shape[1])), np.zeros((len(starts), values.shape[1]))
    pieces = _pieces(starts, len(values), max(1, _CHUNK // max(values.shape[1], 1)))
    for number, (first, last, group, ends) in enumerate(pieces):
        if number % _PLACES == 0:
            check()
        coarse, fine = split(counted[first:last], largest, len(values))
        if len(ends) == 1:
            out[group] += np.add.reduce(coarse, axis=0)
            rest[group] += np.add.reduce(fine, axis=0)
        else:
            groups = slice(group, group + len(ends))
            out[groups] += np.add.reduceat(coarse, ends, axis=0)
            rest[groups] += np.add.reduceat(fine, ends, axis=0)
    out += rest
    return out


def _pieces(starts: Ints, rows: int, size: int) -> Iterator[tuple[int, int, int, Ints]]:
    """The rows in pieces of about `size`: first and last row, first group, and where in the piece each group begins."""
    bounds = np.append(starts, rows)
    group = 0
    while group < len(starts):
        until = max(int(np.searchsorted(bounds, bounds[group] + size, side="right")) - 1, group + 1)
        first, last = int(bounds[group]), int(bounds[until])
        if until == group + 1:
            for row in range(first, last, size):
                yield row, min(row + size, last), group, np.zeros(1, dtype=np.int64)
        else:
            yield first, last, group, starts[group:until] - first
        group = until


def _one_by_one(values: Floats, starts: Ints, check: Callable[[], None]) -> Floats:
    ends = np.append(starts[1:], len(values))
    out = np.empty((len(starts), values.shape[1]))
    for group, (first, last) in enumerate(zip(starts, ends, strict=True)):
        total, rest = np.zeros(values.shape[1]), np.zeros(values.shape[1])
        for row in range(int(first), int(last)):
            if row % _PLACES == 0:
                check()
            add(total, rest, values[row])
        out[group] = np.where(np.isinf(total), total, total + rest)
    return out
