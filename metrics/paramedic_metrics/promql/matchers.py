"""What matchers say of the series that they match."""

from __future__ import annotations

from paramedic_metrics.promql.ast import Expr, MatrixSelector, VectorSelector
from paramedic_metrics.promql.labels import METADATA
from paramedic_metrics.series import Labels


def labels_of_absent(expr: Expr) -> Labels:
    """The labels that a missing series would have: those matched by `=` once and nothing else."""
    if isinstance(expr, MatrixSelector):
        expr = expr.vector
    if not isinstance(expr, VectorSelector):
        return ()
    found: dict[str, str] = {}
    named: set[str] = set()
    for matcher in expr.matchers:
        if matcher.name in METADATA:
            continue
        if matcher.op == "=" and matcher.name not in named:
            found[matcher.name] = matcher.value
            named.add(matcher.name)
        else:
            found.pop(matcher.name, None)
    return tuple(sorted(pair for pair in found.items() if pair[1]))
