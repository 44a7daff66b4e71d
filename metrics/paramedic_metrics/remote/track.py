"""Series in the order in which senders send them, as bytes: where a request goes on as before, it is read with a few NumPy
operations, however many series that are.

A *shape* is what one sample of a known series looks like in a request: all its bytes, with value and moment blanked. Shapes
stand one after the other in the order in which they were first seen. A request is compared from a known series on; what is
the same but for the blanks is understood, up to the first difference.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

VALUE, STAMP = 8, 6
"""Bytes of a double, and of a moment as a varint, from 1971 to 2109."""
_FIRST_LOOK = 512
"""Bytes that are compared at first; each time all of them are the same, four times as many."""
MOST = 32 << 20
"""Bytes of shapes, about; series beyond that are not followed, only found by their labels' bytes."""
_WEIGHTS = 1 << 7 * np.arange(STAMP, dtype=np.int64)


@dataclass(slots=True)
class Run:
    """Samples one after the other."""

    numbers: NDArray[np.int64]
    """Of their series."""
    times: NDArray[np.int64]
    """Unix milliseconds."""
    values: NDArray[np.float64]


class Track:
    """All shapes of a decoder."""

    def __init__(self) -> None:
        self._data, self._mask = bytearray(), bytearray()
        self._ends, self._numbers, self._nought = array("q"), array("q"), array("b")
        self._places: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._ends)

    @property
    def full(self) -> bool:
        """Whether there is no room for new shapes."""
        return len(self._data) >= MOST

    def place(self, shape: bytes, number: int, *, nought: bool) -> int:
        """Where a shape is; put behind all others if it is new. −1: it is new, and there is no room for it.

        Args:
            shape: the field of a request from its tag to the last byte of the moment, which ends it.
            number: of the series.
            nought: whether there is no value, which means 0.
        """
        key = 2 * number + nought
        found = self._places.get(key)
        if found is not None:
            return found
        if self.full:
            return -1
        blank = 0 if nought else VALUE
        kept = len(shape) - STAMP - 1 - blank
        # Of the moment only that five bytes are continued and the last is not.
        self._data += shape[:kept] + bytes(blank) + b"\x10" + b"\x80" * (STAMP - 1) + b"\0"
        self._mask += b"\xff" * kept + bytes(blank) + b"\xff" + b"\x80" * STAMP
        self._ends.append(len(self._data))
        self._numbers.append(number)
        self._nought.append(nought)
        self._places[key] = len(self._ends) - 1
        return len(self._ends) - 1

    def follow(self, data: NDArray[np.uint8], at: int, place: int) -> tuple[int, Run | None]:
        """Read on while the request has what stands here.

        Args:
            data: the request.
            at: where in it a field begins.
            place: the shape that it may have.

        Returns:
            where the first field begins that is another; the samples before it, if there are any.
        """
        ends = np.frombuffer(self._ends, np.int64)
        track, mask = np.frombuffer(self._data, np.uint8), np.frombuffer(self._mask, np.uint8)
        first, look = place, _FIRST_LOOK
        begin = int(ends[place - 1]) if place else 0
        shift = at - begin
        while place < len(ends):
            length = min(look, len(data) - begin - shift, len(track) - begin)
            same = (data[begin + shift : begin + shift + length] & mask[begin : begin + length]) == track[
                begin : begin + length
            ]
            good = length if same.all() else int(same.argmin())
            place = int(np.searchsorted(ends, begin + good, side="right"))
            begin = int(ends[place - 1]) if place else 0
            if good < look:
                break
            look *= 4
        if place == first:
            return at, None
        mine = slice(first, place)
        noughts = np.frombuffer(self._nought, np.bool_)[mine]
        numbers = np.frombuffer(self._numbers, np.int64)[mine].copy()
        return begin + shift, _read(data, ends[mine] + shift, noughts, numbers)


def _read(
    data: NDArray[np.uint8], ends: NDArray[np.int64], noughts: NDArray[np.bool_], numbers: NDArray[np.int64]
) -> Run:
    stamps = _cut(data, ends - STAMP, STAMP) & 127
    values = np.zeros(len(ends))
    some = ends if not noughts.any() else ends[~noughts]
    if len(some):
        found = _cut(data, some - STAMP - 1 - VALUE, VALUE).view("<f8").ravel()
        values[~noughts] = found
    return Run(numbers, stamps @ _WEIGHTS, values)


def _cut(data: NDArray[np.uint8], at: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    """So many bytes from each of these places on."""
    found: NDArray[np.uint8] = np.lib.stride_tricks.sliding_window_view(data, size)[at]
    return found
