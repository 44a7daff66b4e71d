"""and, or, unless: which series stay, by whether the other side has any with the same labels."""

from __future__ import annotations

import numpy as np

from paramedic_metrics.promql.ast import Binary
from paramedic_metrics.promql.pairing import numbered
from paramedic_metrics.promql.run import Run, merged
from paramedic_metrics.promql.values import Bools, Rows, Vector, mask_of, stacked, without_empty


def operate(run: Run, node: Binary, left: Vector, right: Vector) -> Vector:
    """The set operation, step by step."""
    assert node.matching is not None
    (left_keys, right_keys), labels = numbered(run, node.matching, (left, right))
    if node.op == "or":
        return _or(left, right, left_keys, right_keys, len(labels))
    other = _anywhere(right, right_keys, len(labels))
    if other.all(axis=1).all() or not other.any():
        # Each key is at every step or at none: rows stay or go whole.
        other_rows = other[:, 0] if other.shape[1] else np.zeros(len(labels), dtype=np.bool_)
        stays = other_rows[left_keys] == (node.op == "and")
        chosen = np.broadcast_to(stays[:, None], left.values.shape)
    else:
        chosen = other[left_keys] == (node.op == "and")
    mask = chosen if left.mask is None else chosen & left.mask
    return without_empty(Vector(left.labels, left.values, mask, left.drop))


def _anywhere(side: Vector, keys: Rows, count: int) -> Bools:
    """At which steps each key has a series: shape (keys, steps)."""
    found = np.zeros((count, side.values.shape[1]), dtype=np.bool_)
    if side.mask is None:
        found[keys] = True
    else:
        for row, key in enumerate(keys.tolist()):
            found[key] |= side.mask[row]
    return found


def _or(left: Vector, right: Vector, left_keys: Rows, right_keys: Rows, count: int) -> Vector:
    steps = left.values.shape[1]
    if not left.labels or not right.labels:
        return left if left.labels else right
    taken = _anywhere(left, left_keys, count)
    added = without_empty(Vector(right.labels, right.values, ~taken[right_keys] & mask_of(right), right.drop))
    return merged(stacked([left, added], steps))
