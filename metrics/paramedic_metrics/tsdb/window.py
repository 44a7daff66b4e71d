"""A window of a scrape group that is being written: moments, and a matrix of series × moments."""

from __future__ import annotations

from bisect import bisect_left, insort

import numpy as np
from numpy.typing import NDArray

from paramedic_metrics.series import ABSENT, ABSENT_BITS, bits

WIDE = 60
"""Moments of a window; a full one is packed, in memory still."""


class Window:
    """Cells are written once; a reader copies them, without a lock, whatever is written meanwhile.

    Args:
        rows: for how many series there is room at first.
        place: where in the write-ahead log its first sample is.
    """

    __slots__ = ("cells", "place", "times")

    def __init__(self, rows: int, place: int) -> None:
        self.times: list[int] = []
        self.cells: NDArray[np.float64] = np.full((rows, WIDE), ABSENT)
        self.place = place

    @property
    def full(self) -> bool:
        """Whether no moment more fits."""
        return len(self.times) >= int(self.cells.shape[1])

    def room(self, rows: int) -> None:
        """Make room for so many series."""
        have = len(self.cells)
        if rows > have:
            more = np.full((max(rows, have + have // 4) - have, self.cells.shape[1]), ABSENT)
            self.cells = np.concatenate([self.cells, more])

    def append(self, t: int, rows: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Write a moment that is later than all others."""
        self.cells[rows, len(self.times)] = values
        # Last: a reader takes as many columns as there are moments.
        self.times.append(t)

    @property
    def left(self) -> int:
        """How many moments more fit."""
        return int(self.cells.shape[1]) - len(self.times)

    def extend(self, times: list[int], rows: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Write moments that are later than all others; `values` has a row for each."""
        begin = len(self.times)
        self.cells[rows, begin : begin + len(times)] = values.T
        self.times += times

    def column(self, t: int) -> int:
        """Which column has this moment; −1 for none."""
        at = bisect_left(self.times, t)
        return at if at < len(self.times) and self.times[at] == t else -1

    def insert(self, t: int) -> int:
        """The column of a moment, made where it belongs if it is new."""
        at = self.column(t)
        if at >= 0:
            return at
        # What a reader holds stays as it is: the columns move in a copy.
        at, have = bisect_left(self.times, t), len(self.times)
        wide = self.cells.shape[1] + (WIDE if have >= self.cells.shape[1] else 0)
        cells = np.full((len(self.cells), wide), ABSENT)
        cells[:, :at] = self.cells[:, :at]
        cells[:, at + 1 : have + 1] = self.cells[:, at:have]
        times = self.times.copy()
        insort(times, t)
        self.cells, self.times = cells, times
        return at

    def free(self, column: int, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these cells hold nothing."""
        empty: NDArray[np.bool_] = bits(self.cells[rows, column]) == ABSENT_BITS
        return empty

    def view(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """What is there now: moments and cells."""
        times, cells = self.times, self.cells
        count = min(len(times), cells.shape[1])
        return np.array(times[:count], np.int64), cells[:, :count]
