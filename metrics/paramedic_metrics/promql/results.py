"""What a query answers: labels and arrays, so that whoever writes them out can do it in bulk."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from paramedic_metrics.promql.values import Bools, Floats, Ints
from paramedic_metrics.series import Labels


@dataclass(frozen=True, slots=True)
class ScalarResult:
    """A number (instant query)."""

    time: int
    """Unix milliseconds."""
    value: float


@dataclass(frozen=True, slots=True)
class StringResult:
    """A string (instant query)."""

    time: int
    value: str


@dataclass(frozen=True, slots=True)
class VectorResult:
    """One sample a series (instant query), in the answer's order."""

    time: int
    labels: list[Labels]
    values: Floats
    """Shape (series,)."""


@dataclass(frozen=True, slots=True)
class MatrixResult:
    """Series over time (range query, or an instant query of a range), in order of their labels."""

    labels: list[Labels]
    times: Ints
    """Unix milliseconds, shape (times,): shared by all series."""
    cells: Floats
    """Shape (series, times), in the order in which they were worked out; undefined where there is no sample."""
    here: Bools | None
    """Where there are samples; None: everywhere. No series is without."""
    order: Ints | None = None
    """Which row of both each series is; None: its own. Of a large answer another copy costs more than to write it in order."""

    @property
    def values(self) -> Floats:
        """The cells in the series' order."""
        return self.cells if self.order is None else self.cells[self.order]

    @property
    def mask(self) -> Bools | None:
        """`here` in the series' order."""
        return self.here if self.here is None or self.order is None else np.asarray(self.here[self.order])


Data = ScalarResult | StringResult | VectorResult | MatrixResult


@dataclass(frozen=True, slots=True)
class Answer:
    """A query's result, and what is to be said beside it."""

    data: Data
    warnings: list[str] = field(default_factory=list)
    infos: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """Prometheus' resultType."""
        return {ScalarResult: "scalar", StringResult: "string", VectorResult: "vector", MatrixResult: "matrix"}[
            type(self.data)
        ]
