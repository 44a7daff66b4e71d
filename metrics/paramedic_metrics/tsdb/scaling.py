"""Decimal scaling and differences: what makes measured numbers small integers, and exactly themselves again. Pure.

Counters and gauges are mostly short decimals, so with the right power of ten they are integers. Many go by steps (pages of
4096 bytes, ticks of 10 ms), so their changes are divided by what divides them all; what is left, or its first or second
differences, is small.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

POWERS = 10.0 ** np.arange(16)
_MOST_EXPONENT = 12
_EXACT = 2.0**53
_SHORT = 2
"""Bytes of integers that can be added up as floats, thousands of them and each thousands of times."""
RAW_EXPONENT = -1
"""The row is no decimal: its floats are kept as they are."""


@dataclass(frozen=True, slots=True)
class Scaled:
    """Rows as integers where they are decimals."""

    exponents: NDArray[np.int8]
    """A power of ten a row, or RAW_EXPONENT."""
    integers: NDArray[np.int64]
    """Shape of the input; rows of RAW_EXPONENT mean nothing."""


def scale(values: NDArray[np.float64]) -> Scaled:
    """The least power of ten for each row with which it is integers, checked bit for bit.

    Args:
        values: finite, shape (rows, T).
    """
    exponents = np.full(len(values), RAW_EXPONENT, np.int8)
    integers = np.zeros(values.shape, np.int64)
    # One column in a few decides for most rows: only those that pass are tried whole.
    probe = values[:, :: max(1, values.shape[1] // 8)]
    left = np.arange(len(values))
    for exponent in range(_MOST_EXPONENT + 1):
        if not len(left):
            break
        likely = left[_exact(probe[left], exponent)[0].all(axis=1)]
        good, whole = _exact(values[likely], exponent)
        passed = good.all(axis=1)
        done = likely[passed]
        exponents[done] = exponent
        integers[done] = whole[passed].astype(np.int64)
        left = np.setdiff1d(left, done, assume_unique=True)
    return Scaled(exponents, integers)


def unscale(integers: NDArray[np.int64], exponents: NDArray[np.int8]) -> NDArray[np.float64]:
    """The floats again; one exponent a row."""
    return integers / POWERS[exponents][:, None]


def _exact(values: NDArray[np.float64], exponent: int) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    with np.errstate(over="ignore", invalid="ignore"):
        whole = np.rint(values * POWERS[exponent])
        good = np.abs(whole) < _EXACT
        # Adding nought turns −0 into 0, as the way through integers does.
        same = ((whole + 0.0) / POWERS[exponent]).view(np.uint64) == values.view(np.uint64)
    return good & same, np.where(good, whole, 0.0)


def divisors(integers: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each row, the greatest number that divides all its changes; 1 for one that never changes."""
    found = np.ones(len(integers), np.int64)
    changes = integers - integers[:, :1]
    # Some columns decide for most rows: only those that may have one are looked at whole.
    likely = np.flatnonzero(np.gcd.reduce(changes[:, :: max(1, changes.shape[1] // 16)], axis=1) != 1)
    found[likely] = np.maximum(1, np.gcd.reduce(changes[likely], axis=1))
    return found


def divide(integers: NDArray[np.int64], by: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows with their changes divided; what they begin with stays."""
    firsts = integers[:, :1]
    return firsts + (integers - firsts) // by[:, None]


def multiply(integers: NDArray[np.int64], firsts: NDArray[np.int64], by: NDArray[np.int64]) -> NDArray[np.int64]:
    """What `divide` was given, or some columns of it.

    Args:
        integers: those columns; used up.
        firsts: what the rows begin with, shape (rows, 1).
        by: the divisors.
    """
    integers -= firsts
    integers *= by[:, None]
    integers += firsts
    return integers


def differences(integers: NDArray[np.int64]) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """For each row, which order of differences (0, 1, 2) is smallest, and how large those are.

    Returns:
        the orders; the mean of log2(1 + |difference|), by which alike rows are put together.
    """
    sizes = np.empty((3, len(integers)))
    row = integers - integers[:, :1]
    for order in range(3):
        sizes[order] = np.log2(1.0 + np.abs(row.astype(np.float64))).mean(axis=1) if row.shape[1] else 0.0
        row = np.diff(row, axis=1)
    orders = sizes.argmin(axis=0).astype(np.int8)
    return orders, sizes[orders, np.arange(len(integers))]


def lower(integers: NDArray[np.int64], order: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows' differences of one order, padded to the same shape, and what begins them.

    Returns:
        the differences, nought in the first `order` columns (at least in the first); firsts of shape (rows, max(1, order)).
    """
    firsts = integers[:, :1]
    row = integers - firsts
    if order == 0:
        return row, firsts
    row[:, 1:] = row[:, 1:] - row[:, :-1]
    if order == 2 and row.shape[1] > 1:
        firsts = np.concatenate([firsts, row[:, 1:2]], axis=1)
        row[:, 2:] = row[:, 2:] - row[:, 1:-1]
        row[:, 1] = 0
    elif order == 2:
        firsts = np.concatenate([firsts, np.zeros_like(firsts)], axis=1)
    return row, firsts


def raise_again(low: NDArray[Any], firsts: NDArray[np.int64], order: int, span: tuple[int, int]) -> NDArray[np.int64]:
    """Some columns of what `lower` was given.

    Args:
        low: differences, of any integers.
        firsts: what begins them.
        order: of differences.
        span: the first column and the one after the last.
    """
    begin, end = span
    rows = low[:, begin:end].astype(np.int64)
    if order == 0:
        rows += firsts[:, :1]
        return rows
    # What is before the span is only added up, which takes a third of the time.
    if order == 1:
        rows[:, 0] = firsts[:, 0] + np.add.reduce(low[:, : begin + 1], axis=1, dtype=np.int64)
    elif begin == 0:
        rows[:, 1:2] = firsts[:, 1:2]
        np.cumsum(rows[:, 1:], axis=1, out=rows[:, 1:])
        rows[:, 0] = firsts[:, 0]
    else:
        rows[:, 0], value = _second_sums(low[:, : begin + 1], firsts)
        np.cumsum(rows, axis=1, out=rows)
        rows[:, 0] = value
    np.cumsum(rows, axis=1, out=rows)
    return rows


def _second_sums(low: NDArray[Any], firsts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The last first difference, and the last value, of rows of second differences."""
    last = low.shape[1] - 1
    inner = low[:, 2:]
    weights = np.stack([np.ones(last - 1), np.arange(last - 1, 0, -1)], axis=1)
    if low.dtype.itemsize <= _SHORT:
        # By way of floats, which is faster; the sums are far below what those hold exactly.
        sums = (inner.astype(np.float64) @ weights).astype(np.int64)
    else:
        sums = np.stack([(inner * column.astype(np.int64)).sum(axis=1, dtype=np.int64) for column in weights.T], axis=1)
    return firsts[:, 1] + sums[:, 0], firsts[:, 0] + last * firsts[:, 1] + sums[:, 1]


def smallest(integers: NDArray[np.int64]) -> NDArray[Any]:
    """The same numbers in the smallest type that holds them."""
    low, high = int(integers.min(initial=0)), int(integers.max(initial=0))
    for kind in (np.int8, np.int16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return integers.astype(kind)
    return integers
