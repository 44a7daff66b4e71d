"""Rows of a matrix as text, thousands of numbers at a time.

An answer of a thousand series has half a million numbers. Making a string of each and joining those takes 95 ns a number. Here
they are written as one text, whose words are then copied to where they belong, and what stands between them around them: 50 ns,
and for half of that no other thread has to wait.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from paramedic_metrics.answer.numbers import listed, time_texts

_Places = NDArray[np.int64]
_LAST = b'"]]}'


class Grid:
    """The moments of a matrix, and what stands before a value of each.

    Args:
        times: Unix milliseconds, at least one.
    """

    def __init__(self, times: NDArray[np.int64]) -> None:
        moments = time_texts(times.tolist())
        self.firsts = [f'[{moment},"'.encode() for moment in moments]
        """Before a row's first value."""
        following = [b'"],' + first for first in self.firsts]
        self._sizes = np.array([len(text) for text in following], np.int64)
        # By length, nearly always one: NumPy copies pieces that are equally long.
        self._pieces = {
            size: np.frombuffer(b"".join(text.ljust(size)[:size] for text in following), f"V{size}")
            for size in np.unique(self._sizes).tolist()
        }

    def written(
        self,
        heads: Sequence[bytes],
        values: NDArray[np.float64],
        cells: tuple[NDArray[np.intp], NDArray[np.intp]] | None = None,
    ) -> bytes:
        """Rows, one after the other.

        Args:
            heads: what stands before each row's first value, its moment too.
            values: shape (rows, times), or of gappy rows those that there are, row by row.
            cells: of gappy rows, at which moment each value is, and how many each row has; none has none.

        Returns:
            the text, up to the last row's end.
        """
        words = listed(values.ravel())
        columns: NDArray[np.intp]
        if cells is None:
            columns = np.arange(values.shape[1])
            begins = values.shape[1] * np.arange(len(heads))
        else:
            columns, counts = cells
            begins = np.cumsum(counts) - counts
        # One value after the other, or row by row: either way the last axis goes with `columns`.
        shape = values.shape
        takes = (words.sizes.reshape(shape) + self._sizes[columns]).ravel()
        takes[begins] = words.sizes[begins] + np.array([len(head) for head in heads])
        ends = np.cumsum(takes)
        places = ends - words.sizes
        total, width = int(ends[-1]), words.width
        out = np.empty(total + max(width, len(_LAST)), np.uint8)
        # A word is copied as wide as the widest is; what is too much, what comes after it covers.
        _pieces(out, width)[places] = _pieces(words.text, width)[words.starts]
        self._between(out, places.reshape(shape), columns)
        whole = out.data
        for head, end in zip(heads, places[begins].tolist(), strict=True):
            whole[end - len(head) : end] = head
        whole[total : total + len(_LAST)] = _LAST
        return out[: total + len(_LAST)].tobytes()

    def _between(self, out: NDArray[np.uint8], places: _Places, columns: NDArray[np.intp]) -> None:
        """What stands before each value; for the first of a row its head is longer, and comes later."""
        for size, pieces in self._pieces.items():
            if len(self._pieces) == 1:
                _pieces(out, size)[places - size] = pieces[columns]
            else:
                such = self._sizes[columns] == size
                _pieces(out, size)[places[..., such] - size] = pieces[columns[such]]


def _pieces(text: NDArray[np.uint8], size: int) -> NDArray[np.void]:
    """Every stretch of so many bytes, overlapping, as one item each."""
    return np.ndarray((len(text) - size + 1,), f"V{size}", text.data, 0, (1,))
