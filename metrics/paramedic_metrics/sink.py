"""What scraping and remote write want of a store; `store.py` gives it the tsdb in this shape."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from paramedic_metrics.series import Labels

Sample = tuple[Labels, int, float]
"""A series, Unix milliseconds, and a value (a stale marker bit for bit)."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of samples that came with timestamps of their own."""

    stored: int = 0
    out_of_order: int = 0
    """Older than the newest of their series, and too old for the window in which that is allowed."""
    duplicate: int = 0
    """A second value for a moment that has one."""
    ahead: int = 0
    """Too far in the future."""

    @property
    def refused(self) -> int:
        """All that were not stored."""
        return self.out_of_order + self.duplicate + self.ahead


class Column(Protocol):
    """The series of one target, which share their timestamps."""

    @property
    def most(self) -> int:
        """How many series there may be in all."""
        ...

    def row(self, labels: Labels) -> int:
        """The place of a series, made if there is none; it stays the same until it is forgotten. The store does not know of
        the series before `make` or `append`.
        """
        ...

    def make(self, rows: Sequence[int]) -> None:
        """Have these series in the store from now on.

        Raises:
            LimitExceeded: there are as many series as there may be.
            StoreUnavailable: they cannot be written down.
        """
        ...

    def append(self, at: int, rows: Sequence[int], values: Sequence[float]) -> None:
        """One moment (Unix milliseconds): a value for each of `rows`, each once; other rows have no sample then.

        Raises:
            LimitExceeded: some are not in the store, and there are as many series as there may be.
            StoreUnavailable: it cannot be written.
        """
        ...

    def forget(self, kept: AbstractSet[int]) -> None:
        """Let go of all rows but these: the others are not given to `append` any more."""
        ...

    def close(self) -> None:
        """Nothing more will come."""
        ...


class Sink(Protocol):
    """Where samples go."""

    def column(self, name: str) -> Column:
        """For a target.

        Args:
            name: its own, the same after a restart.

        Raises:
            StoreUnavailable: there is no store now.
        """
        ...

    def add(self, samples: Iterable[Sample]) -> Taken:
        """Samples with timestamps of their own.

        Raises:
            LimitExceeded: there are as many series as there may be; what came before the one that was too many is stored.
            StoreUnavailable: they cannot be written.
        """
        ...

    def refs(self, wanted: Sequence[Labels]) -> NDArray[np.uint32]:
        """The numbers of series, by which `put` knows them from now on.

        Raises:
            LimitExceeded: there are as many series as there may be; those before the one that was too many are known.
            StoreUnavailable: new ones cannot be written down.
        """
        ...

    def put(self, refs: NDArray[np.uint32], times: NDArray[np.int64], values: NDArray[np.float64]) -> Taken:
        """As `add`, with series' numbers; times are Unix milliseconds.

        Raises:
            NotFound: one of them was silent for so long that it is not known any more: ask `refs` again.
            StoreUnavailable: they cannot be written.
        """
        ...
