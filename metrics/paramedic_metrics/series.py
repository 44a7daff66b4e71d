"""Series as the store gives them and as the query language takes them: the one meeting point of tsdb and promql.

Samples that were taken at the same moments share one column of timestamps (a *scrape group*: one target's scrapes, or the
series of one remote write), so that windows are bounded once for all of them and whole columns are computed at a time.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Labels = tuple[tuple[str, str], ...]
"""Label pairs sorted by name, `__name__` among them, no empty values. A store hands out the same object for a series as
long as it lives, so that what is worked out for one may be remembered by its identity."""

STALE_BITS = 0x7FF0_0000_0000_0002
"""Prometheus' stale marker (model/value/value.go): a sample that says the series has ended. It survives bit for bit."""
ABSENT_BITS = 0x7FF0_0000_0000_0A11
"""Our own: at this moment of its group, this series has no sample. Never comes in from outside, never goes out."""
STALE: float = struct.unpack("<d", struct.pack("<Q", STALE_BITS))[0]
ABSENT: float = struct.unpack("<d", struct.pack("<Q", ABSENT_BITS))[0]


@dataclass(frozen=True, slots=True)
class Frame:
    """Series with one column of timestamps.

    `whole` says that no cell is ABSENT or STALE: most frames are, and computing on them needs no mask.
    """

    labels: Sequence[Labels]
    """One a row."""
    times: NDArray[np.int64]
    """Unix milliseconds, strictly ascending, shape (T,)."""
    values: NDArray[np.float64]
    """Shape (rows, T), C order, read-only. NaN may be a value, STALE or ABSENT: only the bits tell."""
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """Frames that are made when they are wanted, so that not all of what a query reads is held at once."""

    makers: Sequence[Callable[[], Frame | None]]
    """Each makes a frame, None when there is no sample in it after all; safe for several threads."""
    rows: Sequence[int]
    """How many series each of them has at most."""
    cells: int
    """Series times moments, of all together, at most."""

    @classmethod
    def of(cls, frames: Sequence[Frame]) -> Selection:
        """Frames that are there already."""
        makers = [lambda frame=frame: frame for frame in frames]
        return cls(makers, [len(frame.labels) for frame in frames], sum(frame.values.size for frame in frames))

    def __iter__(self) -> Iterator[Frame]:
        for make in self.makers:
            frame = make()
            if frame is not None:
                yield frame


@dataclass(frozen=True, slots=True)
class Matcher:
    """One label matcher. Regular expressions are RE2's, anchored at both ends, and `.` matches a newline (Prometheus 3)."""

    name: str
    op: Literal["=", "!=", "=~", "!~"]
    value: str


class Queryable(Protocol):
    """What a query reads."""

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """The series that match, with their samples of `start` < t <= `end` (Unix milliseconds).

        Each series is in one frame only. A frame does not change once it is made, whatever is appended meanwhile.

        Raises:
            LimitExceeded: more series or samples than a query may read.
            BadInput: a regular expression that RE2 refuses.
        """
        ...

    def label_values(self, name: str, matchers: Sequence[Matcher], start: int, end: int) -> list[str]:
        """The values of a label among the series that match and have samples in this time, sorted."""
        ...

    def label_names(self, matchers: Sequence[Matcher], start: int, end: int) -> list[str]:
        """The names of labels among such series, sorted."""
        ...

    def series(self, matchers: Sequence[Matcher], start: int, end: int) -> list[Labels]:
        """Such series, sorted."""
        ...


def bits(values: NDArray[np.float64]) -> NDArray[np.uint64]:
    """The values' bit patterns, without copying."""
    return values.view(np.uint64)


def present(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where there is a sample that is no stale marker."""
    raw = bits(values)
    mask: NDArray[np.bool_] = (raw != ABSENT_BITS) & (raw != STALE_BITS)
    return mask
