"""The lines around the moments of an incident, copied by time range, so that they outlive the logs themselves."""

from __future__ import annotations

import json
from typing import Any

from paramedic_core.counters import Counters
from paramedic_logs import stats
from paramedic_logs.routes import line_view
from paramedic_logs.store.search import Query, search
from paramedic_logs.store.store import Store

MOST_LINES = 200
"""In one moment: the newest before its end."""
MOST_BYTES = 256 << 10
"""Of text in one moment."""
AFTER = 3.0
"""Seconds after a moment that still belong to it; its lines are copied when they are over."""
_BEFORE = {"opened": 60.0, "outcome": 30.0, "gave_up": 60.0, "closed": 30.0}
"""The kinds of the healer's records that are a moment, and how many seconds before it belong to it."""


def is_moment(record: dict[str, Any]) -> bool:
    """Whether a record of the healer's journal is a moment whose lines are kept."""
    return record.get("kind") in _BEFORE and bool(record.get("incident")) and bool(record.get("target"))


def moment(store: Store, counters: Counters, record: dict[str, Any]) -> bytes:
    """The lines of one moment, as JSON, from the container that it is about."""
    at = float(record["at"])
    begin = at - _BEFORE[record["kind"]]
    if record["kind"] == "opened":
        begin = min(begin, max(float(record.get("since") or at), at - 900.0) - 30.0)
    lines, more = evidence(store, counters, str(record["target"]), begin, at + AFTER, MOST_LINES)
    kept = {
        "kind": record["kind"], "at": at, "seq": record["seq"], "host": record.get("host", ""),
        "target": record["target"], "name": record.get("name", ""), "service": record.get("service", ""),
        "from": begin, "to": at + AFTER, "more": more, "lines": lines,
    }  # fmt: skip
    return json.dumps(kept, separators=(",", ":")).encode()


def evidence(
    store: Store, counters: Counters, target: str, start: float, end: float, limit: int
) -> tuple[list[dict[str, Any]], bool]:
    """One container's lines in a range of time.

    Args:
        store: where they are.
        counters: see `stats`.
        target: full id.
        start: Unix seconds.
        end: the first moment that no longer counts.
        limit: at most so many, the newest.

    Returns:
        the lines, oldest first, and whether there were more.
    """
    streams = {s.id for s in list(store.streams.values()) if s.container == target and s.origin == "file"}
    answer = search(store, Query(streams, int(start * 1e9), int(end * 1e9), limit=limit), counters)
    lines: list[dict[str, Any]] = []
    room = MOST_BYTES
    for hit in answer.hits:
        room -= len(hit.line.text)
        if room < 0 and lines:
            return lines[::-1], True
        lines.append(line_view(hit.stream, hit.line))
    counters.add(stats.EVIDENCE)
    return lines[::-1], answer.more
