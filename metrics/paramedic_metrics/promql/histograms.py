"""Classic histograms: histogram_quantile, histogram_fraction and histogram_quantiles over series with an `le` label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from paramedic_metrics.promql import quantiles
from paramedic_metrics.promql.ast import Expr
from paramedic_metrics.promql.golang import format_float, format_general, parse_number
from paramedic_metrics.promql.labels import value_of
from paramedic_metrics.promql.quantiles import Mended
from paramedic_metrics.promql.run import Run, merged
from paramedic_metrics.promql.values import Bools, Floats, Rows, Vector, empty, mask_of, without_empty
from paramedic_metrics.series import Labels

_LE = "le"


@dataclass(slots=True)
class _Histogram:
    """The buckets of one histogram: rows of the vector and their upper bounds."""

    labels: Labels
    rows: list[int]
    bounds: list[float]
    dropped: bool


def quantile(run: Run, vector: Vector, q: Floats, arg: Expr, q_arg: Expr) -> Vector:
    """The q-quantile of every histogram at every step."""
    _doubt(run, q, q_arg)
    return _every(
        run, vector, arg, lambda labels, bounds, counts, steps: _quantile(run, arg, labels, q[steps], bounds, counts)
    )


def fraction(run: Run, vector: Vector, lower: Floats, upper: Floats, arg: Expr) -> Vector:
    """The share of observations between two values."""
    return _every(
        run,
        vector,
        arg,
        lambda _, bounds, counts, steps: quantiles.bucket_fraction(lower[steps], upper[steps], bounds, counts),
    )


def several(run: Run, vector: Vector, label: str, qs: list[tuple[Floats, Expr]], arg: Expr) -> list[Vector]:
    """One vector a quantile, which a label names."""
    out = []
    for q, q_arg in qs:
        result = quantile(run, vector, q, arg, q_arg)
        text = _open_metrics(float(q[0]))
        result.labels = [run.cache.with_label(owned, label, text) for owned in result.labels]
        out.append(result)
    return out


def _open_metrics(value: float) -> str:
    text = format_general(value)
    return text if "." in text or "e" in text or not text.lstrip("-").isdigit() else f"{text}.0"


def _doubt(run: Run, q: Floats, arg: Expr) -> None:
    for value in np.unique(q[~((q >= 0) & (q <= 1))]).tolist():
        run.notes.quantile(value, arg.span)


def _collected(run: Run, vector: Vector, arg: Expr) -> list[_Histogram]:
    project = run.cache.projector({_LE}, keep=False)
    found: dict[int, _Histogram] = {}
    bounds: dict[str, float | None] = {}
    for row, owned in enumerate(vector.labels):
        text = value_of(owned, _LE)
        if text not in bounds:
            bounds[text] = _bound(text)
        bound = bounds[text]
        if bound is None:
            run.notes.bucket_label(value_of(owned, "__name__"), text, arg.span)
            continue
        key = project(owned)
        histogram = found.get(id(key))
        if histogram is None:
            histogram = found[id(key)] = _Histogram(key, [], [], dropped=False)
        histogram.rows.append(row)
        histogram.bounds.append(bound)
    return list(found.values())


def _bound(text: str) -> float | None:
    try:
        bound = float(text) if text.strip() == text and "_" not in text else parse_number(text)
    except ValueError:
        return None
    return None if np.isnan(bound) else bound


_Of = Callable[[Labels, Floats, Floats, Rows], Floats]


def _every(run: Run, vector: Vector, arg: Expr, of: _Of) -> Vector:
    steps = vector.values.shape[1]
    histograms = _collected(run, vector, arg)
    if not histograms:
        return empty(steps)
    mask = None if vector.mask is None else mask_of(vector)
    values = np.full((len(histograms), steps), np.nan)
    here = np.zeros((len(histograms), steps), dtype=np.bool_)
    for place, histogram in enumerate(histograms):
        run.check()
        bounds = np.array(histogram.bounds)
        for chosen, columns in _patterns(mask, histogram.rows, steps):
            rows = np.asarray(histogram.rows)[chosen]
            counts = vector.values[np.ix_(rows, columns)]
            values[place, columns] = of(histogram.labels, bounds[chosen], counts, columns)
            here[place, columns] = True
    # The name is gone from the result whatever the mode; it was kept apart until here, so that names do not mix.
    labels = [histogram.labels for histogram in histograms]
    result = without_empty(Vector(labels, values, None if here.all() else here))
    if run.delayed_names:
        result.drop = np.ones(len(result.labels), dtype=np.bool_)
        return result
    result.labels = [run.cache.nameless(owned) for owned in result.labels]
    return merged(result)


def _patterns(mask: Bools | None, rows: list[int], steps: int) -> list[tuple[Rows, Rows]]:
    """Which buckets are there together, and at which steps."""
    everything = np.arange(len(rows))
    if mask is None or mask[rows].all():
        return [(everything, np.arange(steps))]
    packed = np.packbits(mask[rows], axis=0)
    patterns: dict[bytes, list[int]] = {}
    for step in range(steps):
        patterns.setdefault(packed[:, step].tobytes(), []).append(step)
    found = []
    for at in patterns.values():
        chosen = np.flatnonzero(mask[rows, at[0]])
        if len(chosen):
            found.append((chosen, np.array(at)))
    return found


def _quantile(run: Run, arg: Expr, labels: Labels, q: Floats, bounds: Floats, counts: Floats) -> Floats:
    result, mended = quantiles.bucket_quantile(q, bounds, counts)
    if mended is not None and mended.forced.any():
        _say_forced(run, arg, labels, mended)
    return result


def _say_forced(run: Run, arg: Expr, labels: Labels, mended: Mended) -> None:
    where = mended.forced
    fixed = (
        f", from buckets {format_float(float(mended.low[where].min()))} to {format_float(float(mended.high[where].max()))}, "
        f"with a max diff of {float(mended.most[where].max()):.2g}"
    )
    run.notes.monotonicity(value_of(labels, "__name__"), fixed, arg.span)
