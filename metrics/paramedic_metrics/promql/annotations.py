"""Warnings and infos of an answer, in Prometheus' words (util/annotations/annotations.go)."""

from __future__ import annotations

from paramedic_metrics.promql.ast import Span
from paramedic_metrics.promql.errors import place
from paramedic_metrics.promql.golang import format_general, quote

MOST = 10
"""How many of each kind an answer carries; the rest are counted."""
_GUIDE = "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile"


class Annotations:
    """Collects what an answer says beside its values; the same thing twice is said once.

    Args:
        query: the text that the places are told of.
    """

    def __init__(self, query: str) -> None:
        self._query = query
        self._warnings: dict[str, None] = {}
        self._infos: dict[str, None] = {}

    def warn(self, text: str, span: Span) -> None:
        """Something that makes the answer doubtful."""
        self._warnings.setdefault(f"PromQL warning: {text} ({place(self._query, span.start)})")

    def info(self, text: str, span: Span) -> None:
        """Something that may be meant, and should be looked at."""
        self._infos.setdefault(f"PromQL info: {text} ({place(self._query, span.start)})")

    @property
    def warnings(self) -> list[str]:
        return _bounded(list(self._warnings), "warning")

    @property
    def infos(self) -> list[str]:
        return _bounded(list(self._infos), "info")

    def quantile(self, q: float, span: Span) -> None:
        """A quantile outside 0 to 1."""
        self.warn(f"quantile value should be between 0 and 1, got {format_general(q)}", span)

    def ratio(self, ratio: float, capped: float, span: Span) -> None:
        """A ratio outside -1 to 1."""
        self.warn(
            f"ratio value should be between -1 and 1, got {format_general(ratio)}, capping to {format_general(capped)}",
            span,
        )

    def no_counter(self, metric: str, span: Span) -> None:
        """A rate over what does not look like a counter."""
        self.info(
            f"metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {quote(metric)}", span
        )

    def bucket_label(self, metric: str, value: str, span: Span) -> None:
        """A series without a usable `le`."""
        text = f'bucket label "le" is missing or has a malformed value of {quote(value)}'
        self.warn(text + (f" for metric name {quote(metric)}" if metric else ""), span)

    def monotonicity(self, metric: str, fixed: str, span: Span) -> None:
        """Bucket counts that went down had to be mended; `fixed` says which and how far."""
        text = f"input to histogram_quantile needed to be fixed for monotonicity (see {_GUIDE})"
        self.info(text + (f" for metric name {quote(metric)}" if metric else "") + fixed, span)


def _bounded(texts: list[str], kind: str) -> list[str]:
    if len(texts) <= MOST:
        return texts
    return [*texts[:MOST], f"{len(texts) - MOST} more {kind} annotations omitted"]
