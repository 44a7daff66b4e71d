"""What is there once or oftener, once and in order. Not `np.unique`: it imports numpy.ma, 1.2 MB that nobody else in the hub needs."""

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
