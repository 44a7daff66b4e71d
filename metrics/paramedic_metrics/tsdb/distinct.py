"""What is there once or oftener, once and in order, and what is there at all.

Not `np.unique`, nor `np.isin`, which may call it: it imports numpy.ma, 1.2 MB that nobody else in the hub needs.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", np.uint32, np.int64)


def distinct(values: NDArray[Number]) -> NDArray[Number]:
    """The values, ascending, each once.

    Args:
        values: one dimension, integers.
    """
    ordered = np.sort(values)
    keep = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=keep[1:])
    return ordered[keep]


def among(values: NDArray[Number], some: NDArray[Number]) -> NDArray[np.bool_]:
    """Which of the values are in `some`.

    Args:
        values: one dimension, integers.
        some: likewise, in any order.
    """
    if not len(some):
        return np.zeros(len(values), np.bool_)
    ordered = np.sort(some)
    at = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    found: NDArray[np.bool_] = ordered[at] == values
    return found
