"""sum, avg, min, max, count, group, stddev, stdvar, quantile and count_values over the series of a vector."""

from __future__ import annotations

import numpy as np

from paramedic_metrics.promql import exact, over_time, topk
from paramedic_metrics.promql.ast import Aggregate
from paramedic_metrics.promql.errors import EvaluationError
from paramedic_metrics.promql.golang import format_float, quote
from paramedic_metrics.promql.grouping import Groups, grouped
from paramedic_metrics.promql.quantiles import of_sorted
from paramedic_metrics.promql.run import Run, merged
from paramedic_metrics.promql.values import Bools, Floats, Ints, Vector, empty, mask_of, without_empty
from paramedic_metrics.series import Labels

_SORTED = 1 << 22
"""Samples that are sorted before the next look at whether the query goes on."""
_UNCHECKED = 64
"""Small groups between two looks."""
_TOPS = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})


def aggregate(run: Run, node: Aggregate, vector: Vector, param: Floats | None) -> Vector:
    """The aggregation of every group at every step.

    Args:
        run: the query.
        node: what to do.
        vector: over what.
        param: k, q or the ratio, one a step, where the operator takes one.

    Raises:
        EvaluationError: the parameter is none.
    """
    steps = vector.values.shape[1]
    if node.op == "quantile" and param is not None:
        _doubt_quantile(run, node, param)
    if not vector.labels:
        if node.op in _TOPS and param is not None:
            topk.check(run, node, param)
        return empty(steps)
    groups = grouped(run, vector, node.grouping, without=node.without)
    if node.op in _TOPS:
        assert param is not None
        return topk.select(run, node, vector, groups, param)
    values, mask = groups.arranged(vector.values), groups.arranged_mask(vector.mask)
    run.check()
    counts = _counts(groups, mask, steps)
    run.check()
    result = _result(run, node.op, values, mask, counts, groups, param)
    here = counts > 0
    drop = None
    if vector.drop is not None:
        drop = np.logical_or.reduceat(groups.arranged(vector.drop), groups.starts)  # type: ignore[arg-type]
    return without_empty(Vector(groups.labels, result, None if here.all() else here, drop))


def _counts(groups: Groups, mask: Bools | None, steps: int) -> Ints:
    if mask is None:
        return np.broadcast_to(groups.sizes[:, None], (len(groups.labels), steps))
    return np.add.reduceat(mask, groups.starts, axis=0, dtype=np.int64)


def _result(
    run: Run, op: str, values: Floats, mask: Bools | None, counts: Ints, groups: Groups, param: Floats | None
) -> Floats:
    starts = groups.starts
    if op in ("count", "group"):
        return counts.astype(np.float64) if op == "count" else np.ones(counts.shape)
    if op in ("min", "max"):
        pick = np.fmax if op == "max" else np.fmin
        return np.asarray(pick.reduceat(values if mask is None else np.where(mask, values, np.nan), starts, axis=0))
    if op == "quantile":
        assert param is not None
        return _quantile(run, values, mask, groups, param)
    if op in ("stddev", "stdvar"):
        run.check()
        spread = _spread(values, mask, counts, groups)
        return np.sqrt(spread) if op == "stddev" else spread
    sums = exact.group_sums(values, mask, starts, run.check)
    if op == "sum":
        return sums
    divisor = np.maximum(counts, 1)
    means = sums / divisor
    _mend_overflow(run, means, sums, values, mask, groups)
    return means


def _spread(values: Floats, mask: Bools | None, counts: Ints, groups: Groups) -> Floats:
    """The variance, in two passes over the distances from the smallest sample, so that equal samples have none."""
    starts, divisor = groups.starts, np.maximum(counts, 1)
    sizes = np.diff(np.append(starts, len(values)))

    def distances(origins: Floats) -> Floats:
        return np.repeat(origins, sizes, axis=0)

    smallest = np.fmin.reduceat(values if mask is None else np.where(mask, values, np.nan), starts, axis=0)
    moved = values - distances(smallest)
    means = exact.group_sums(moved, mask, starts) / divisor
    apart = moved - distances(means)
    return exact.group_sums(apart * apart, mask, starts) / divisor


