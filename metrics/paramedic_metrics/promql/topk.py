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
    mask = mask_of(vector)
    if node.op == "limit_ratio":
        chosen = _by_ratio(vector, mask, param)
    else:
        sizes = np.minimum(param, len(vector.labels)).astype(np.int64)
        chosen = np.zeros(mask.shape, dtype=np.bool_)
        for group in groups.members():
            run.check()
            alone = node.op == "topk" and vector.mask is None and len(groups.labels) == 1
            members = _hopeful(vector.values, int(sizes.max())) if alone else group
            here = mask[members]
            if node.op == "limitk":
                chosen[members] = here & (np.cumsum(here, axis=0) <= sizes)
            else:
                part = vector.values[members]
                chosen[members] = _largest(part if node.op == "topk" else -part, here, sizes)
    result = without_empty(Vector(vector.labels, vector.values, chosen, vector.drop))
    if steps == 1 and node.op in ("topk", "bottomk") and result.labels:
        return rows(result, _ranked(result, groups, vector, descending=node.op == "topk"))
    return result


def _hopeful(values: Floats, k: int) -> Rows:
    """The rows that can be among the k largest of any column: as a rule a small share of them.

    The k-th largest of the maxima of some pieces is not above the k-th largest of all.
    """
    pieces = [values[begin : begin + _PIECE] for begin in range(0, len(values), _PIECE)]
    if len(pieces) < max(2, k):
        return np.arange(len(values))
    maxima = np.array([piece.max(axis=0) for piece in pieces])
    if np.isnan(maxima).any():
        return np.arange(len(values))
    bound = np.partition(maxima, len(pieces) - k, axis=0)[len(pieces) - k]
    return np.flatnonzero(np.concatenate([(piece >= bound).any(axis=1) for piece in pieces]))


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
