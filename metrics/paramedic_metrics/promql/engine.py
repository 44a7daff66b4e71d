"""The way in: a query's text to its answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from paramedic_core.clock import Clock, SystemClock
from paramedic_core.errors import BadInput, LimitExceeded
from paramedic_metrics import parallel
from paramedic_metrics.promql import memory, ranges, subquery
from paramedic_metrics.promql.annotations import Annotations
from paramedic_metrics.promql.ast import DOCUMENTED, Expr, MatrixSelector, Subquery, unwrapped
from paramedic_metrics.promql.cursor import Options
from paramedic_metrics.promql.errors import EvaluationError
from paramedic_metrics.promql.evaluate import evaluate
from paramedic_metrics.promql.labels import LabelCache, distinct
from paramedic_metrics.promql.parser import parse
from paramedic_metrics.promql.prepare import settled
from paramedic_metrics.promql.ranges import Ranged
from paramedic_metrics.promql.results import Answer, Data, MatrixResult, ScalarResult, StringResult, VectorResult
from paramedic_metrics.promql.run import Limits, Run, Steps, merged
from paramedic_metrics.promql.values import Ints, Scalar, Text, Value, Vector
from paramedic_metrics.promql.windows import window
from paramedic_metrics.series import Queryable

_CACHE_SIZE = 2_000_000
"""Remembered label sets after which the next query begins anew."""
_CACHE_LETTERS = 64 << 20
"""Characters of made labels after which it does."""
_MOST_MOMENTS = 1_000_000
"""Of an answer: each of them is written as text before the first sample is."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a query asks: Unix milliseconds, `step` 0 for an instant query."""

    start: int
    end: int
    step: int = 0


class Engine:
    """Answers queries; safe for several threads at once.

    Args:
        queryable: the samples.
        limits: what one query may use.
        clock: for the time limit.
        options: what beyond the stable language is allowed.
        delayed_names: remove names at the end of a query instead of at each function (Prometheus'
            promql-delayed-name-removal).
        weigh: told how many samples a query makes beyond those that it reads; may wait, or raise what the query then ends with.
    """

    def __init__(
        self,
        queryable: Queryable,
        limits: Limits | None = None,
        *,
        clock: Clock | None = None,
        options: Options | None = None,
        delayed_names: bool = False,
        weigh: Callable[[int], None] = lambda _cells: None,
    ) -> None:
        self._queryable = queryable
        self._limits = limits or Limits()
        self._clock = clock or SystemClock()
        self._options = options or Options()
        self._delayed_names, self._weigh = delayed_names, weigh
        self._cache = LabelCache()
        memory.share()

    def instant(self, query: str, time: int, *, canceled: threading.Event | None = None) -> Answer:
        """The query's value at one moment.

        Args:
            query: PromQL.
            time: Unix milliseconds.
            canceled: set it to end the query early.

        Raises:
            ParseError: the query is no PromQL.
            EvaluationError: it cannot be answered on this data.
            LimitExceeded: it needs more samples than it may use; QueryTimeout, more time.
            QueryCanceled: `canceled` was set.
        """
        expr = parse(query, self._options)
        run, expr = self._run(query, expr, Moment(time, time), canceled)
        steps = Steps(time, 1, 1)
        bare = unwrapped(expr)
        with _floats(), parallel.query():
            if isinstance(bare, MatrixSelector | Subquery):
                return _answer(run, _matrix_of_range(run, bare, steps))
            return _answer(run, _instant(run, evaluate(run, expr, steps), time))

    def range(self, query: str, start: int, end: int, step: int, *, canceled: threading.Event | None = None) -> Answer:
        """The query's value at every step from `start` to `end`, both inclusive.

        Args:
            query: PromQL of a scalar or an instant vector.
            start: Unix milliseconds.
            end: Unix milliseconds, not before `start`.
            step: milliseconds, above zero.
            canceled: set it to end the query early.

        Raises:
            BadInput: bounds or step are wrong, or there are too many steps.
            ParseError: the query is no PromQL.
            EvaluationError: it cannot be answered on this data.
            LimitExceeded: it needs more samples than it may use; QueryTimeout, more time.
            QueryCanceled: `canceled` was set.
        """
        if step <= 0:
            raise BadInput("zero or negative query resolution step widths are not accepted. Try a positive integer")
        if end < start:
            raise BadInput("end timestamp must not be before start time")
        count = (end - start) // step + 1
        if count > self._limits.max_points:
            raise BadInput(
                f"exceeded maximum resolution of {self._limits.max_points:,} points per timeseries. "
                "Try decreasing the query resolution (?step=XX)"
            )
        expr = parse(query, self._options)
        if expr.type not in ("scalar", "vector"):
            kind = DOCUMENTED.get(expr.type, expr.type)
            raise BadInput(f'invalid expression type "{kind}" for range query, must be Scalar or instant Vector')
        run, expr = self._run(query, expr, Moment(start, end, step), canceled)
        steps = Steps(start, step, count)
        with _floats(), parallel.query():
            answer = _answer(run, _matrix(run, evaluate(run, expr, steps), steps))
        if run.peak > memory.LARGE:
            memory.give_back()
        elif run.peak > memory.MUCH:
            memory.keep(self._clock.monotonic())
        return answer

    def _run(self, query: str, expr: Expr, moment: Moment, canceled: threading.Event | None) -> tuple[Run, Expr]:
        if self._cache.size > _CACHE_SIZE or self._cache.letters > _CACHE_LETTERS:
            self._cache = LabelCache()
        ready = settled(query, expr, moment.start, moment.end, moment.step)
        run = Run(
            queryable=self._queryable,
            limits=self._limits,
            clock=self._clock,
            cache=self._cache,
            notes=Annotations(query),
            canceled=canceled,
            delayed_names=self._delayed_names,
            weigh=self._weigh,
            invariant=ready.invariant,
            deadline=self._clock.monotonic() + self._limits.timeout,
        )
        return run, ready.expr


