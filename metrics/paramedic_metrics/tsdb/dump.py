"""Samples as text: OpenMetrics with timestamps, which `promtool tsdb create-blocks-from openmetrics` takes.

Family by family, series by series, moment by moment, a bounded number of samples at a time. Stale markers have no form in
that format and are left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

import numpy as np

from paramedic_core.counters import escape
from paramedic_metrics.series import Frame, Labels, Matcher, present
from paramedic_metrics.tsdb.view import View

_AT_ONCE = 1 << 20
"""Samples in memory."""
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)


def dump(view: View, selectors: Sequence[Sequence[Matcher]], start: int, end: int) -> Iterator[str]:
    """The lines of some series, and the end mark.

    Args:
        view: the store.
        selectors: what any of them matches; all, if there is none.
        start: Unix milliseconds, exclusive.
        end: inclusive.
    """
    ids = np.unique(np.concatenate([view.ids(matchers) for matchers in selectors or ([],)]))
    families: dict[str, list[int]] = {}
    for number in ids.tolist():
        families.setdefault(dict(view.labels(number)).get("__name__", ""), []).append(number)
    first, last = view.span()
    edges = _edges(view, max(start, first - 1), min(end, last))
    most = max((view.moments(*edge) for edge in edges), default=0)
    for name in sorted(families):
        members = sorted(families[name], key=view.labels)
        # Where a series does not fit at once, it comes alone, so that its samples stay together.
        rows = 1 if len(edges) > 1 else max(1, _AT_ONCE // max(1, most))
        for at in range(0, len(members), rows):
            some = np.sort(np.array(members[at : at + rows], np.uint32))
            for edge in edges:
                yield from _lines(view.frames(some, *edge))
    yield "# EOF\n"


def _edges(view: View, start: int, end: int) -> list[tuple[int, int]]:
    """The time, in pieces in each of which one series fits into memory."""
    if view.moments(start, end) <= _AT_ONCE or end - start < 2:
        return [(start, end)]
    middle = (start + end) // 2
    return [*_edges(view, start, middle), *_edges(view, middle, end)]


def _lines(frames: Sequence[Frame]) -> Iterator[str]:
    rows = [(frame.labels[row], frame, row) for frame in frames for row in range(len(frame.labels))]
    for labels, frame, row in sorted(rows, key=lambda one: one[0]):
        there = np.flatnonzero(present(frame.values[row]))
        head = series(labels)
        for t, value in zip(frame.times[there].tolist(), frame.values[row, there].tolist(), strict=True):
            yield f"{head} {number(value)} {seconds(t)}\n"


def series(labels: Labels) -> str:
    """A series as the format has it; names that are not of the old alphabet are quoted."""
    pairs = dict(labels)
    name = pairs.pop("__name__", "")
    plain = bool(_METRIC.fullmatch(name))
    inner = [f'{key if _LABEL.fullmatch(key) else _quoted(key)}="{escape(value)}"' for key, value in pairs.items()]
    if name and not plain:
        inner.insert(0, _quoted(name))
    return (name if plain else "") + (f"{{{','.join(inner)}}}" if inner or not plain else "")


def number(value: float) -> str:
    """A value, every bit of it but a NaN's payload."""
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def seconds(t: int) -> str:
    """A moment of Unix milliseconds in seconds, exactly."""
    sign, t = ("-", -t) if t < 0 else ("", t)
    return f"{sign}{t // 1000}.{t % 1000:03d}"


def _quoted(text: str) -> str:
    return f'"{escape(text)}"'
