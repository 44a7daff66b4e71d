"""Operators between a vector and a scalar, and between two vectors (prometheus/promql/engine.go, VectorBinop)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from paramedic_metrics.promql import operators
from paramedic_metrics.promql.ast import COMPARISONS, Binary, Matching
from paramedic_metrics.promql.errors import EvaluationError
from paramedic_metrics.promql.labels import METADATA, described, distinct, value_of
from paramedic_metrics.promql.pairing import Pairs, paired
from paramedic_metrics.promql.run import Run, merged
from paramedic_metrics.promql.values import Bools, Scalar, Vector, empty, mask_of, without_empty
from paramedic_metrics.series import Labels

_AMBIGUOUS = ";many-to-many matching not allowed: matching labels must be unique on one side"


def with_scalar(run: Run, node: Binary, vector: Vector, scalar: Scalar, *, swapped: bool) -> Vector:
    """The operator between a vector and a scalar, the scalar first when `swapped`. A comparison keeps the vector's values."""
    op = node.op
    sides = (scalar.values, vector.values) if swapped else (vector.values, scalar.values)
    if op not in COMPARISONS:
        return run.named(Vector(list(vector.labels), operators.arithmetic(op, *sides), vector.mask, vector.drop))
    kept = operators.compare(op, *sides)
    if node.return_bool:
        return run.named(Vector(list(vector.labels), kept.astype(np.float64), vector.mask, vector.drop))
    mask = kept if vector.mask is None else kept & vector.mask
    return without_empty(Vector(vector.labels, vector.values, mask, vector.drop))


@dataclass(slots=True)
class _Side:
    """One operand, its series numbered by what they are matched on."""

    vector: Vector
    keys: NDArray[np.intp]
    mask: Bools | None


def of_vectors(run: Run, node: Binary, left: Vector, right: Vector) -> Vector:
    """The operator between two vectors, series by series.

    Raises:
        EvaluationError: the matching is ambiguous at some step.
    """
    matching = node.matching
    assert matching is not None
    steps = left.values.shape[1]
    fills = matching.fill_left is not None or matching.fill_right is not None
    if not (left.labels or right.labels) or (not fills and not (left.labels and right.labels)):
        return empty(steps)
    if matching.card == "one-to-many":
        pairs = paired(run, matching, many=right, one=left)
    else:
        pairs = paired(run, matching, many=left, one=right)
    _check_one_side(run, matching, pairs)
    result = _operate(run, node, pairs)
    return merged(without_empty(result))


def _check_one_side(run: Run, matching: Matching, pairs: Pairs) -> None:
    """No two series of the 'one' side may be matched on the same labels at the same step."""
    if pairs.one_unique:
        return
    one = pairs.one
    mask = mask_of(one)
    busy = mask_of(pairs.many).any(axis=0) if pairs.many.labels else np.zeros(mask.shape[1], dtype=np.bool_)
    fills = matching.fill_left is not None or matching.fill_right is not None
    if fills:
        busy = np.ones_like(busy)
    rows_of: dict[int, list[int]] = {}
    for row, key in enumerate(pairs.one_keys.tolist()):
        rows_of.setdefault(key, []).append(row)
    for chosen in rows_of.values():
        if len(chosen) < 2:
            continue
        clash = (mask[chosen].sum(axis=0) > 1) & busy
        if clash.any():
            step = int(np.flatnonzero(clash)[0])
            same = [one.labels[row] for row in chosen if mask[row, step]][:2]
            raise EvaluationError(_duplicate(run, matching, same))


def _duplicate(run: Run, matching: Matching, same: list[Labels]) -> str:
    project = run.cache.projector(matching.labels if matching.on else METADATA | set(matching.labels), keep=matching.on)
    side = "left" if matching.card == "one-to-many" else "right"
    first, second = sorted(_printed(labels) for labels in same)
    return (
        f"found duplicate series for the match group {_printed(project(same[0]))} on the {side} hand-side of the "
        f"operation: [{first}, {second}]{_AMBIGUOUS}"
    )


def _printed(labels: Labels) -> str:
    return described(labels)


def _operate(run: Run, node: Binary, pairs: Pairs) -> Vector:
    matching = node.matching
    assert matching is not None
    swapped = matching.card == "one-to-many"
    many, one, mask = pairs.sides()
    left, right = (one, many) if swapped else (many, one)
    labels = _result_labels(run, node, pairs)
    _check_matches(matching, pairs, mask, labels)
    drop = pairs.drop()
    if node.op not in COMPARISONS:
        return Vector(labels, operators.arithmetic(node.op, left, right), mask, drop)
    kept = operators.compare(node.op, left, right)
    if node.return_bool:
        if run.delayed_names:
            drop = np.ones(len(labels), dtype=np.bool_)
        return Vector(labels, kept.astype(np.float64), mask, drop)
    return Vector(labels, left, kept if mask is None else kept & mask, drop)


def _check_matches(matching: Matching, pairs: Pairs, mask: Bools | None, labels: list[Labels]) -> None:
    """No series of the 'one' side may meet two that give the same result at the same step."""
    alone = matching.card == "one-to-one"
    if alone and pairs.many_unique:
        return
    seen: dict[tuple[int, int], Bools] = {}
    if not alone and distinct(labels):
        return
    here = np.ones((len(labels), pairs.steps), dtype=np.bool_) if mask is None else mask
    for row, key in enumerate(pairs.keys.tolist()):
        group = (key, 0 if alone else id(labels[row]))
        before = seen.get(group)
        if before is not None and (before & here[row]).any():
            reason = "many-to-one matching must be explicit (group_left/group_right)"
            if not alone:
                reason = "grouping labels must ensure unique matches"
            raise EvaluationError(f"multiple matches for labels: {reason}")
        seen[group] = here[row] if before is None else before | here[row]


def _result_labels(run: Run, node: Binary, pairs: Pairs) -> list[Labels]:
    matching, cache = node.matching, run.cache
    assert matching is not None
    nameless = node.op in operators.ARITHMETIC or (node.return_bool and not run.delayed_names)
    if matching.card == "one-to-one":
        names = set(matching.labels) - METADATA if nameless and matching.on else set(matching.labels)
        if nameless and not matching.on:
            names |= METADATA
        project = cache.projector(names, keep=matching.on)
        return [project(owned) for owned in pairs.many_labels()]
    result = cache.nameless_all(pairs.many_labels()) if nameless else pairs.many_labels()
    for name in matching.include:
        result = [
            run.labelled(owned, name, value_of(other, name))
            for owned, other in zip(result, pairs.one_labels(), strict=True)
        ]
    return result
