"""What an expression evaluates to, over all steps at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from paramedic_metrics.series import Labels

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Rows = NDArray[np.intp]
"""Places of series in a vector."""


@dataclass(slots=True)
class Vector:
    """Series by steps.

    `labels` are owned by the query's LabelCache. `mask` says where there is a sample, None that there is one everywhere: NaN
    is a value. `drop` marks series whose name goes at the end of the query (delayed name removal only).
    """

    labels: list[Labels]
    values: Floats
    """Shape (series, steps). Undefined where there is no sample."""
    mask: Bools | None = None
    drop: Bools | None = None

    @property
    def cells(self) -> int:
        return int(self.values.size)


@dataclass(slots=True)
class Scalar:
    """One number a step."""

    values: Floats
    """Shape (steps,)."""


@dataclass(slots=True)
class Text:
    """A string."""

    value: str


Value = Vector | Scalar | Text


def empty(steps: int) -> Vector:
    """No series."""
    return Vector([], np.empty((0, steps)))


def mask_of(vector: Vector) -> Bools:
    """Where there are samples, as an array in any case."""
    if vector.mask is None:
        return np.ones(vector.values.shape, dtype=np.bool_)
    return vector.mask


def rows(vector: Vector, chosen: NDArray[np.intp] | list[int]) -> Vector:
    """Some of the series, in this order."""
    index = np.asarray(chosen, dtype=np.intp)
    return Vector(
        [vector.labels[place] for place in index],
        vector.values[index],
        None if vector.mask is None else vector.mask[index],
        None if vector.drop is None else vector.drop[index],
    )


def without_empty(vector: Vector) -> Vector:
    """Only the series that have a sample; no mask where there is no gap."""
    if vector.mask is None:
        return vector
    alive = vector.mask.any(axis=1)
    if not alive.all():
        vector = rows(vector, np.flatnonzero(alive))
    assert vector.mask is not None
    if vector.mask.all():
        vector.mask = None
    return vector


def stacked(parts: list[Vector], steps: int) -> Vector:
    """Several vectors as one."""
    parts = [part for part in parts if part.labels]
    if not parts:
        return empty(steps)
    if len(parts) == 1:
        return parts[0]
    labels = [owned for part in parts for owned in part.labels]
    values = np.concatenate([part.values for part in parts])
    mask = None
    if any(part.mask is not None for part in parts):
        mask = np.concatenate([mask_of(part) for part in parts])
    drop = None
    if any(part.drop is not None for part in parts):
        drop = np.concatenate(
            [np.zeros(len(part.labels), dtype=np.bool_) if part.drop is None else part.drop for part in parts]
        )
    return Vector(labels, values, mask, drop)


def present_at(vector: Vector, steps: int) -> Bools:
    """At which steps any series has a sample."""
    found: Bools = np.zeros(steps, dtype=np.bool_)
    if not vector.labels:
        return found
    return ~found if vector.mask is None else np.asarray(vector.mask.any(axis=0))
