"""Functions of a range: each row's samples in each step's window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from paramedic_metrics.promql import extended, over_time, rates, regress
from paramedic_metrics.promql.ast import Call, MatrixSelector, Subquery, unwrapped
from paramedic_metrics.promql.fetch import moments
from paramedic_metrics.promql.labels import METADATA, value_of
from paramedic_metrics.promql.matchers import labels_of_absent
from paramedic_metrics.promql.run import Run, Steps, merged
from paramedic_metrics.promql.values import Bools, Floats, Ints, Vector, empty, present_at, without_empty
from paramedic_metrics.promql.windows import Block, blocks, window

_CHUNK = 1 << 16
"""Cells that are worked on at a time: what fits the processor's cache."""
_COUNTERS = ("_total", "_sum", "_count", "_bucket")
_KEEP_NAME = frozenset({"last_over_time", "first_over_time"})


@dataclass(frozen=True, slots=True)
class Ranged:
    """A range selector's or subquery's blocks, and each step's range in Unix milliseconds: open start, closed end."""

    blocks: list[Block]
    starts: Ints
    ends: Ints


def select(run: Run, node: MatrixSelector, steps: Steps) -> Ranged:
    """The samples that a range selector asks for."""
    ends = moments(node.vector.shift, steps)
    starts = ends - node.range
    before, after = extended.reach(node.vector, run.limits.lookback)
    frames = run.select(node.vector.matchers, int(starts[0]) - before, int(ends[-1]) + after)
    return Ranged(list(blocks(frames, run.cache)), starts, ends)


def call(run: Run, node: Call, ranged: Ranged, params: list[Floats], steps: Steps) -> Vector:
    """The function of every row at every step.

    Args:
        run: the query.
        node: the call.
        ranged: its range argument.
        params: its other arguments, one value a step each.
        steps: the moments.
    """
    name = node.function.name
    kernel = _kernel(run, node, params, steps)
    result = _every_row(run, ranged, kernel, steps)
    if name == "absent_over_time":
        return _absent(run, node, result, steps)
    if name in ("rate", "increase"):
        _doubt_counters(run, node, result)
    if name in _KEEP_NAME:
        return result if run.delayed_names else merged(result)
    return run.named(result)


def _every_row(run: Run, ranged: Ranged, kernel: over_time.Kernel, steps: Steps) -> Vector:
    count = sum(len(block.labels) for block in ranged.blocks)
    if not count:
        return empty(steps.count)
    run.room(count * steps.count)
    values = np.empty((count, steps.count))
    mask: Bools | None = None
    labels, drop, done = [], np.zeros(count, dtype=np.bool_), 0
    for block in ranged.blocks:
        bounds = window(block, ranged.starts, ranged.ends)
        size = max(1, _CHUNK // max(len(block.times), steps.count))
        for begin in range(0, len(block.labels), size):
            run.check()
            part = block.values[begin : begin + size]
            result, valid = kernel(bounds, part)
            place = slice(done + begin, done + begin + len(part))
            values[place] = result
            if not valid.all():
                if mask is None:
                    mask = np.ones((count, steps.count), dtype=np.bool_)
                mask[place] = valid
        if block.drop is not None:
            drop[done : done + len(block.labels)] = block.drop
        labels.extend(block.labels)
        done += len(block.labels)
    return without_empty(Vector(labels, values, mask, drop if run.delayed_names else None))


def _kernel(run: Run, node: Call, params: list[Floats], steps: Steps) -> over_time.Kernel:
    name = node.function.name
    selector = unwrapped(next(arg for arg in node.args if arg.type == "matrix"))
    if isinstance(selector, MatrixSelector) and (selector.vector.anchored or selector.vector.smoothed):
        return extended.kernel(name, selector.vector, run.limits.lookback)
    if name in over_time.PLAIN:
        return over_time.PLAIN[name]
    if name in ("rate", "increase", "delta"):
        counter, per_second = name != "delta", name == "rate"
        return lambda bounds, values: rates.extrapolated(bounds, values, counter=counter, per_second=per_second)
    if name in ("irate", "idelta"):
        return lambda bounds, values: rates.instantaneous(bounds, values, counter=name == "irate")
    return _with_params(run, node, params, steps)[name]


def _with_params(run: Run, node: Call, params: list[Floats], steps: Steps) -> dict[str, over_time.Kernel]:
    name = node.function.name
    if name == "quantile_over_time":
        for q in np.unique(params[0][~((params[0] >= 0) & (params[0] <= 1))]).tolist():
            run.notes.quantile(q, node.args[0].span)
    times = steps.times
    table: dict[str, Callable[[], over_time.Kernel]] = {
        "deriv": lambda: regress.derivative,
        "predict_linear": lambda: lambda bounds, values: regress.prediction(bounds, values, times, params[0]),
        "quantile_over_time": lambda: lambda bounds, values: over_time.quantile(bounds, values, params[0]),
        "double_exponential_smoothing": lambda: (
            lambda bounds, values: regress.smoothed(bounds, values, params[0], params[1])
        ),
        "integral": lambda: _integral(run, node, params),
    }
    return {name: table[name]()}


def _integral(run: Run, node: Call, params: list[Floats]) -> over_time.Kernel:
    strategy = params[0] if params else np.full(1, 2.0)
    wrong = ~np.isin(strategy, (0.0, 1.0, 2.0))
    for value in np.unique(strategy[wrong]).tolist():
        run.notes.warn(f"strategy should be 0, 1, or 2 (default), using 2, got {value:g}", node.args[1].span)
    chosen = np.where(wrong, 2.0, strategy).astype(np.int64)
    return lambda bounds, values: regress.integral(bounds, values, chosen)


def _doubt_counters(run: Run, node: Call, result: Vector) -> None:
    """Say which metrics do not look like counters."""
    names = {value_of(owned, "__name__") for owned in result.labels}
    for name in sorted(names):
        if name and not name.endswith(_COUNTERS):
            run.notes.no_counter(name, node.args[0].span)


def _absent(run: Run, node: Call, result: Vector, steps: Steps) -> Vector:
    """One series where no row has a sample."""
    found = present_at(result, steps.count)
    if found.all():
        return empty(steps.count)
    labels = run.cache.made(pair for pair in labels_of_absent(node.args[0]) if pair[0] not in METADATA)
    return Vector([labels], np.ones((1, steps.count)), None if not found.any() else ~found[None, :])


def is_range(expr: object) -> bool:
    """Whether this is a range selector or a subquery."""
    return isinstance(expr, MatrixSelector | Subquery)