def _floats() -> np.errstate:
    """Infinities and NaN are values here like any other, however they come about."""
    return np.errstate(all="ignore")


def _answer(run: Run, data: Data) -> Answer:
    return Answer(data, run.notes.warnings, run.notes.infos)


def _finished(run: Run, vector: Vector) -> Vector:
    """The vector with those names gone that were only marked.

    Raises:
        EvaluationError: two series become the same.
    """
    if vector.drop is None or not vector.drop.any():
        return vector
    labels = [
        run.cache.nameless(owned) if gone else owned
        for owned, gone in zip(vector.labels, vector.drop.tolist(), strict=True)
    ]
    return merged(Vector(labels, vector.values, vector.mask))


def _instant(run: Run, value: Value, time: int) -> Data:
    if isinstance(value, Scalar):
        return ScalarResult(time, float(value.values[0]))
    if isinstance(value, Text):
        return StringResult(time, value.value)
    vector = _finished(run, value)
    if not distinct(vector.labels):
        raise EvaluationError("vector cannot contain metrics with the same labelset")
    return VectorResult(time, vector.labels, vector.values[:, 0])


def _matrix(run: Run, value: Value, steps: Steps) -> MatrixResult:
    if isinstance(value, Scalar):
        return MatrixResult([()], steps.times, value.values[None, :], None)
    assert isinstance(value, Vector)
    vector = merged(_finished(run, value))
    return _ordered(run, vector, steps.times)


def _ordered(run: Run, vector: Vector, times: Ints) -> MatrixResult:
    labels, order = run.cache.in_order(vector.labels)
    return MatrixResult(labels, times, vector.values, vector.mask, order)


def _matrix_of_range(run: Run, expr: MatrixSelector | Subquery, steps: Steps) -> MatrixResult:
    """The samples of a range selector or subquery themselves, each at its own time."""
    if isinstance(expr, MatrixSelector):
        if expr.vector.anchored or expr.vector.smoothed:
            raise EvaluationError("anchored and smoothed ranges are experimental, and can only be read by a function")
        ranged = ranges.select(run, expr, steps)
    else:
        ranged = subquery.select(run, expr, steps, evaluate)
    return _laid_out(run, ranged)


def _all_times(columns: list[Ints]) -> Ints:
    """Every moment once, ascending; each column is so already. NumPy's `unique` takes a hundred times as long."""
    if len(columns) == 1:
        return columns[0]
    together: Ints = np.concatenate(columns)
    together.sort(kind="stable")
    once: Ints = together[np.append(True, together[1:] != together[:-1])]
    return once


def _laid_out(run: Run, ranged: Ranged) -> MatrixResult:
    parts = []
    most, points = run.limits.max_listed, 0
    for block in ranged.blocks():
        run.check()
        bounds = window(block, ranged.starts, ranged.ends)
        if bounds.longest:
            points += bounds.longest * len(block.labels)
            if points > most:
                raise LimitExceeded(
                    f"the answer would have more than {most} samples: ask for fewer series or a shorter time, "
                    "or for a range query"
                )
            parts.append((block, slice(int(bounds.low[0]), int(bounds.high[0]))))
    if not parts:
        return MatrixResult([], np.empty(0, dtype=np.int64), np.empty((0, 0)), None)
    times = _all_times([block.times[place] for block, place in parts])
    count = sum(len(block.labels) for block, _ in parts)
    if len(times) > _MOST_MOMENTS:
        raise LimitExceeded(
            f"the answer would have samples at more than {_MOST_MOMENTS} moments: ask for a shorter time"
        )
    run.grow(count * len(times), ranged.cells)
    values, mask = np.zeros((count, len(times))), np.zeros((count, len(times)), dtype=np.bool_)
    labels, drop, row = [], np.zeros(count, dtype=np.bool_), 0
    for block, place in parts:
        run.check()
        at = np.searchsorted(times, block.times[place])
        rows = slice(row, row + len(block.labels))
        values[rows, at] = block.values[:, place]
        mask[rows, at] = True
        if block.drop is not None:
            drop[rows] = block.drop
        labels.extend(block.labels)
        row += len(block.labels)
    vector = merged(_finished(run, Vector(labels, values, None if mask.all() else mask, drop)))
    return _ordered(run, vector, times)