def _mend_overflow(run: Run, means: Floats, sums: Floats, values: Floats, mask: Bools | None, groups: Groups) -> None:
    """The means of finite values whose sum is not finite."""
    ends = np.append(groups.starts[1:], len(values))
    for number, (group, step) in enumerate(np.argwhere(~np.isfinite(sums))):
        if number % _UNCHECKED == 0:
            run.check()
        part = values[groups.starts[group] : ends[group], step]
        if mask is not None:
            part = part[mask[groups.starts[group] : ends[group], step]]
        if len(part) and np.isfinite(part).all():
            means[group, step] = over_time.incremental_mean(part, run.check)


def _quantile(run: Run, values: Floats, mask: Bools | None, groups: Groups, q: Floats) -> Floats:
    out = np.empty((len(groups.labels), values.shape[1]))
    ends = np.append(groups.starts[1:], len(values))
    for group, (first, last) in enumerate(zip(groups.starts, ends, strict=True)):
        many = max(1, _SORTED // int(last - first))
        for begin in range(0, values.shape[1], many):
            if begin or group % _UNCHECKED == 0:
                run.check()
            some = slice(begin, begin + many)
            here = None if mask is None else mask[first:last, some]
            _quantile_of(values[first:last, some], here, q[some], out[group, some])
    return out


def _quantile_of(values: Floats, mask: Bools | None, q: Floats, out: Floats) -> None:
    part = np.ascontiguousarray(values.T)
    if mask is None:
        out[:] = of_sorted(np.sort(part, axis=1), q)
        return
    here = np.ascontiguousarray(mask.T)
    # Missing samples sort behind everything, NaN included, so that the first `size` are those that are there.
    keyed = np.where(here, part, np.inf)
    order = np.lexsort((keyed, np.where(here, np.isnan(part), 2)))
    ordered = np.take_along_axis(part, order, axis=1)
    sizes = here.sum(axis=1)
    for size in np.unique(sizes[sizes > 0]).tolist():
        steps = np.flatnonzero(sizes == size)
        out[steps] = of_sorted(ordered[steps, :size], q[steps])


def _doubt_quantile(run: Run, node: Aggregate, q: Floats) -> None:
    assert node.param is not None
    if np.isnan(q).any():
        run.notes.quantile(float("nan"), node.param.span)
    if (q > 1).any():
        run.notes.quantile(float(np.nanmax(q)), node.param.span)
    if (q < 0).any():
        run.notes.quantile(float(np.nanmin(q)), node.param.span)


def count_values(run: Run, node: Aggregate, vector: Vector, label: str) -> Vector:
    """How many series have each value, in a label of the value's text.

    Raises:
        EvaluationError: the label has no name.
        LimitExceeded: too many different values.
    """
    if not label:
        raise EvaluationError(f"invalid label name {quote(label)}")
    steps = vector.values.shape[1]
    names = node.grouping if node.without else (*node.grouping, label)
    mask = mask_of(vector)
    texts: dict[int, str] = {}
    rows: dict[int, int] = {}
    labels: list[Labels] = []
    counted: list[Floats] = []
    for row, owned in enumerate(vector.labels):
        run.check()
        raw = np.ascontiguousarray(vector.values[row]).view(np.uint64)
        for pattern in np.unique(raw[mask[row]]):
            text = texts.get(int(pattern))
            if text is None:
                text = texts[int(pattern)] = format_float(float(pattern.view(np.float64)))
            with_value = run.cache.with_label(owned, label, text)
            group = run.cache.projector(
                {"__name__", "__type__", "__unit__", *names} if node.without else names, keep=not node.without
            )(with_value)
            place = rows.get(id(group))
            if place is None:
                place = rows[id(group)] = len(labels)
                run.room(len(labels) * steps)
                labels.append(group)
                counted.append(np.zeros(steps))
            counted[place] += (raw == pattern) & mask[row]
    if not labels:
        return empty(steps)
    counts = np.array(counted)
    return merged(without_empty(Vector(labels, counts, counts > 0)))
