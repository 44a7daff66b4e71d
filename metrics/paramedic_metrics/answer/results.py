"""A query's result as pieces of JSON."""

from __future__ import annotations

from collections.abc import Iterator

from paramedic_metrics.answer import json
from paramedic_metrics.promql.results import Answer, MatrixResult, ScalarResult, StringResult, VectorResult

TRUNCATED = "results truncated due to limit"


def rendered(answer: Answer, limit: int = 0) -> tuple[Iterator[bytes], list[str]]:
    """The `data` of an answer, and its warnings.

    Args:
        answer: what the engine gave.
        limit: the most series; 0 for all.
    """
    data, warnings = answer.data, list(answer.warnings)
    if isinstance(data, ScalarResult):
        return iter([json.scalar(data.time, data.value)]), warnings
    if isinstance(data, StringResult):
        return iter([json.string(data.time, data.value)]), warnings
    most = len(data.labels)
    if limit and most > limit:
        most = limit
        warnings.append(TRUNCATED)
    if isinstance(data, VectorResult):
        return json.vector(data.time, data.labels[:most], data.values[:most]), warnings
    return _matrix(data, most), warnings


def _matrix(data: MatrixResult, most: int) -> Iterator[bytes]:
    return json.matrix(data.labels[:most], data.times, data.cells, data.here, data.order)
