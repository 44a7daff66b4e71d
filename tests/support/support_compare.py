"""Two exporters of one machine, side by side: the same families, the same series, and values that lie between two readings."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from support_collector import blocks

OWN = re.compile(r"(go|process|promhttp)_|node_exporter_build_info|node_scrape_collector_")
"""Of the exporter itself."""
_OBSERVED = re.compile(
    r"node_(filefd_allocated|sockstat_|tcp_connection_states|netstat_Tcp_CurrEstab|procs_|processes_)"
)
_ITS_OWN = 24
"""How far these may be apart: an exporter's own files, sockets and threads are among what it counts."""
_MEMORY = re.compile(
    r"node_memory_(Active|Inactive|AnonPages|Committed_AS|KernelStack|Mapped|MemAvailable|MemFree|PageTables|Slab|S(Un)?[Rr]eclaim)"
)
_ITS_MEMORY = 16 << 20
_METRIC = re.compile(r"\b(?:node|process|promhttp|go)_[a-zA-Z0-9_]+")


@dataclass(slots=True)
class Differences:
    """What is not the same."""

    families: int = 0
    series: int = 0
    """Of the families that both have."""
    header: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Family → HELP and TYPE here and there, where they differ."""
    only_here: set[str] = field(default_factory=set)
    only_there: set[str] = field(default_factory=set)
    """Series of families that both have."""
    values: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    """Series → there before, here, there after: in no round equal or between."""
    missing: set[str] = field(default_factory=set)
    """Families that are there alone."""
    more: set[str] = field(default_factory=set)
    """Families that are here alone."""


def compare(here: Callable[[], str], there: Callable[[], str], rounds: int = 40) -> Differences:
    """Read both in turns.

    A series passes when in one round at least it is on both sides, and its value is equal to one of the two readings
    around it, or between them; what an exporter itself adds to (open files, sockets, memory) may be a little off. A gauge that goes up and down (free memory) need not be so in each, and states of processes
    come and go.
    """
    found = Differences()
    suspects: dict[str, tuple[float, float, float]] | None = None
    before = there()
    for _ in range(rounds):
        ours, after = here(), there()
        now = _shape(blocks(ours), blocks(after))
        if suspects is not None:
            now.only_here &= found.only_here
            now.only_there &= found.only_there
        found = now
        around = (_values(before), _values(ours), _values(after))
        wrong = {
            key: (old[key], now[key], new[key])
            for old, now, new in [around]
            for key in old.keys() & now.keys() & new.keys()
            if not OWN.match(key) and not _between(key, old[key], now[key], new[key])
        }
        suspects = wrong if suspects is None else {key: wrong[key] for key in suspects.keys() & wrong.keys()}
        if not suspects and not found.only_here and not found.only_there:
            break
        before = after
    found.values = suspects or {}
    return found


def _between(key: str, old: float, now: float, new: float) -> bool:
    room = _ITS_OWN if _OBSERVED.match(key) and not key.endswith("bytes") else _ITS_MEMORY if _MEMORY.match(key) else 0
    return min(old, new) - room <= now <= max(old, new) + room


def _shape(ours: Mapping[str, list[str]], theirs: Mapping[str, list[str]]) -> Differences:
    found = Differences()
    here, there = ({n for n in side if not OWN.match(n)} for side in (ours, theirs))
    found.missing, found.more = there - here, here - there
    both = here & there
    found.families = len(both)
    for name in both:
        heads = [" ".join(line for line in side[name] if line.startswith("#")) for side in (ours, theirs)]
        if heads[0] != heads[1]:
            found.header[name] = (heads[0], heads[1])
        keys = [{line.rpartition(" ")[0] for line in side[name] if not line.startswith("#")} for side in (ours, theirs)]
        found.only_here |= keys[0] - keys[1]
        found.only_there |= keys[1] - keys[0]
        found.series += len(keys[0] & keys[1])
    return found


def _values(text: str) -> dict[str, float]:
    rows = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {key: float(number) for key, _, number in rows}


def expressions(dashboard: str) -> list[str]:
    """Every expression of a Grafana dashboard's panels."""

    def panels(found: Iterable[dict[str, object]]) -> Iterable[dict[str, object]]:
        for panel in found:
            yield panel
            yield from panels(panel.get("panels") or [])  # type: ignore[arg-type]

    return [
        str(target["expr"])
        for panel in panels(json.loads(dashboard)["panels"])
        for target in panel.get("targets") or []  # type: ignore[attr-defined]
        if target.get("expr")
    ]


def metrics_of(expression: str) -> set[str]:
    """The names of an expression's metrics, of those that a node's exporter may have."""
    return set(_METRIC.findall(re.sub(r'"[^"]*"', '""', expression)))
