"""Functions by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from paramedic_metrics.promql import fetch, functions, histograms, label_functions, ranges, subquery
from paramedic_metrics.promql.ast import Call, Expr, MatrixSelector, StringLiteral, Subquery, VectorSelector, unwrapped
from paramedic_metrics.promql.errors import EvaluationError
from paramedic_metrics.promql.labels import METADATA
from paramedic_metrics.promql.matchers import labels_of_absent
from paramedic_metrics.promql.operators import go_max, go_min
from paramedic_metrics.promql.run import Run, Steps, merged
from paramedic_metrics.promql.values import Floats, Scalar, Value, Vector, empty, mask_of, present_at, stacked

Evaluate = Callable[[Run, Expr, Steps], Value]
_SORTS = frozenset({"sort", "sort_desc", "sort_by_label", "sort_by_label_desc"})


def call(run: Run, node: Call, steps: Steps, evaluate: Evaluate) -> Value:
    """The function's value at every step.

    Raises:
        EvaluationError: its arguments are wrong.
    """
    name = node.function.name
    args = [unwrapped(arg) for arg in node.args]
    if any(ranges.is_range(arg) for arg in args):
        return _of_range(run, node, args, steps, evaluate)
    if name in ("timestamp", "start_timestamp") and isinstance(args[0], VectorSelector):
        return _timestamps(run, name, args[0], steps)
    if name == "info":
        raise EvaluationError("the experimental function info() is not supported")
    values = [None if isinstance(arg, StringLiteral) else evaluate(run, arg, steps) for arg in args]
    texts = [arg.value for arg in args if isinstance(arg, StringLiteral)]
    scalars = [value.values for value in values if isinstance(value, Scalar)]
    vectors = [value for value in values if isinstance(value, Vector)]
    if not vectors:
        return _of_scalars(run, name, scalars, steps)
    return _of_vector(run, node, vectors[0], scalars, texts, steps)


def _of_range(run: Run, node: Call, args: list[Expr], steps: Steps, evaluate: Evaluate) -> Value:
    params: list[Floats] = []
    ranged: ranges.Ranged | None = None
    for arg in args:
        if isinstance(arg, MatrixSelector):
            ranged = ranges.select(run, arg, steps)
        elif isinstance(arg, Subquery):
            ranged = subquery.select(run, arg, steps, evaluate)
        else:
            value = evaluate(run, arg, steps)
            assert isinstance(value, Scalar)
            params.append(value.values)
    assert ranged is not None
    return ranges.call(run, node, ranged, params, steps)


def _timestamps(run: Run, name: str, selector: VectorSelector, steps: Steps) -> Vector:
    if name == "start_timestamp":
        return empty(steps.count)
    return run.named(fetch.instant(run, selector, steps, stamps=True))


def _of_scalars(run: Run, name: str, scalars: list[Floats], steps: Steps) -> Value:
    seconds = steps.times / 1000
    if name == "time":
        return Scalar(seconds)
    if name == "pi":
        return Scalar(np.full(steps.count, np.pi))
    if name in ("max_of", "min_of"):
        pick = go_max if name == "max_of" else go_min
        return Scalar(pick(scalars[0], scalars[1]))
    if name == "vector":
        return Vector([run.cache.made(())], scalars[0][None, :])
    # A date function without argument is one of the evaluation's time.
    return Vector([run.cache.made(())], functions.DATES[name](np.floor(seconds))[None, :])


def _of_vector(run: Run, node: Call, vector: Vector, scalars: list[Floats], texts: list[str], steps: Steps) -> Value:
    name = node.function.name
    if name in functions.MATHS:
        return functions.apply(run, vector, functions.MATHS[name])
    if name in functions.DATES:
        return functions.apply(run, vector, functions.DATES[name])
    if name in _SORTS:
        return _sorted(run, node, vector, texts, steps)
    if name == "start_timestamp":
        # It reads start times, and no series here has any.
        return empty(steps.count)
    table: dict[str, Callable[[], Value]] = {
        "absent": lambda: _absent(run, node, vector, steps),
        "clamp": lambda: functions.clamp(run, vector, scalars[0], scalars[1]),
        "clamp_max": lambda: functions.clamp(run, vector, np.full(1, -np.inf), scalars[0]),
        "clamp_min": lambda: functions.clamp(run, vector, scalars[0], np.full(1, np.inf)),
        "histogram_fraction": lambda: histograms.fraction(run, vector, scalars[0], scalars[1], node.args[2]),
        "histogram_quantile": lambda: histograms.quantile(run, vector, scalars[0], node.args[1], node.args[0]),
        "histogram_quantiles": lambda: _quantiles(run, node, vector, scalars, texts, steps),
        "label_join": lambda: label_functions.join(run, vector, texts),
        "label_replace": lambda: label_functions.replace(run, vector, texts),
        "round": lambda: functions.rounded(run, vector, scalars[0] if scalars else np.ones(1)),
        "scalar": lambda: _scalar(vector, steps),
        "timestamp": lambda: functions.apply(
            run, vector, lambda values: np.broadcast_to(steps.times / 1000, values.shape)
        ),
    }
    return table[name]()


def _quantiles(run: Run, node: Call, vector: Vector, scalars: list[Floats], texts: list[str], steps: Steps) -> Vector:
    qs = list(zip(scalars, node.args[2:], strict=True))
    parts = histograms.several(run, vector, texts[0], qs, node.args[0])
    return merged(stacked(parts, steps.count))


def _sorted(run: Run, node: Call, vector: Vector, texts: list[str], steps: Steps) -> Vector:
    name = node.function.name
    if steps.count > 1:
        run.notes.warn("sort is ineffective for range queries since results are always ordered by labels", node.span)
        return vector
    if not vector.labels:
        return vector
    if name in ("sort", "sort_desc"):
        return label_functions.by_value(vector, descending=name == "sort_desc")
    return label_functions.by_labels(run, vector, texts, descending=name == "sort_by_label_desc")


def _absent(run: Run, node: Call, vector: Vector, steps: Steps) -> Vector:
    found = present_at(vector, steps.count)
    if found.all():
        return empty(steps.count)
    labels = run.cache.made(pair for pair in labels_of_absent(unwrapped(node.args[0])) if pair[0] not in METADATA)
    return Vector([labels], np.ones((1, steps.count)), ~found[None, :] if found.any() else None)


def _scalar(vector: Vector, steps: Steps) -> Scalar:
    """The sample where there is exactly one, else NaN."""
    if not vector.labels:
        return Scalar(np.full(steps.count, np.nan))
    mask = mask_of(vector)
    values = np.where(mask, vector.values, 0.0)
    return Scalar(np.where(mask.sum(axis=0) == 1, values.sum(axis=0), np.nan))
