"""Aggregation groups: which series belong together, and their rows side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from paramedic_metrics.promql.labels import METADATA, numbered
from paramedic_metrics.promql.run import Run
from paramedic_metrics.promql.values import Bools, Floats, Ints, Vector
from paramedic_metrics.series import Labels


@dataclass(slots=True)
class Groups:
    """Groups of a vector's rows; members keep their order."""

    labels: list[Labels]
    numbers: NDArray[np.intp]
    """Each row's group."""
    order: NDArray[np.intp]
    """The rows, group by group."""
    starts: Ints
    """Where in `order` each group begins."""
    sorted: bool
    """Whether the rows are in that order already."""

    def arranged(self, values: Floats) -> Floats:
        """The rows group by group."""
        if self.sorted:
            return values
        taken: Floats = values.take(self.order, axis=0)
        return taken

    def arranged_mask(self, mask: Bools | None) -> Bools | None:
        if mask is None or self.sorted:
            return mask
        taken: Bools = mask.take(self.order, axis=0)
        return taken

    @property
    def sizes(self) -> Ints:
        return np.bincount(self.numbers, minlength=len(self.labels)).astype(np.int64)

    def members(self) -> list[NDArray[np.intp]]:
        """The rows of each group."""
        return np.split(self.order, self.starts[1:])


def grouped(run: Run, vector: Vector, names: tuple[str, ...], *, without: bool) -> Groups:
    """The groups by (or without) these labels."""
    chosen = METADATA | set(names) if without else set(names)
    if not chosen:
        of_row, labels = np.zeros(len(vector.labels), dtype=np.intp), [run.cache.made(())]
    else:
        numbers, labels = numbered(run.cache.projected(vector.labels, chosen, keep=not without))
        of_row = np.array(numbers, dtype=np.intp)
    in_order = bool((np.diff(of_row) >= 0).all())
    order = np.arange(len(of_row), dtype=np.intp) if in_order else np.argsort(of_row, kind="stable")
    starts = np.searchsorted(of_row[order], np.arange(len(labels))).astype(np.int64)
    return Groups(labels, of_row, order, starts, in_order)
