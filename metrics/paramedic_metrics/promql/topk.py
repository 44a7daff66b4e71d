"""topk, bottomk, limitk and limit_ratio: some of the series themselves."""

from __future__ import annotations

import numpy as np

from paramedic_metrics.promql.ast import Aggregate
from paramedic_metrics.promql.errors import EvaluationError
from paramedic_metrics.promql.golang import format_general
from paramedic_metrics.promql.grouping import Groups
from paramedic_metrics.promql.hashing import ratio_place
from paramedic_metrics.promql.run import Run
from paramedic_metrics.promql.values import Bools, Floats, Ints, Rows, Vector, empty, mask_of, rows, without_empty

_INT64 = 2.0**63
_PIECE = 32
"""Rows that are looked at together: what fits the processor's cache."""
_CROWD = 8
"""Times k numbers a column that are worth sorting."""


def check(run: Run, node: Aggregate, param: Floats) -> bool:
    """Whether anything can be selected at all.

    Raises:
        EvaluationError: the parameter is no number, or too large.
    """
    assert node.param is not None
    if node.op == "limit_ratio":
        if (param == 0).all():
            return False
        if np.isnan(param).any():
            raise EvaluationError("Ratio value is NaN")
        if (param > 1).any():
            run.notes.ratio(float(param.max()), 1.0, node.param.span)
        if (param < -1).any():
            run.notes.ratio(float(param.min()), -1.0, node.param.span)
        return True
    known = param[~np.isnan(param)]
    if len(known) and known.max() < 1:
        return False
    if len(known) < len(param):
        raise EvaluationError("Parameter value is NaN")
    if known.min() <= -_INT64:
        raise EvaluationError(f"Scalar value {format_general(float(known.min()))} underflows int64")
    if known.max() >= _INT64:
        raise EvaluationError(f"Scalar value {format_general(float(known.max()))} overflows int64")
    return True


def select(run: Run, node: Aggregate, vector: Vector, groups: Groups, param: Floats) -> Vector:
    """The chosen series, at the steps at which they are chosen; for an instant query in order of their values."""
    steps = vector.values.shape[1]
    if not check(run, node, param):
        return empty(steps)
    run.check()
    if node.op == "limit_ratio":
        chosen = _by_ratio(vector, mask_of(vector), param)
    else:
        sizes = np.minimum(param, len(vector.labels)).astype(np.int64)
        alone = node.op in ("topk", "bottomk") and vector.mask is None and len(groups.labels) == 1
        found = _best(vector.values if node.op == "topk" else -vector.values, sizes) if alone else None
        chosen = _of_groups(run, node.op, vector, groups, sizes) if found is None else found
    result = without_empty(Vector(vector.labels, vector.values, chosen, vector.drop))
    if steps == 1 and node.op in ("topk", "bottomk") and result.labels:
        return rows(result, _ranked(result, groups, vector, descending=node.op == "topk"))
    return result


def _of_groups(run: Run, op: str, vector: Vector, groups: Groups, sizes: Ints) -> Bools:
    mask = mask_of(vector)
    chosen = np.zeros(mask.shape, dtype=np.bool_)
    for members in groups.members():
        run.check()
        here = mask[members]
        if op == "limitk":
            chosen[members] = here & (np.cumsum(here, axis=0) <= sizes)
        else:
            part = vector.values[members]
            chosen[members] = _largest(part if op == "topk" else -part, here, sizes)
    return chosen


def _best(values: Floats, sizes: Ints) -> Bools | None:
    """The k largest of each column, the earlier row of equal ones; None where that is not known so quickly.

    The k-th largest of the maxima of some pieces is not above the k-th largest of all, and as a rule hardly anything is between
    them. So few numbers are left to be put in order.
    """
    k = int(sizes.max())
    pieces = [values[begin : begin + _PIECE] for begin in range(0, len(values), _PIECE)]
    if k < 1 or len(pieces) < max(2, k):
        return None
    maxima = np.array([piece.max(axis=0) for piece in pieces])
    if np.isnan(maxima).any():
        return None
    bound = np.partition(maxima, len(pieces) - k, axis=0)[len(pieces) - k]
    near = np.concatenate([piece >= bound for piece in pieces])
    if np.count_nonzero(near) > _CROWD * k * len(sizes):
        return None
    rows, columns = np.nonzero(near)
    order = np.lexsort((rows, -values[rows, columns], columns))
    rows, columns = rows[order], columns[order]
    # Each column has at least k, so it begins somewhere here.
    rank = np.arange(len(columns)) - np.searchsorted(columns, np.arange(len(sizes)))[columns]
    within = rank < sizes[columns]
    near[:] = False
    near[rows[within], columns[within]] = True
    return near


def _largest(values: Floats, here: Bools, sizes: Ints) -> Bools:
    """The k largest of each column, the earlier row of equal ones; NaN comes after all numbers."""
    count, steps = values.shape
    real = here & ~np.isnan(values)
    numbers = real.sum(axis=0)
    limit = np.minimum(sizes, numbers)
    keys = np.where(real, values, -np.inf).T
    threshold = np.full(steps, np.inf)
    for k in np.unique(limit[limit > 0]).tolist():
        which = np.flatnonzero(limit == k)
        part = keys if len(which) == steps else keys[which]
        threshold[which] = np.partition(part, count - k, axis=1)[:, count - k]
    above = real & (values > threshold)
    equal = real & (values == threshold)
    still = limit - above.sum(axis=0)
    crowded = np.flatnonzero(equal.sum(axis=0) > still)
    if len(crowded):
        some = equal[:, crowded]
        equal[:, crowded] = some & (np.cumsum(some, axis=0) <= still[crowded])
    chosen: Bools = above | equal
    chosen &= limit > 0
    lacking = sizes - numbers
    if (lacking > 0).any():
        missing = here & ~real
        chosen |= missing & (np.cumsum(missing, axis=0) <= lacking)
    return chosen


def _ranked(result: Vector, groups: Groups, vector: Vector, *, descending: bool) -> Rows:
    """The rows group by group, best first."""
    group_of = {id(owned): int(number) for owned, number in zip(vector.labels, groups.numbers, strict=True)}
    values = result.values[:, 0]
    keys = np.where(np.isnan(values), np.inf, -values if descending else values)
    return np.lexsort((keys, np.isnan(values), np.array([group_of[id(owned)] for owned in result.labels])))


def _by_ratio(vector: Vector, mask: Bools, ratio: Floats) -> Bools:
    """Those whose labels hash below the ratio; a negative ratio takes exactly the others."""
    places = np.array([ratio_place(owned) for owned in vector.labels])[:, None]
    bounded = np.clip(ratio, -1.0, 1.0)
    taken = np.where(bounded >= 0, places < bounded, places >= 1.0 + bounded)
    return np.asarray(mask & taken)
