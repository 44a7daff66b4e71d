"""Native histograms: none is kept, so what reads nothing else is refused in words, where Prometheus would answer with nothing."""

from __future__ import annotations

from paramedic_metrics.promql.ast import TRIMS, Binary, Call
from paramedic_metrics.promql.errors import EvaluationError, place

_READERS = {
    "histogram_avg": "NAME_sum / NAME_count",
    "histogram_count": "NAME_count",
    "histogram_sum": "NAME_sum",
    "histogram_stddev": "",
    "histogram_stdvar": "",
}
"""Functions, and what gives the same for a classic histogram."""


def reads_native(node: Call | Binary) -> bool:
    """Whether a function or operator is for native histograms alone."""
    return node.function.name in _READERS if isinstance(node, Call) else node.op in TRIMS


def refusal(query: str, node: Call | Binary) -> EvaluationError:
    """What is told of it, with its place in the query."""
    where = place(query, node.span.start)
    if isinstance(node, Binary):
        return EvaluationError(
            f"{where}: the operator {node.op} trims native histograms, and paramedic keeps none: expose classic buckets "
            "(NAME_bucket with the label le) and compare those"
        )
    name = node.function.name
    instead = _READERS[name]
    mend = f": for a classic histogram ask for {instead}" if instead else ", and a classic one does not tell it"
    return EvaluationError(f"{where}: {name}() reads native histograms only, and paramedic keeps none{mend}")
