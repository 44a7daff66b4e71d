"""One query as it runs: its data, its bounds, its annotations."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from paramedic_core.clock import Clock
from paramedic_core.errors import LimitExceeded
from paramedic_metrics.courtesy import COURTESY
from paramedic_metrics.promql.annotations import Annotations
from paramedic_metrics.promql.errors import EvaluationError, QueryCanceled, QueryTimeout
from paramedic_metrics.promql.labels import LabelCache, distinct, numbered
from paramedic_metrics.promql.values import Bools, Ints, Vector, mask_of
from paramedic_metrics.series import Labels, Matcher, Queryable, Selection
from paramedic_metrics.wanted import watched


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may use.

    Args:
        timeout: seconds from start to end (Prometheus' --query.timeout).
        max_samples: samples read and made at any one moment (Prometheus' --query.max-samples).
        max_points: steps of a range query.
        lookback: milliseconds that an instant selector looks back (Prometheus' --query.lookback-delta).
        subquery_step: milliseconds between the steps of a subquery that names none.
        max_subquery: steps of one subquery: what no check interrupts is a function of one series over all of them.
        max_listed: samples of a range or subquery that is itself the answer; they cost far more to write than to work out.
    """

    timeout: float = 120.0
    max_samples: int = 50_000_000
    max_points: int = 11_000
    lookback: int = 300_000
    subquery_step: int = 60_000
    max_subquery: int = 5_000_000
    max_listed: int = 5_000_000


@dataclass(frozen=True, slots=True)
class Steps:
    """The moments of an evaluation (Unix milliseconds): `count` of them from `start`, `step` apart."""

    start: int
    step: int
    count: int

    @property
    def times(self) -> Ints:
        return self.start + self.step * np.arange(self.count, dtype=np.int64)

    @property
    def end(self) -> int:
        return self.start + self.step * (self.count - 1)


MOST_VALUE = 64 << 10
"""Characters of a label's value: each join makes ten times of it what it was."""
_MOST_LETTERS = 64 << 20


def _weighs_nothing(_cells: int) -> None:
    """Nobody wants to know."""


@dataclass(slots=True)
class Run:
    """A query's state."""

    queryable: Queryable
    limits: Limits
    clock: Clock
    cache: LabelCache
    notes: Annotations
    canceled: threading.Event | None = None
    delayed_names: bool = False
    weigh: Callable[[int], None] = _weighs_nothing
    """Told how many samples are made beyond those that are read; may wait, or raise what the query then ends with."""
    invariant: set[int] = field(default_factory=set)
    """Identities of the expressions that have one value for all steps."""
    deadline: float = 0.0
    letters: int = 0
    """Of the labels' values that the query made."""
    alive: int = 0
    """Samples held now."""
    peak: int = 0
    """The most samples that were held."""

    def check(self) -> None:
        """Between two pieces of work: may we go on? A page that is being made goes first.

        Raises:
            QueryTimeout: the time is over.
            QueryCanceled: nobody waits any more.
        """
        COURTESY.give_way()
        self.look()

    def look(self) -> None:
        """As `check`, where others may not be waited for: a lock is held.

        Raises:
            QueryTimeout: the time is over.
            QueryCanceled: nobody waits any more.
        """
        if self.canceled is not None and self.canceled.is_set():
            raise QueryCanceled("query was canceled in expression evaluation")
        if self.clock.monotonic() > self.deadline:
            raise QueryTimeout(
                f"query timed out in expression evaluation (the limit is {self.limits.timeout:g} s; "
                "ask for fewer series, a shorter time or a longer step)"
            )

    def room(self, cells: int) -> None:
        """Make sure that so many samples more may be held.

        Raises:
            LimitExceeded: they may not.
        """
        self.peak = max(self.peak, self.alive + cells)
        if self.alive + cells > self.limits.max_samples:
            raise LimitExceeded(
                "query processing would load too many samples into memory in query execution "
                f"(the limit is {self.limits.max_samples}; ask for fewer series, a shorter time or a longer step)"
            )

    def grow(self, cells: int, read: int = 0) -> None:
        """Make sure that so many samples may be made, `read` of which were weighed when they were read.

        Raises:
            LimitExceeded: they may not.
        """
        self.room(cells)
        if cells > read:
            self.weigh(cells - read)

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """The frames of these series with samples of start < t <= end."""
        self.check()
        with watched(self.look):
            found = self.queryable.select(matchers, start, end)
        self.room(found.cells)
        self.check()
        return found

    def labelled(self, owned: Labels, name: str, value: str) -> Labels:
        """The set with one label set to a text that the query made.

        Raises:
            EvaluationError: the text is too long for a label.
            LimitExceeded: the query has made too much text.
        """
        if len(value) > MOST_VALUE:
            raise EvaluationError(f"the value of label {name} would have more than {MOST_VALUE} characters")
        self.letters += len(value)
        if self.letters > _MOST_LETTERS:
            raise LimitExceeded(
                f"the query's labels would have more than {_MOST_LETTERS} characters: make shorter ones, or of fewer series"
            )
        return self.cache.with_label(owned, name, value)

    def named(self, vector: Vector) -> Vector:
        """The vector without its names, as most functions return it: at once, or marked for later.

        Raises:
            EvaluationError: two series become the same.
        """
        if self.delayed_names:
            vector.drop = np.ones(len(vector.labels), dtype=np.bool_)
            return vector
        vector.labels, alone = self.cache.nameless_distinct(vector.labels)
        return vector if alone else merged(vector)


def merged(vector: Vector) -> Vector:
    """Series of the same labels as one.

    Raises:
        EvaluationError: two of them have a sample at the same moment.
    """
    count = len(vector.labels)
    if count < 2 or distinct(vector.labels):
        return vector
    target, labels = numbered(vector.labels)
    steps = vector.values.shape[1]
    values = np.zeros((len(labels), steps))
    mask: Bools = np.zeros((len(labels), steps), dtype=np.bool_)
    drop = None if vector.drop is None else np.zeros(len(labels), dtype=np.bool_)
    source = mask_of(vector)
    for row, place in enumerate(target):
        if (mask[place] & source[row]).any():
            raise EvaluationError("vector cannot contain metrics with the same labelset")
        np.copyto(values[place], vector.values[row], where=source[row])
        mask[place] |= source[row]
        if drop is not None and vector.drop is not None:
            drop[place] |= vector.drop[row]
    return Vector(labels, values, mask, drop)
